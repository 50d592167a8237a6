"""File names are bytes, keys are text. This spelling loses no name and gives no two names one key.

A byte that is not UTF-8 is spelled as U+FFFD (what people see for it anyway) and its two hex digits; so are the bytes
of a real U+FFFD, so that the spelling can be read back. All other names, in NFC or NFD, are spelled as they are.
"""

import os
import re

_MARK = "\ufffd"
_TO_BE_SPELLED = re.compile("[\udc80-\udcff\ufffd]")
_SPELLED_BYTE = re.compile(_MARK.encode() + b"([0-9a-f]{2})")


def spelled(name: str) -> str:
    """The part of a key for a file name as Python's os module gives it, undecodable bytes as surrogates."""
    if name.isascii():
        return name
    return _TO_BE_SPELLED.sub(lambda odd: "".join(f"{_MARK}{byte:02x}" for byte in os.fsencode(odd[0])), name)


def path_on_disk(key: str) -> str:
    """The relative path for a key that came from a listing."""
    return "/".join(file_name(part) or part for part in key.split("/")) if _MARK in key else key


def file_name(part: str) -> str | None:
    """The file name for that part of a key; ``None`` when no file name is spelled so."""
    if _MARK not in part:
        return part
    raw = _SPELLED_BYTE.sub(lambda byte: bytes.fromhex(byte[1].decode()), part.encode())
    name = os.fsdecode(raw)
    return name if spelled(name) == part else None
