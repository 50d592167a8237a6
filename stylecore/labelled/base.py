"""A labelled dataset, whatever its format: pictures, and labels that say where things are in them.

A style changes surfaces and never moves anything, so every label of a picture is true of its renditions too, as long as
they have its size. That is the one thing to hold on to here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Protocol

from stylecore.data import RestyleError


class DatasetError(RestyleError):
    """A dataset that cannot be understood, or whose labels would not be true any more."""

    kind: ClassVar[str] = "usage"


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture by its path below the dataset's pictures, and the size its labels were drawn on, if they say."""

    key: str
    width_px: int | None = None
    height_px: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A rendition of a labelled picture: from which, as what, with which style."""

    source_key: str
    key: str
    style: str


class LabelledSet(Protocol):
    """A dataset that can say its pictures and label their renditions."""

    @property
    def folder(self) -> Path:
        """Where the pictures' paths start."""
        ...

    @property
    def pictures(self) -> tuple[LabelledPicture, ...]: ...

    def write_labels(self, out: Path, made: Sequence[Made]) -> None:
        """Write what labels the renditions that lie in ``out``."""
        ...


def checked_key(key: object, where: str) -> str:
    """A plain relative path, or a DatasetError: a dataset comes from anywhere, and its names become file names."""
    path = PurePosixPath(key) if isinstance(key, str) and key.isprintable() else None
    if path is None or not path.parts or path.is_absolute() or ".." in path.parts or "\\" in str(path):
        raise DatasetError(f"the picture name {ascii(key)[:120]} in {where}", "a plain path below the pictures' folder")
    return str(path)
