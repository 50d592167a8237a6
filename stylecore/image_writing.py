"""Pixels to bytes: upright, tagged with their profile, described as before, the same bytes for the same picture."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image, PngImagePlugin

from stylecore.colour import srgb_profile
from stylecore.data import ChromaSampling, Digest, OutputFormat, Rendition
from stylecore.image_formats import FORMATS, MEDIA_TYPES, Format
from stylecore.image_problems import ImageProblem, ProblemCode
from stylecore.own_colours import from_wide
from stylecore.picture import Motion, Picture, Samples
from stylecore.png_chunks import with_chunks
from stylecore.tiff_writer import tiff_bytes

_MAX_OUTPUT_EDGE_PX = {"jpeg": 65_500, "webp": 16_383, "avif": 16_384}
_PNG_LEVEL = 3
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_AVIF_OPTIONS = {"codec": "aom", "max_threads": 1, "speed": 6, "advanced": {"a:lossless": "1"}}
"""One thread, so that the bytes are the same on every machine; and an alpha plane without loss."""


def encode(
    picture: Picture, output_format: OutputFormat, quality: int, like: str, chroma: ChromaSampling = "auto"
) -> Rendition:
    """The file, in the picture's own colours as far as its format holds them, and else in 8-bit sRGB.

    ``like-input`` writes the format named by ``like``, or the one that stands in for it. JPEG knows no alpha: asked for
    it, transparency becomes white. WebP and AVIF are lossy at ``quality`` with lossless alpha; PNG and TIFF are
    lossless.
    """
    target = _target(output_format, like, moves=picture.motion is not None)
    if target not in MEDIA_TYPES:
        got = f"output format {like if target == 'like-input' else target!r}"
        raise ImageProblem(ProblemCode.UNSUPPORTED_FORMAT, got, ", ".join(MEDIA_TYPES))
    if max(picture.width_px, picture.height_px) > _MAX_OUTPUT_EDGE_PX.get(target, 2**31):
        got = f"a picture of {picture.width_px} x {picture.height_px} pixels to write as {target}"
        raise ImageProblem(ProblemCode.TOO_LARGE, got, f"at most {_MAX_OUTPUT_EDGE_PX[target]} pixels an edge")
    content = _written(_fit_for(picture, FORMATS[target]), target, quality, chroma)
    return Rendition(content, Digest.of(content), MEDIA_TYPES[target], picture.width_px, picture.height_px)


def _target(output_format: OutputFormat, like: str, moves: bool) -> str:
    if output_format == "like-input":
        known = FORMATS.get(like)
        return output_format if known is None else known.moving if moves else known.like_input
    if moves and FORMATS[output_format].moving != output_format:
        raise ImageProblem(
            ProblemCode.UNSUPPORTED_FORMAT,
            f"an animation to write as {FORMATS[output_format].title}",
            "like-input, png or webp",
            "Choose one of these, or take the first frame with `recipe.animated: first`",
        )
    return output_format


def _fit_for(picture: Picture, target: Format) -> Picture:
    """Only what the format can hold: its depth, its kinds of colour, alpha or none."""
    own = picture.own
    if own is not None:
        if own.is_cmyk and not target.cmyk:
            srgb = from_wide(own.wide, srgb_profile(), 3, own.samples.dtype)
            own = replace(own, samples=srgb, profile=srgb_profile())
        if own.bits == 16 and not target.sixteen_bits:
            own = replace(own, samples=_eight(own.samples), alpha=None if own.alpha is None else picture.alpha)
        picture = replace(picture, own=own)
    return picture if target.alpha else _on_white(picture)


def _eight(samples: Samples) -> Samples:
    return np.asarray(np.rint(samples / np.float32(257)).astype(np.uint8))


def _on_white(picture: Picture) -> Picture:
    if picture.alpha is None:
        return picture
    own = picture.own
    if own is not None:
        cover = picture.alpha if own.alpha is None else own.alpha
        paper = 0 if own.is_cmyk else 255
        own = replace(own, samples=_mixed(own.samples, cover, paper), alpha=None)
    return replace(picture, pixels=_mixed(picture.pixels, picture.alpha, 255), alpha=None, own=own)


def _mixed(samples: Samples, alpha: Samples, paper: int) -> Samples:
    cover = alpha[..., None].astype(np.uint32)
    return np.asarray(((samples * cover + paper * (255 - cover) + 127) // 255).astype(np.uint8))


def _written(picture: Picture, target: str, quality: int, chroma: ChromaSampling) -> bytes:
    own = picture.own
    samples, alpha = (picture.pixels, picture.alpha) if own is None else (own.samples, own.alpha)
    profile = srgb_profile() if own is None else own.profile
    if target == "tiff":
        return tiff_bytes(samples, alpha, profile, picture.exif, picture.xmp, picture.iptc)
    joined = samples if alpha is None else np.dstack([samples, alpha])
    if joined.dtype == np.uint16:
        return with_chunks(bytes(imagecodecs.png_encode(joined, level=_PNG_LEVEL)), profile, picture.exif, picture.xmp)
    options = _options(picture, target, quality, chroma)
    image = Image.fromarray(joined, mode="CMYK") if samples.shape[2] == 4 else Image.fromarray(joined)
    if picture.motion is not None:
        options |= _frames(picture.motion)
    written = io.BytesIO()
    image.save(written, target.upper(), icc_profile=profile, **options)
    return written.getvalue() + (_xmp_box(picture.xmp) if target == "avif" and picture.xmp else b"")


def _frames(motion: Motion) -> dict[str, Any]:
    later = [
        Image.fromarray(frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha]))
        for frame in motion.frames
    ]
    return {"save_all": True, "append_images": later, "duration": list(motion.durations_ms), "loop": motion.loops}


def _options(picture: Picture, target: str, quality: int, chroma: ChromaSampling) -> dict[str, Any]:
    options: dict[str, Any] = {"exif": picture.exif} if picture.exif else {}
    if target == "png":
        options["compress_level"] = _PNG_LEVEL
        if picture.xmp:
            told = PngImagePlugin.PngInfo()
            told.add_itxt("XML:com.adobe.xmp", picture.xmp.decode())
            options["pnginfo"] = told
        return options
    if target == "avif":
        return options | _AVIF_OPTIONS | {"quality": quality, "subsampling": _subsampling(quality, chroma)}
    if picture.xmp:
        options["xmp"] = picture.xmp
    if target == "webp":
        return options | {"quality": quality, "method": 4, "exact": True}
    if picture.iptc:
        options["extra"] = _iptc_segment(picture.iptc)
    return options | {"quality": quality, "subsampling": _subsampling(quality, chroma)}


def _subsampling(quality: int, chroma: ChromaSampling) -> str:
    """Halftones and fine hatching are colour detail: at high quality their colour keeps its full resolution."""
    if chroma != "auto":
        return chroma
    return "4:4:4" if quality >= 90 else "4:2:0"


def _xmp_box(packet: bytes) -> bytes:
    """A box behind the pixels, where it moves nothing and where the label is put in its place."""
    return (24 + len(packet)).to_bytes(4, "big") + b"uuid" + _XMP_UUID + packet


def _iptc_segment(block: bytes) -> bytes:
    """As Photoshop puts it into a JPEG: one image resource in an APP13 segment."""
    resource = b"8BIM\x04\x04\0\0" + len(block).to_bytes(4, "big") + block + b"\0" * (len(block) % 2)
    payload = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + (len(payload) + 2).to_bytes(2, "big") + payload
