"""The style package: a folder of safetensors, JSON, pictures and a card. Untrusted until every byte has been checked.

The sha256 of ``style.json`` is the package's digest. ``style.json`` pins the sha256 of every other file, so whoever
pins the digest has pinned the style. Nothing in a package is ever executed or unpickled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from registry.errors import IntegrityError, PackageError, unknown_name
from registry.folder import digest_plain_file, read_plain_file, refuse_unlisted, sizes_of_files
from registry.manifest import REPACK, ArchitectureValue, RightsEntry, StyleEntry, parse_manifest, parse_rights
from stylecore.data import Digest, RestyleError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from stylecore.styles.base import StyleModel
    from stylecore.weights import WeightsFolder

MANIFEST = "style.json"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class StylePackage:
    """A package whose every file has been checked against the digest that pins it."""

    folder: Path
    digest: Digest
    name: str
    family: str
    architecture: Mapping[str, ArchitectureValue]
    styles: tuple[StyleEntry, ...]
    controls: frozenset[str]
    files: Mapping[str, Digest]
    licence: str
    rights: tuple[RightsEntry, ...]
    card: str
    total_bytes: int

    @classmethod
    def read(cls, folder: Path, expected: Digest | None = None, beside: Collection[str] = ()) -> Self:
        """Reads and checks a folder. With ``expected``, it must be exactly that package and no other valid one.

        Nothing else may lie in the folder but files of the names ``beside``, which are no part of the package.
        """
        sizes = sizes_of_files(folder)
        content = _manifest_bytes(folder, sizes, expected)
        manifest = parse_manifest(content)
        refuse_unlisted(folder, set(sizes) - {*beside}, {MANIFEST, *manifest.files})
        for name, digest in manifest.files.items():
            _refuse_other_bytes(folder, name, digest_plain_file(folder, name), digest)
        return cls(
            folder=folder,
            digest=Digest.of(content),
            name=manifest.package,
            family=manifest.family,
            architecture=dict(manifest.architecture),
            styles=manifest.styles,
            controls=frozenset(manifest.controls),
            files=dict(manifest.files),
            licence=manifest.licence,
            rights=parse_rights(_checked_bytes(folder, "rights.json", manifest.files)),
            card=card_text(_checked_bytes(folder, "CARD.md", manifest.files)),
            total_bytes=sum(sizes.values()),
        )

    def style(self, name: str) -> StyleEntry:
        for entry in self.styles:
            if entry.name == name:
                return entry
        raise unknown_name(f"style in the package {self.name}", name, [entry.name for entry in self.styles])

    def file(self, name: str) -> bytes:
        """The bytes of one listed file, checked again: the folder may have changed since it was read."""
        return _checked_bytes(self.folder, name, self.files)


def load_style(package: StylePackage, style_name: str, weights: WeightsFolder | None = None) -> StyleModel:
    """One style, ready to render."""
    return load_styles(package, [style_name], weights)[0]


def load_styles(
    package: StylePackage, style_names: Sequence[str], weights: WeightsFolder | None = None
) -> list[StyleModel]:
    """Styles of one package on one copy of its network. torch is imported only here: listing styles must stay quick.

    ``weights`` is where a family that needs third-party features at rendering time finds them.
    """
    from stylecore.styles.base import StyleSource
    from stylecore.styles.build import build

    entries = [package.style(name) for name in style_names]
    sources = [StyleSource(entry.index, entry.name, picture_of(package, entry.reference)) for entry in entries]
    return build(package.family, package.architecture, weights_of(package), sources, weights)


def weights_of(package: StylePackage) -> dict[str, Tensor]:
    """The tensors of the package, checked against the digest that pins them. Those in eight bits become floats."""
    from stylecore.quantisation import restored
    from stylecore.weights import load_safetensors

    return restored(load_safetensors(package.folder / WEIGHTS, package.files[WEIGHTS]))


def picture_of(package: StylePackage, name: str) -> NDArray[np.uint8]:
    """The pixels of one of its pictures."""
    from stylecore.image import Limits, decode

    try:
        return decode(package.file(name), Limits(max_bytes=10_000_000, max_pixels=25_000_000)).pixels
    except PackageError:
        raise
    except RestyleError as problem:
        raise PackageError(
            f"{name} of the package {package.name}: {problem.got}", "a picture of the style", REPACK
        ) from problem


def _manifest_bytes(folder: Path, sizes: Mapping[str, int], expected: Digest | None) -> bytes:
    if MANIFEST not in sizes:
        raise PackageError(f"{folder} holds no {MANIFEST}", "a style package folder", "Check the path.")
    content = read_plain_file(folder, MANIFEST)
    if expected is not None:
        _refuse_other_bytes(folder, MANIFEST, Digest.of(content), expected)
    return content


def _checked_bytes(folder: Path, name: str, files: Mapping[str, Digest]) -> bytes:
    if name not in files:
        raise PackageError(f"the package in {folder} lists no file {ascii(name)[:120]}", "a listed file", REPACK)
    content = read_plain_file(folder, name)
    _refuse_other_bytes(folder, name, Digest.of(content), files[name])
    return content


def _refuse_other_bytes(folder: Path, name: str, got: Digest, expected: Digest) -> None:
    if got != expected:
        raise IntegrityError(
            f"{name} in {folder} has the sha256 {got.short}…",
            f"{expected.short}…, as it was pinned",
            "Do not use this package; get it again from whoever made it, and find out who changed it.",
        )


def card_text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise PackageError("CARD.md is not text", "Markdown in UTF-8", REPACK) from problem
    if not all(line.replace("\t", " ").isprintable() for line in text.split("\n")):
        raise PackageError("CARD.md holds control characters", "plain Markdown", REPACK)
    return text
