"""What training leaves for the packer: weights, references, previews, a card and the rights, in one folder.

Only ``style.json`` is missing; it pins these files and is written where packages are read, not here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from stylecore.data import Digest, Recipe
from stylecore.image import Picture
from stylecore.styles.base import StyleModel
from stylecore.stylize import stylize
from stylecore.training.task import Pixels

_JPEG_QUALITY = 82
_PREVIEW_EDGE_PX = 400


@dataclass(frozen=True, slots=True)
class Right:
    """Where one ingredient came from, under which licence, and who holds the rights."""

    what: str
    source: str
    licence: str
    holder: str
    digest: Digest | None = None

    def as_dict(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class PackedStyle:
    """What a package's manifest says of one style."""

    name: str
    index: int
    title: str
    description: str
    reference: str
    preview: str
    suggested_bounds: Mapping[str, float]
    measured: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PackageContent:
    """A folder that training filled, and all that its manifest needs to say."""

    folder: Path
    package: str
    family: str
    architecture: Mapping[str, Any]
    styles: tuple[PackedStyle, ...]
    controls: frozenset[str]
    licence: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A free photograph to show styles on, never one that was trained on."""

    name: str
    picture: Picture
    right: Right


def emptied(folder: Path) -> Path:
    """The folder with nothing of an earlier package in it, and the two folders of pictures."""
    for part in ("references", "previews"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir(parents=True)
    for name in ("style.json", "weights.safetensors", "CARD.md", "rights.json"):
        (folder / name).unlink(missing_ok=True)
    return folder


def write_weights(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    path = folder / "weights.safetensors"
    save_file({name: tensors[name].detach().contiguous() for name in sorted(tensors)}, path)
    path.chmod(0o644)


def write_references(folder: Path, references: Mapping[str, Pixels]) -> None:
    for name, pixels in references.items():
        _save_jpeg(pixels, folder / "references" / f"{name}.jpg")


def write_previews(folder: Path, models: Sequence[StyleModel], samples: Sequence[Sample]) -> None:
    """Before: each sample once. After: the first sample in each style under the style's name, the others beside it."""
    for sample in samples:
        _save_jpeg(shown(sample.picture).pixels, folder / "previews" / f"before_{sample.name}.jpg")
    for model in models:
        for place, sample in enumerate(samples):
            name = model.name if place == 0 else f"{model.name}_{sample.name}"
            rendered = stylize(model, [shown(sample.picture)], Recipe())[0]
            _save_jpeg(rendered.pixels, folder / "previews" / f"{name}.jpg")


def write_rights(folder: Path, rights: Sequence[Right]) -> None:
    entries = [right.as_dict() for right in rights]
    (folder / "rights.json").write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def reference_digest(folder: Path, style: str) -> Digest:
    return Digest.of((folder / "references" / f"{style}.jpg").read_bytes())


def shown(picture: Picture) -> Picture:
    """As large as a preview is."""
    image = Image.fromarray(picture.pixels)
    image.thumbnail((_PREVIEW_EDGE_PX, _PREVIEW_EDGE_PX), Image.Resampling.LANCZOS)
    return Picture(np.asarray(image).copy())


def _save_jpeg(pixels: Pixels, path: Path) -> None:
    Image.fromarray(pixels).save(path, quality=_JPEG_QUALITY, optimize=True)
