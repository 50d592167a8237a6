"""Animations, frame by frame: each as a viewer shows it, laid over those before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image, ImageFile

from stylecore.colour import to_srgb
from stylecore.exif import exif_of
from stylecore.image_problems import ImageProblem, Limits, ProblemCode, check_pixels
from stylecore.picture import Motion, Picture, Pixels
from stylecore.scaling import planes, scaled

_USUAL_DURATION_MS = 100
"""What browsers give a frame that names no duration."""
_MAX_DURATION_MS, _MAX_LOOPS = 60_000, 65_535


def check_motion(image: ImageFile.ImageFile, size_bytes: int, limits: Limits) -> None:
    """Refuse more frames, or more pixels in all frames together, than one picture may have."""
    count = int(getattr(image, "n_frames", 1))
    if count > limits.max_frames:
        raise ImageProblem(
            ProblemCode.TOO_LARGE,
            f"an animation of {count} frames",
            f"at most {limits.max_frames}",
            "Shorten it, or take its first frame with `recipe.animated: first`",
        )
    check_pixels(image.width, image.height * count, size_bytes, limits)


def moving(first: Picture, image: ImageFile.ImageFile, size: tuple[int, int]) -> Picture:
    """The first frame with all others behind it."""
    loops = image.info.get("loop", 1 if image.format == "GIF" else 0)
    turn = exif_of(image)[0]
    durations, shown = [_duration_ms(image)], [(first.pixels, first.alpha)]
    for number in range(1, int(getattr(image, "n_frames", 1))):
        image.seek(number)
        image.load()
        shown.append(_frame(image, size, turn))
        durations.append(_duration_ms(image))
    has_alpha = any(alpha is not None for _, alpha in shown)
    opening, *later = [Picture(pixels, _cover(pixels, alpha) if has_alpha else None) for pixels, alpha in shown]
    times = min(loops, _MAX_LOOPS) if isinstance(loops, int) and loops > 0 else 0
    return replace(first, alpha=opening.alpha, motion=Motion(tuple(later), tuple(durations), times))


def _frame(image: Image.Image, size: tuple[int, int], turn: Image.Transpose | None) -> tuple[Pixels, Pixels | None]:
    rgb, alpha, _ = to_srgb(image)
    if alpha is not None:
        rgb.putalpha(alpha)
    upright = scaled(rgb, size)
    return planes(upright if turn is None else upright.transpose(turn))


def _cover(pixels: Pixels, alpha: Pixels | None) -> Pixels:
    return np.full(pixels.shape[:2], 255, np.uint8) if alpha is None else alpha


def _duration_ms(image: Image.Image) -> int:
    duration = image.info.get("duration")
    if not isinstance(duration, int | float) or not 0 < duration <= _MAX_DURATION_MS:
        return _USUAL_DURATION_MS
    return max(1, round(duration))
