"""What a key may look like, and which keys are assets at all. Keys come from other people's machines: hostile."""

from flows.stores.errors import StoreKeyRefused
from stylecore.data import MASK_SUFFIX

SIDECAR_NAME = "_restyle.csv"
STATEMENT_SUFFIX = ".restyle.json"
WITHDRAWN_SUFFIX = ".restyle-withdrawn.json"
"""What lies where a published file was taken back says so, and why."""
MAX_KEY_BYTES = 1024


def checked_parts(key: str) -> tuple[str, ...]:
    """The parts of a key that is a plain relative path on every store; anything else is refused before it is used."""
    parts = tuple(key.split("/"))
    problem = _problem_with(key, parts)
    if problem:
        raise StoreKeyRefused(
            f"the key {key[:200]!r} {problem}",
            "a plain relative path such as products/red-shoe.jpg",
            "Rename the file at its source.",
        )
    return parts


def _problem_with(key: str, parts: tuple[str, ...]) -> str:
    if not key:
        return "is empty"
    if any(part in ("", ".", "..") for part in parts):
        return "has an empty part, or one that is `.` or `..`"
    if "\0" in key or "\\" in key:
        return "has a NUL or a backslash"
    if any("\ud800" <= character <= "\udfff" for character in key):
        return "is not Unicode text"
    return "is too long" if len(key.encode()) > MAX_KEY_BYTES else ""


def may_be_asset(name: str) -> bool:
    """Whether a file or folder of this name is for us: not hidden, no sidecar of facts, no mask, no statement of ours.

    `.` and `..` can be parts of an S3 key. They are not hidden but hostile, so they are listed and then refused.
    """
    hidden = name.startswith(".") and name not in (".", "..")
    return not (hidden or name == SIDECAR_NAME or name.endswith((STATEMENT_SUFFIX, WITHDRAWN_SUFFIX, MASK_SUFFIX)))
