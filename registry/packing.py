"""Writing a style package: the maker lays out the files, this adds the ``style.json`` that describes and pins them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from registry.errors import PackageError
from registry.folder import digest_plain_file, read_plain_file, sizes_of_files
from registry.manifest import ArchitectureValue, StyleEntry, parse_draft, parse_manifest, parse_rights
from registry.package import MANIFEST, StylePackage, card_text

SCHEMA_HINT = "`restyle styles schema` prints what belongs into it."


def write_package(
    folder: Path,
    *,
    package: str,
    family: str,
    architecture: Mapping[str, ArchitectureValue],
    styles: Sequence[StyleEntry],
    controls: Iterable[str],
    licence: str,
) -> StylePackage:
    """Pins everything that lies in ``folder`` and reads it back as any stranger would.

    Expects weights.safetensors, CARD.md, rights.json and the pictures to be there. What is said is checked before
    ``style.json`` is written, and the same content always gives the same bytes, so packing twice changes nothing.
    """
    content = _manifest_json(
        {
            "schema": 1,
            "package": package,
            "family": family,
            "architecture": dict(architecture),
            "styles": [asdict(style) for style in styles],
            "controls": sorted(controls),
            "files": _digests(folder),
            "licence": licence,
        }
    )
    parse_manifest(content)
    (folder / MANIFEST).write_bytes(content)
    return StylePackage.read(folder)


def pack_draft(folder: Path) -> StylePackage:
    """Completes the ``style.json`` that somebody wrote by hand: its digests are taken from the files that lie there.

    Nothing is written unless all of it is as a package must be.
    """
    if MANIFEST not in sizes_of_files(folder):
        raise PackageError(f"{folder} holds no {MANIFEST}", "a draft that names the styles", SCHEMA_HINT)
    draft = parse_draft(read_plain_file(folder, MANIFEST))
    content = _manifest_json({"schema": 1, "controls": [], **draft, "files": _digests(folder)})
    parse_manifest(content)
    parse_rights(read_plain_file(folder, "rights.json"))
    card_text(read_plain_file(folder, "CARD.md"))
    (folder / MANIFEST).write_bytes(content)
    return StylePackage.read(folder)


def _digests(folder: Path) -> dict[str, str]:
    return {name: digest_plain_file(folder, name) for name in sizes_of_files(folder) if name != MANIFEST}


def _manifest_json(value: Mapping[str, Any]) -> bytes:
    """One spelling for one content, and one a person can read and compare line by line."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
