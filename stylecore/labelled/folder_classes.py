"""The simplest labelled dataset: a folder for each class, pictures in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stylecore.labelled.base import DatasetError, LabelledPicture, Made, checked_key

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class FolderClasses:
    """The label of a picture is the folder it lies in, so its renditions need nothing but the same folder."""

    folder: Path
    pictures: tuple[LabelledPicture, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        if not folder.is_dir():
            raise DatasetError(f"{folder} is no folder", "a folder with one folder for each class")
        found = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file() and not path.is_symlink()
        )
        loose = [key for key in found if "/" not in key]
        if loose or not found:
            raise DatasetError(
                f"{folder} with {len(found)} pictures, {len(loose)} of them in no class folder",
                "pictures in folders named by their class",
                "For COCO annotations give --coco.",
            )
        return cls(folder, tuple(LabelledPicture(checked_key(key, str(folder))) for key in found))

    def write_labels(self, out: Path, made: Sequence[Made]) -> None:
        """Nothing to write: the class is the folder."""
