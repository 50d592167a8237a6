"""Colour management: whatever came, sRGB goes on, and the alpha channel beside it."""

from __future__ import annotations

import io
import struct
from functools import cache, lru_cache

from PIL import Image, ImageCms

from stylecore.image_problems import ImageProblem, ProblemCode

_MAX_PROFILE_BYTES = 4_000_000
"""A large press profile has some two megabytes."""

_PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
_IGNORED = "the colour profile cannot be used and was ignored"
_ONE_WAY = "nothing can be converted back to the colour profile, so the result is sRGB"
_RETURNABLE = ("RGB", "L", "CMYK")
_STRAIGHT = {"RGBa": "RGBA", "La": "LA", "RGBX": "RGB", "1": "L"}


def to_srgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None, tuple[str, ...]]:
    """The picture as 8-bit sRGB, its alpha if it has one, and notes on what had to be assumed."""
    colours, alpha = straightened(image)
    rgb, notes = _managed(colours, image.info.get("icc_profile"))
    return rgb, alpha, notes


def straightened(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours as L, RGB, CMYK or LAB, and the alpha beside them where there is any."""
    straight = _straightened(image)
    if straight.mode not in ("RGBA", "LA"):
        return straight, None
    return straight.convert(straight.mode[:-1]), straight.getchannel("A")


def kept_profile(image: Image.Image, mode: str) -> bytes | None:
    """The profile of a picture of this mode, where one is there that works in both directions and is not sRGB."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile or mode not in _RETURNABLE:
        return None
    opened = _readable_profile(profile, mode)
    if opened is None or (mode == "RGB" and is_srgb(profile)):
        return None
    try:
        ImageCms.ImageCmsTransform(_new_srgb(), opened, "RGB", mode, ImageCms.Intent.PERCEPTUAL)
    except Exception:
        return None
    return profile


def note_on_profile(image: Image.Image, mode: str) -> tuple[str, ...]:
    """Why a picture of this mode does not keep the profile that it has, where that is not for being sRGB."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile or kept_profile(image, mode) is not None:
        return ()
    if _readable_profile(profile, mode) is None:
        return (_IGNORED,)
    return () if mode == "RGB" and is_srgb(profile) else (_ONE_WAY,)


def _straightened(image: Image.Image) -> Image.Image:
    """One of L, LA, RGB, RGBA, CMYK, LAB: palettes looked up, transparent colours and premultiplication resolved."""
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
        notes = (_IGNORED,)
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
    return ImageCms.ImageCmsTransform(source, _new_srgb(), mode, "RGB", ImageCms.Intent.PERCEPTUAL)


def _new_srgb() -> ImageCms.ImageCmsProfile:
    """Made anew each time: profile objects are not safe to share between threads."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@cache
def _swatches() -> Image.Image:
    steps = bytes(range(0, 256, 17))
    return Image.frombytes("RGB", (256, 16), bytes(c for r in steps for g in steps for b in steps for c in (r, g, b)))


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    swatches = _swatches()
    pairs = zip(swatches.tobytes(), transform.apply(swatches).tobytes(), strict=True)
    return all(abs(before - after) <= 1 for before, after in pairs)


@lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Whether this RGB profile says of every colour what sRGB says."""
    return _is_identity(_transform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), "RGB"))


@cache
def srgb_profile() -> bytes:
    """The sRGB profile every output carries. Its creation time is fixed, or equal pictures would differ in bytes."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)
