"""Text that comes from people and files, made safe to keep: bounded, and without characters that hide or forge."""

from __future__ import annotations

import unicodedata

from governance.errors import GovernanceError, UsageError

_FORGING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""The bidirectional overrides: with them a line can be shown in another order than it is stored."""

_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def _is_safe(char: str) -> bool:
    return (char.isascii() and char.isprintable()) or not (
        char in _FORGING or unicodedata.category(char) in _REFUSED_CATEGORIES
    )


def is_plain(text: str) -> bool:
    """One line that every database and terminal can show as it is."""
    return (text.isascii() and text.isprintable()) or all(map(_is_safe, text))


def require_plain(
    text: str,
    what: str,
    *,
    max_chars: int = 200,
    may_be_empty: bool = False,
    error: type[GovernanceError] = UsageError,
) -> str:
    """The text without outer spaces, or an error that says which text was wrong and why."""
    text = text.strip()
    if not text and not may_be_empty:
        raise error(f"{what} is empty", "some text")
    if len(text) > max_chars:
        raise error(f"{what} has {len(text)} characters", f"at most {max_chars}")
    if not is_plain(text):
        raise error(f"{what} holds control characters: {text[:60]!r}", "one line of plain text")
    return text


def require_storable(text: str, what: str, *, max_chars: int = 8192) -> str:
    """A name as a store gave it, unchanged, which may hold anything but what no database keeps."""
    if len(text) > max_chars:
        raise UsageError(f"{what} has {len(text)} characters", f"at most {max_chars}")
    if "\0" in text or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)):
        raise UsageError(f"{what} cannot be kept: {text[:60]!r}", "text without NUL and without broken Unicode")
    return text


def made_plain(text: str, max_chars: int = 500) -> str:
    """Text that must be kept whatever it holds (what a decoder said of a hostile file): bad characters replaced."""
    kept = text if is_plain(text) else "".join(char if _is_safe(char) else "\N{REPLACEMENT CHARACTER}" for char in text)
    return kept if len(kept) <= max_chars else kept[: max_chars - 1] + "…"
