"""A small brand library to try restyle on: photographs that ship with scikit-image, and the troubles real ones have."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

SIDECAR = "_restyle.csv"
_PHOTOS = Path(skimage.__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Rights:
    """One row of the sidecar file. The rights are invented for the story; the photographs are free to use."""

    file: str
    class_: str
    licence: str = "studio-2026"
    derivatives: str = "allowed"
    rights_until: str = ""
    person: str = "no"
    consent: str = ""
    consent_until: str = ""


def build_library(folder: Path) -> int:
    """Write the library below ``folder``; returns how many assets it holds."""
    assets = {**_good_assets(), **_awkward_assets(), **_forbidden_assets(), **_broken_assets()}
    for key, (content, _) in assets.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for directory in sorted({Path(key).parent for key in assets}):
        rows = [rights for key, (_, rights) in assets.items() if Path(key).parent == directory]
        (folder / directory / SIDECAR).write_text(_sidecar(rows), encoding="utf-8")
    return len(assets)


def _good_assets() -> dict[str, tuple[bytes, Rights]]:
    return {
        "products/coffee.jpg": (_jpeg(_photo("coffee.png")), Rights("coffee.jpg", "product")),
        "places/launch-pad.jpg": (_raw("rocket.jpg"), Rights("launch-pad.jpg", "landscape", licence="public-domain")),
        "people/astronaut.jpg": (
            _jpeg(_photo("astronaut.png")),
            Rights("astronaut.jpg", "person", person="yes", consent="release-0117", consent_until="2031-12-31"),
        ),
    }


def _awkward_assets() -> dict[str, tuple[bytes, Rights]]:
    """Right to restyle, and easy to get wrong: turned by EXIF, separated for print, cut out with transparency."""
    return {
        "animals/cat-turned.jpg": (_turned(_photo("chelsea.png")), Rights("cat-turned.jpg", "animal")),
        "print/coffee-cmyk.jpg": (_jpeg(_photo("coffee.png").convert("CMYK")), Rights("coffee-cmyk.jpg", "product")),
        "products/cup-cutout.png": (_cutout(_photo("coffee.png")), Rights("cup-cutout.png", "product")),
    }


def _forbidden_assets() -> dict[str, tuple[bytes, Rights]]:
    return {
        "agency/motorcycle.jpg": (
            _jpeg(_photo("motorcycle_left.png")),
            Rights("motorcycle.jpg", "product", licence="agency-rm-2207", derivatives="forbidden"),
        ),
        "agency/deep-field.jpg": (
            _raw("hubble_deep_field.jpg"),
            Rights("deep-field.jpg", "landscape", licence="agency-rm-1988", rights_until="2024-06-30"),
        ),
        "people/photographer.png": (
            _raw("camera.png"),
            Rights("photographer.png", "person", person="yes"),
        ),
    }


def _broken_assets() -> dict[str, tuple[bytes, Rights]]:
    whole = _raw("rocket.jpg")
    return {
        "inbox/briefing.jpg": (b"Please restyle everything by Friday.\n", Rights("briefing.jpg", "product")),
        "inbox/upload-aborted.jpg": (whole[: len(whole) // 2], Rights("upload-aborted.jpg", "landscape")),
    }


def _sidecar(rows: list[Rights]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in fields(Rights)]
    writer.writerow(name.rstrip("_").replace("_", "-") for name in names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return out.getvalue()


def _raw(name: str) -> bytes:
    return (_PHOTOS / name).read_bytes()


def _photo(name: str) -> Image.Image:
    with Image.open(_PHOTOS / name) as image:
        return image.convert("RGB")


def _jpeg(image: Image.Image, exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, exif=exif or Image.Exif())
    return out.getvalue()


def _turned(image: Image.Image) -> bytes:
    """Stored on its side with the EXIF orientation that stands it up again, as phones do."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return _jpeg(image.transpose(Image.Transpose.ROTATE_90), exif)


def _cutout(image: Image.Image) -> bytes:
    """The cup alone, with a soft edge, on transparency."""
    height, width = image.height, image.width
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot((x - width * 0.5) / (width * 0.42), (y - height * 0.52) / (height * 0.46))
    alpha = np.clip((1.02 - distance) * 40, 0, 1) * 255
    image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
