"""Bytes to pixels and back: what the rest of the house knows of image files."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylecore import image_reading
from stylecore.containers import is_heic
from stylecore.decoder_pool import DecoderPool
from stylecore.image_formats import MEDIA_TYPES
from stylecore.image_problems import DEFAULT_LIMITS, ImageProblem, Limits, ProblemCode
from stylecore.image_reading import AS_SHOWN, FIRST_FRAME, PictureFacts, Reading
from stylecore.image_writing import encode
from stylecore.own_colours import as_pixels, own_colours
from stylecore.picture import OwnColours, Picture, Pixels
from stylecore.scaling import fitting, planes, scaled, scaled_samples

__all__ = [
    "AS_SHOWN",
    "FIRST_FRAME",
    "MEDIA_TYPES",
    "ImageProblem",
    "Limits",
    "OwnColours",
    "Picture",
    "PictureFacts",
    "Pixels",
]
__all__ += ["ProblemCode", "Reading", "decode", "encode", "mean_visible_colour", "probe", "resized"]


def decode(
    content: bytes, limits: Limits = DEFAULT_LIMITS, max_edge_px: int | None = None, reading: Reading = AS_SHOWN
) -> Picture:
    """The picture in these bytes, no larger than asked. Raises :class:`ImageProblem` and nothing else."""
    reads = _apart().decode if is_heic(content) else image_reading.decode
    return reads(content, limits, max_edge_px, reading)


def probe(content: bytes, limits: Limits = DEFAULT_LIMITS) -> PictureFacts:
    """What this file is, from its header alone."""
    if not is_heic(content):
        return image_reading.probe(content, limits)
    picture = decode(content, limits)
    mode = "RGB" if picture.alpha is None else "RGBA"
    return PictureFacts(picture.format, picture.width_px, picture.height_px, mode, turned=False)


@cache
def _apart() -> DecoderPool:
    """HEIC is never opened in this process, wherever it comes from: its decoder dies of some files."""
    return DecoderPool(1)


def resized(picture: Picture, max_edge_px: int) -> Picture:
    """The same picture with its long edge at most this long; never enlarged."""
    size = fitting((picture.width_px, picture.height_px), max_edge_px)
    if size == (picture.width_px, picture.height_px):
        return picture
    if (motion := picture.motion) is not None:
        frames = tuple(resized(frame, max_edge_px) for frame in motion.frames)
        first = resized(replace(picture, motion=None), max_edge_px)
        return replace(first, motion=replace(motion, frames=frames))
    if (own := picture.own) is not None:
        smaller = own_colours(*scaled_samples(own.samples, own.alpha, size, own.is_cmyk), own.profile)
        pixels, alpha = as_pixels(smaller)
        return replace(picture, pixels=pixels, alpha=alpha, own=smaller)
    samples = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    pixels, alpha = planes(scaled(Image.fromarray(samples), size))
    return replace(picture, pixels=pixels, alpha=alpha)


def mean_visible_colour(colours: npt.NDArray[np.float32], alpha: Pixels) -> npt.NDArray[np.float32]:
    """What stands in for colours that nobody can see, wherever they would leak into what somebody can."""
    cover = alpha.astype(np.float32)
    mean: npt.NDArray[np.float32] = np.tensordot(cover, colours, axes=2) / cover.sum()
    return mean
