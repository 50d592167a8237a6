"""Colour management: whatever came, sRGB goes on, and the alpha channel beside it."""

from __future__ import annotations

import io
import struct
from functools import cache

from PIL import Image, ImageCms

from stylecore.containers import sixteen_bit_problem
from stylecore.image_problems import ImageProblem, ProblemCode

_MAX_PROFILE_BYTES = 4_000_000
"""A large press profile has some two megabytes."""

_PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
_STRAIGHT = {"RGBa": "RGBA", "La": "LA", "RGBX": "RGB", "1": "L"}
_DEEP = ("I", "F")


def to_srgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None, tuple[str, ...]]:
    """The picture as 8-bit sRGB, its alpha if it has one, and notes on what had to be assumed."""
    straight = _straightened(image)
    alpha = straight.getchannel("A") if straight.mode in ("RGBA", "LA") else None
    colours = straight.convert(straight.mode[:-1]) if alpha is not None else straight
    rgb, notes = _managed(colours, image.info.get("icc_profile"))
    return rgb, alpha, notes


def _straightened(image: Image.Image) -> Image.Image:
    """One of L, LA, RGB, RGBA, CMYK, LAB: palettes looked up, transparent colours and premultiplication resolved."""
    if image.mode.startswith(_DEEP):
        raise sixteen_bit_problem(f"{image.format} ({image.mode})")
    if image.mode == "PA" or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGB")
    if image.mode in _STRAIGHT:
        return image.convert(_STRAIGHT[image.mode])
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "LAB"):
        return image
    if image.mode == "YCbCr":
        return image.convert("RGB")
    raise ImageProblem(
        ProblemCode.UNSUPPORTED_MODE, f"a picture in mode {image.mode}", "grey, RGB, CMYK or Lab", "Export it as RGB"
    )


def _managed(colours: Image.Image, profile: object) -> tuple[Image.Image, tuple[str, ...]]:
    if colours.mode == "LAB":
        return _converted(colours, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), ()
    notes: tuple[str, ...] = ()
    if isinstance(profile, bytes) and profile:
        source = _readable_profile(profile, colours.mode)
        if source is not None:
            return _converted(colours, source), ()
        notes = ("the colour profile cannot be used and was ignored",)
    if colours.mode == "CMYK":
        notes = (*notes, "converted from CMYK without a profile")
    return colours.convert("RGB"), notes


def _readable_profile(profile: bytes, mode: str) -> ImageCms.ImageCmsProfile | None:
    """The profile, if it is one and speaks of this picture's kind of colour. A bad profile never costs a picture:
    every viewer shows such a file as if it had none, and so do we, with a note."""
    if len(profile) > _MAX_PROFILE_BYTES:
        return None
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != _PROFILE_SPACES[mode]:
            return None
        _transform(opened, mode)
    except Exception:
        return None
    return opened


def _converted(colours: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    """Through the profile, unless that would be sRGB to sRGB: rounding alone must not touch a pixel."""
    transform = _transform(source, colours.mode)
    if colours.mode == "RGB" and _is_identity(transform):
        return colours
    return transform.apply(colours)


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    # Perceptual is what press profiles are made for; for matrix profiles all intents are the same.
    # The target is made anew each time: profile objects are not safe to share between threads.
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.ImageCmsTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)


@cache
def _swatches() -> Image.Image:
    steps = bytes(range(0, 256, 17))
    return Image.frombytes("RGB", (256, 16), bytes(c for r in steps for g in steps for b in steps for c in (r, g, b)))


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    swatches = _swatches()
    pairs = zip(swatches.tobytes(), transform.apply(swatches).tobytes(), strict=True)
    return all(abs(before - after) <= 1 for before, after in pairs)


@cache
def srgb_profile() -> bytes:
    """The sRGB profile every output carries. Its creation time is fixed, or equal pictures would differ in bytes."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)
