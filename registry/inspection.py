"""Looking into a package that somebody sent: what is in it, and all that is wrong with it, not only the first."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from registry.errors import PackageError
from registry.folder import digest_plain_file, entries, head_of_plain_file, limit_bytes, read_plain_file
from registry.manifest import REQUIRED_FILES, Manifest, RightsEntry, parse_manifest, parse_rights
from registry.package import MANIFEST, WEIGHTS, StylePackage, card_text, load_style, picture_of, weights_of
from stylecore.data import Digest, RestyleError

_Found = TypeVar("_Found")
_MOST_FILES = 200
_HEAD_BYTES = 4
_PICKLES = frozenset({b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"})
_ZIP = b"PK\x03\x04"
_PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib", ".model"})


@dataclass(frozen=True, slots=True)
class Defect:
    """Something that keeps a package from being used: what it is about, and what was found."""

    code: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class FileFound:
    name: str
    size_bytes: int
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in a folder. Without defects it is a package that can be registered."""

    files: tuple[FileFound, ...]
    manifest: Manifest | None
    rights: tuple[RightsEntry, ...]
    package: StylePackage | None
    defects: tuple[Defect, ...]


def inspected(folder: Path) -> Inspection:
    """Bounds come first: nothing over its limit is read, nothing is followed, and nothing is unpickled or run."""
    looked = _Look(folder)
    looked.at_files()
    manifest = looked.attempted("manifest", MANIFEST, lambda: parse_manifest(read_plain_file(folder, MANIFEST)))
    rights = looked.attempted("rights", "rights.json", lambda: parse_rights(read_plain_file(folder, "rights.json")))
    looked.attempted("card", "CARD.md", lambda: card_text(read_plain_file(folder, "CARD.md")))
    if manifest is not None:
        looked.hold_against(manifest)
    package = None if looked.defects else looked.attempted("package", MANIFEST, lambda: StylePackage.read(folder))
    if package is not None:
        looked.at_styles(package)
    return Inspection(tuple(looked.files), manifest, rights or (), package, tuple(looked.defects))


class _Look:
    """One look into one folder, defect by defect."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[FileFound] = []
        self.defects: list[Defect] = []

    def attempted(self, code: str, where: str, read: Callable[[], _Found]) -> _Found | None:
        if any(each.where == where for each in self.defects):
            return None
        try:
            return read()
        except RestyleError as problem:
            self._is_wrong(code, where, str(problem))
            return None

    def at_files(self) -> None:
        for number, (name, found) in enumerate(entries(self.folder)):
            if number >= _MOST_FILES:
                self._is_wrong("too_many_files", "the folder", f"it holds more than {_MOST_FILES} files")
                return
            self._at_file(name, found)
        present = {each.name for each in self.files} | {each.where for each in self.defects}
        for name in sorted({MANIFEST, *REQUIRED_FILES} - present):
            self._is_wrong("missing", name, "every package has it")

    def _at_file(self, name: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            kind = "a link" if stat.S_ISLNK(found.st_mode) else "no plain file"
            return self._is_wrong("not_a_file", name, f"it is {kind}")
        if found.st_size > limit_bytes(name):
            return self._is_wrong("too_large", name, f"it has {found.st_size} bytes; at most {limit_bytes(name)}")
        if self._is_pickle(name):
            self._is_wrong("pickle", name, "it is a pickle: a program, which restyle neither reads nor runs")
        digest = self.attempted("unreadable", name, lambda: digest_plain_file(self.folder, name))
        self.files.append(FileFound(name, found.st_size, digest))

    def _is_pickle(self, name: str) -> bool:
        """By its first bytes, whatever it is called; also in the zip archive that torch puts one into."""
        try:
            head = head_of_plain_file(self.folder, name, _HEAD_BYTES)
        except PackageError:
            return False
        return head[:2] in _PICKLES or head == _ZIP or Path(name).suffix.lower() in _PICKLE_SUFFIXES

    def hold_against(self, manifest: Manifest) -> None:
        """Every file against the digest that pins it."""
        found = {each.name: each.digest for each in self.files}
        told_already = {each.where for each in self.defects}
        for name in sorted(set(found) - set(manifest.files) - {MANIFEST} - told_already):
            self._is_wrong("unlisted", name, "style.json does not list it, so it could change unseen")
        for name, digest in manifest.files.items():
            if name not in found and name not in told_already:
                self._is_wrong("missing", name, "style.json lists it, and it is not there")
            elif found.get(name) not in (None, digest):
                self._is_wrong("changed", name, f"its sha256 is {found[name]}; style.json pins {digest}")

    def at_styles(self, package: StylePackage) -> None:
        """What only shows when the styles are built: broken tensors, pictures that are none, odd architectures."""
        if self.attempted("weights", WEIGHTS, lambda: weights_of(package)) is None:
            return
        for entry in package.styles:
            self.attempted("picture", entry.preview, partial(picture_of, package, entry.preview))
            self.attempted("style", entry.name, partial(load_style, package, entry.name))

    def _is_wrong(self, code: str, where: str, text: str) -> None:
        printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in where)
        self.defects.append(Defect(code, printable[:200], text))
