"""TIFF's tag directories, as TIFF files and EXIF blocks have them, walked without believing them.

Readers copy what each tag points at. A directory may hold 65,535 tags and all may point at the same bytes, so a file of
some megabytes can ask for terabytes. Honest tags do not overlap: together they claim no more than the file holds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from stylecore.image_problems import ImageProblem, ProblemCode

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NEW_SUBFILE_TYPE, _SUB_DIRECTORIES = 254, frozenset({34665, 34853, 40965})
_MAX_DIRECTORIES = 16


@dataclass(slots=True)
class _Walk:
    content: bytes
    order: str
    big: bool
    claimed_bytes: int = 0
    directories: int = 0

    def number(self, code: str, at: int) -> int:
        (value,) = struct.unpack_from(self.order + code, self.content, at)
        return int(value)


def check_tags(content: bytes) -> int:
    """How many full-size pictures the directories list; reduced ones (thumbnails) do not count. Refuses bombs."""
    try:
        walk = _Walk(content, "<" if content[:1] == b"I" else ">", 43 in content[2:4])
        return _walk_chain(walk, walk.number("Q", 8) if walk.big else walk.number("I", 4))
    except struct.error as error:
        raise ImageProblem(
            ProblemCode.TRUNCATED, "tags that lie beyond the end of the file", next_step="Fetch the file again"
        ) from error


def _walk_chain(walk: _Walk, at: int) -> int:
    pictures, seen = 0, set[int]()
    while at and at not in seen and walk.directories < _MAX_DIRECTORIES:
        seen.add(at)
        reduced, at = _walk_directory(walk, at)
        pictures += not reduced
    return pictures


def _walk_directory(walk: _Walk, at: int) -> tuple[bool, int]:
    """Walk one directory and those below it: whether it holds a thumbnail, and where the next one in the chain is."""
    walk.directories += 1
    entries = walk.number("Q" if walk.big else "H", at)
    first, entry_bytes = (at + 8, 20) if walk.big else (at + 2, 12)
    end = first + entries * entry_bytes
    next_at = walk.number("Q" if walk.big else "I", end)
    reduced = False
    for entry in range(first, end, entry_bytes):
        tag, value_at = _claim(walk, entry)
        if tag in _SUB_DIRECTORIES and walk.directories < _MAX_DIRECTORIES:
            _walk_directory(walk, walk.number("I", value_at))
        elif tag == _NEW_SUBFILE_TYPE:
            reduced = bool(walk.number("I", value_at) & 1)
    return reduced, next_at


def _claim(walk: _Walk, entry: int) -> tuple[int, int]:
    """Add what this tag points at to the claims. Returns the tag and where its inline value stands."""
    tag, kind = walk.number("H", entry), walk.number("H", entry + 2)
    count, value_at = walk.number("Q" if walk.big else "I", entry + 4), entry + (12 if walk.big else 8)
    size = count * _TYPE_BYTES.get(kind, 1)
    if size > (8 if walk.big else 4):
        walk.claimed_bytes += size
    if walk.claimed_bytes > len(walk.content):
        raise ImageProblem(
            ProblemCode.CORRUPT,
            f"tags that claim more than the {len(walk.content)} bytes there are",
            "tags that lie inside the file",
            "Save it again with an image editor",
        )
    return tag, value_at
