"""What can go wrong in the registry room, by kind."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

from stylecore.data import RestyleError


class RegistryError(RestyleError):
    """The registry cannot be reached, or does not know what was asked for."""

    kind: ClassVar[str] = "registry"


class PackageError(RegistryError):
    """A style package is not what a style package must be."""


class DiskFull(RegistryError):
    """Not the registry's fault: there is no room to keep what it sends."""

    kind: ClassVar[str] = "workspace"


class IntegrityError(RegistryError):
    """The bytes are not the bytes that were registered and approved. Never retried, never overlooked."""

    kind: ClassVar[str] = "integrity"


def unknown_name(what: str, name: str, known: Iterable[str]) -> RegistryError:
    """The error for a name nobody knows: it lists the names there are and guesses which one was meant."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]!r}?" if close else "Register it, or choose one of those."
    return RegistryError(f"no {what} named {name[:80]!r}", f"one of: {', '.join(names) or 'none yet'}", hint)
