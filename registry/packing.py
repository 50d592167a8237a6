"""Writing a style package: the maker lays out the files, this adds the ``style.json`` that describes and pins them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from registry.folder import digest_plain_file, sizes_of_files
from registry.manifest import ArchitectureValue, StyleEntry, parse_manifest
from registry.package import MANIFEST, StylePackage


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


def _digests(folder: Path) -> dict[str, str]:
    return {name: digest_plain_file(folder, name) for name in sizes_of_files(folder) if name != MANIFEST}


def _manifest_json(value: Mapping[str, Any]) -> bytes:
    """One spelling for one content, and one a person can read and compare line by line."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
