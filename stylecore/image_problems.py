"""What can be wrong with an image somebody sent us, and how much of one we are willing to look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from stylecore.data import RestyleError


class ProblemCode(StrEnum):
    """Why an image is put aside. The codes are counted in reports, so they are few and they stay."""

    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    DECOMPRESSION_BOMB = "decompression_bomb"
    UNSUPPORTED_MODE = "unsupported_mode"
    UNSUPPORTED_FORMAT = "unsupported_format"
    ANIMATED = "animated"
    CORRUPT = "corrupt"


class ImageProblem(RestyleError):
    """One image cannot be carried. It fails its own row, never its batch."""

    kind: ClassVar[str] = "usage"

    def __init__(self, code: ProblemCode, got: str, expected: str = "", next_step: str = "") -> None:
        super().__init__(got, expected, next_step)
        self.code = code
        # Exceptions are rebuilt from ``args`` when they cross a process boundary.
        self.args = (code, got, expected, next_step)


@dataclass(frozen=True, slots=True)
class Limits:
    """Checked before anything is decoded. One set a call, because nothing here may change a process-wide setting."""

    max_bytes: int = 200_000_000
    max_pixels: int = 120_000_000
    max_frames: int = 300
    max_cpu_s: int = 120
    """Held only where decoders run in processes of their own."""


DEFAULT_LIMITS = Limits()


MOST_HONEST_PIXELS_PER_BYTE = 200
"""No photograph or drawing we know packs more pixels in a byte; a file that claims more is built to exhaust us."""


def check_pixels(width_px: int, height_px: int, size_bytes: int, limits: Limits) -> None:
    """Refuse an image larger than the limit, and say whether it is merely large or built to hurt."""
    pixels = width_px * height_px
    if pixels <= limits.max_pixels:
        return
    bomb = pixels > size_bytes * MOST_HONEST_PIXELS_PER_BYTE
    raise ImageProblem(
        ProblemCode.DECOMPRESSION_BOMB if bomb else ProblemCode.TOO_LARGE,
        f"an image of {width_px} x {height_px} pixels in {size_bytes} bytes",
        f"at most {limits.max_pixels} pixels",
        "Check where this file comes from" if bomb else "Send a smaller version of it",
    )
