"""What a Photoshop file says of itself before any of it is decoded: only the flattened picture in it is ever read."""

from __future__ import annotations

import struct

from stylecore.image_problems import ImageProblem, ProblemCode

_HEADER_BYTES = 26
_VERSION_INFO = 1057
_MAX_RESOURCES = 5_000


def check_psd(content: bytes) -> None:
    """Refuse what has no flattened picture in 8 bits. What is merely damaged is left for the decoder to report."""
    if len(content) < _HEADER_BYTES:
        return
    bits = int.from_bytes(content[22:24], "big")
    if bits not in (1, 8):
        raise ImageProblem(
            ProblemCode.UNSUPPORTED_MODE,
            f"a Photoshop file of {bits} bits a channel",
            "8 bits a channel",
            "Save it as a TIFF of 16 bits a channel, which keeps them",
        )
    if _lacks_composite(content):
        raise ImageProblem(
            ProblemCode.UNSUPPORTED_MODE,
            "a Photoshop file without its flattened picture",
            "one that was saved with maximum compatibility",
            "Save it again with 'Maximise Compatibility', or as TIFF",
        )


def _lacks_composite(content: bytes) -> bool:
    """Photoshop says in its version resource whether the merged picture is real or a white sheet."""
    try:
        at = _HEADER_BYTES + 4 + _number(content, _HEADER_BYTES)
        end = at + 4 + _number(content, at)
        at += 4
        for _ in range(_MAX_RESOURCES):
            if at + 12 > min(end, len(content)):
                break
            number, name_bytes = struct.unpack_from(">HB", content, at + 4)
            data_at = at + 7 + name_bytes + (name_bytes + 1) % 2 + 4
            size = _number(content, data_at - 4)
            if number == _VERSION_INFO and size >= 5:
                return content[data_at + 4 : data_at + 5] == b"\0"
            at = data_at + size + size % 2
    except (struct.error, IndexError):
        pass
    return False


def _number(content: bytes, at: int) -> int:
    (value,) = struct.unpack_from(">I", content, at)
    return int(value)
