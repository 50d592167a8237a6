"""The formats that come in, and as what each goes out. docs/pictures.md tells the same, and a test holds it to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """One format. What is not written has no media type; ``like_input`` is what is written instead, or itself."""

    title: str
    like_input: str
    media_type: str | None = None
    sixteen_bits: bool = False
    cmyk: bool = False
    alpha: bool = True
    several: str = ""
    """What makes several pictures of one file, where something does."""
    moving: str = ""
    """As what an animation is written, where there are some; a format that names itself can be asked for."""


FORMATS: Mapping[str, Format] = {
    "jpeg": Format("JPEG", "jpeg", "image/jpeg", cmyk=True, alpha=False),
    "png": Format("PNG", "png", "image/png", sixteen_bits=True, several="frames", moving="png"),
    "webp": Format("WebP", "webp", "image/webp", several="frames", moving="webp"),
    "tiff": Format("TIFF", "tiff", "image/tiff", sixteen_bits=True, cmyk=True, several="pages"),
    "avif": Format("AVIF", "avif", "image/avif", several="frames", moving="webp"),
    "heic": Format("HEIC", "jpeg"),
    "gif": Format("GIF", "png", several="frames", moving="png"),
    "psd": Format("Photoshop", "tiff", cmyk=True),
}

MEDIA_TYPES: Mapping[str, str] = {name: each.media_type for name, each in FORMATS.items() if each.media_type}

TITLES = ", ".join(each.title for each in FORMATS.values())
