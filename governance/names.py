"""People are compared by their names, and spelling a name otherwise does not make it somebody else's."""

from __future__ import annotations

import unicodedata


def folded(name: str) -> str:
    """The name as it is compared: one case, one spelling of accents, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def same_person(one: str, other: str) -> bool:
    return folded(one) == folded(other)
