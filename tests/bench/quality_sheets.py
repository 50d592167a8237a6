"""Contact sheets: a row for each photograph, a column for each contestant, the style picture last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from stylecore.image import Picture

CELL_PX = 256
_HEAD_PX, _GAP_PX = 22, 6


def write_sheet(path: Path, columns: Mapping[str, Sequence[Picture]]) -> None:
    """All pictures at one size, under the names of their columns."""
    rows = max(len(pictures) for pictures in columns.values())
    pitch = CELL_PX + _GAP_PX
    sheet = Image.new("RGB", (len(columns) * pitch, _HEAD_PX + rows * pitch), "white")
    draw = ImageDraw.Draw(sheet)
    for across, (name, pictures) in enumerate(columns.items()):
        draw.text((across * pitch + 4, 4), name, fill="black", font_size=14)
        for down, picture in enumerate(pictures):
            cell = Image.fromarray(picture.pixels)
            cell.thumbnail((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
            sheet.paste(cell, (across * pitch, _HEAD_PX + down * pitch))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=90)
