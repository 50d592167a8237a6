"""Pack the trained content of the bundled styles: measured, bounded, described and pinned.

python -m stylecore.training.bundled --photos DIR --weights DIR --out registry/bundled/atelier
python -m flows.pack_bundled registry/bundled/atelier
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import median

from skimage import data

from registry.manifest import StyleEntry
from registry.package import StylePackage, load_style
from registry.packing import write_package
from stylecore.data import Recipe
from stylecore.image import Picture
from stylecore.score import Judge, score
from stylecore.styles.conditional import FAMILY, Architecture
from stylecore.stylize import stylize
from stylecore.weights import load_safetensors

_MEASURED = ("ssim_full", "ssim_quarter", "ssim_eighth", "style_gap_closed")
_STYLES = (
    ("stained-glass", "Stained glass", "Leaded panes in jewel colours: strong outlines, light from behind."),
    ("risograph", "Risograph", "Coral and blue inks screened in dots on warm paper, with soft misregistration."),
    ("ink-hatching", "Ink hatching", "Blue-black strokes on cream paper that follow light and form."),
)
_BOUNDS = {
    "stained-glass": {"ssim_eighth": 0.45, "style_gap_closed": 0.5},
    "risograph": {"ssim_eighth": 0.5, "style_gap_closed": 0.6},
    "ink-hatching": {"ssim_eighth": 0.45, "style_gap_closed": 0.6},
}
"""A little below the worst of ten photographs of people, places and things: what falls below is worth a look."""


def pack(folder: Path) -> StylePackage:
    """Packs twice: what is measured needs a package to load, and the measurements become part of it."""
    entries = [
        StyleEntry(name, index, title, told, f"references/{name}.jpg", f"previews/{name}.jpg", _BOUNDS[name])
        for index, (name, title, told) in enumerate(_STYLES)
    ]
    package = _written(folder, entries)
    return _written(folder, [replace(entry, measured=_measured(package, entry.name)) for entry in entries])


def _written(folder: Path, entries: list[StyleEntry]) -> StylePackage:
    tensors = load_safetensors(folder / "weights.safetensors", None)
    return write_package(
        folder,
        package="atelier",
        family=FAMILY,
        architecture=Architecture(styles=len(tensors["colour"])).describe(),
        styles=entries,
        controls=["strength"],
        licence="Apache-2.0",
    )


def _measured(package: StylePackage, style: str) -> dict[str, float]:
    """Medians over photographs that ship with scikit-image and were not trained on."""
    model, judge = load_style(package, style), Judge()
    own = (data.astronaut, data.chelsea, data.coffee, data.rocket)
    photos = [Picture(photo()) for photo in own]  # type: ignore[no-untyped-call]  # scikit-image has no types
    scores = [score(photo, stylize(model, [photo], Recipe())[0], model, judge) for photo in photos]
    return {name: round(median(each.value(name) or 0.0 for each in scores), 4) for name in _MEASURED}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m flows.pack_bundled", description="Pack the bundled styles.")
    parser.add_argument("folder", type=Path, help="the package folder that training filled")
    package = pack(parser.parse_args().folder)
    print(f"{package.name} {package.digest}: {package.total_bytes:,} bytes, {len(package.styles)} styles")


if __name__ == "__main__":
    main()
