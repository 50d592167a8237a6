"""An endless zoo of invented style pictures: palettes, fields and textures. ``style_zoo`` puts them together."""
