"""Reading the files of a folder that nobody vouches for: plain files only, few, small, and each one once."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from registry.errors import PackageError
from stylecore.data import Digest

_MEGABYTE = 1_000_000
_LIMITS_BYTES = {
    "style.json": _MEGABYTE // 4,
    "rights.json": 2 * _MEGABYTE,
    "CARD.md": _MEGABYTE // 10,
    "weights.safetensors": 200 * _MEGABYTE,
}
_PICTURE_LIMIT_BYTES = 10 * _MEGABYTE
_SUBFOLDERS = ("references", "previews")
_MAX_FILES = 200


def limit_bytes(name: str) -> int:
    """How large the file of that name may be at most."""
    return _LIMITS_BYTES.get(name, _PICTURE_LIMIT_BYTES)


def sizes_of_files(folder: Path) -> dict[str, int]:
    """Every file of the package folder with its size in bytes, or a ``PackageError`` for what has no place there."""
    sizes: dict[str, int] = {}
    for name, found in entries(folder):
        if not stat.S_ISREG(found.st_mode):
            raise _out_of_place(folder, name, "is not a plain file")
        if found.st_size > limit_bytes(name):
            raise PackageError(
                f"{name} in {folder} has {found.st_size} bytes", f"{limit_bytes(name)} at most", "Make it smaller."
            )
        sizes[name] = found.st_size
        if len(sizes) > _MAX_FILES:
            raise PackageError(f"{folder} holds more than {_MAX_FILES} files", "a style package", "Check the path.")
    return sizes


def entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """What lies in the folder and in its two known subfolders; links are reported as links and never followed."""
    try:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name in _SUBFOLDERS and entry.is_dir(follow_symlinks=False):
                with os.scandir(entry) as inside:
                    for picture in inside:
                        yield f"{entry.name}/{picture.name}", picture.stat(follow_symlinks=False)
            else:
                yield entry.name, entry.stat(follow_symlinks=False)
    except OSError as problem:
        raise PackageError(
            f"{folder} cannot be read: {problem.strerror}", "a style package folder", "Check the path."
        ) from problem


def _out_of_place(folder: Path, name: str, why: str) -> PackageError:
    return PackageError(
        f"{ascii(name)[:120]} in {folder} {why}",
        "only style.json and the plain files it lists",
        "Take it out of the folder.",
    )


def refuse_unlisted(folder: Path, present: set[str], listed: set[str]) -> None:
    """A file that no digest pins could change unseen, so it may not be there at all; a missing one is no better."""
    unlisted = sorted(present - listed)
    if unlisted:
        raise _out_of_place(folder, unlisted[0], "is not listed in style.json")
    missing = sorted(listed - present)
    if missing:
        raise PackageError(f"{missing[0]} is missing from {folder}", "every file that style.json lists", "Restore it.")


def read_plain_file(folder: Path, name: str) -> bytes:
    """The bytes of one file, bounded once more: it may have grown since it was listed."""
    with _opened(folder, name) as file:
        return file.read(limit_bytes(name) + 1)


def head_of_plain_file(folder: Path, name: str, size_bytes: int) -> bytes:
    """Its first bytes, however large it is."""
    with _opened(folder, name) as file:
        return file.read(size_bytes)


def digest_plain_file(folder: Path, name: str) -> Digest:
    """The digest of one file, without holding all of it in memory: weights may be large."""
    with _opened(folder, name) as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[BufferedReader]:
    """Opened without following a link and without waiting on a pipe that took the file's place."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(folder / name, flags), "rb") as file:
            yield file
    except OSError as problem:
        raise PackageError(
            f"{name} in {folder} cannot be read: {problem.strerror}", "a readable plain file", "Restore it."
        ) from problem
