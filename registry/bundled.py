"""The style packages that come with the product."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from registry.errors import RegistryError
from registry.package import MANIFEST


def bundled_packages() -> tuple[Path, ...]:
    """The folders of the bundled packages, in the order of their names. They are read and checked like any other."""
    home = files("registry")
    if not isinstance(home, Path):
        raise RegistryError("restyle runs from an archive", "an unpacked installation", "Install it with pip.")
    return tuple(sorted(found.parent for found in (home / "bundled").glob(f"*/{MANIFEST}")))
