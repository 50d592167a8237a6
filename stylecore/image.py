"""Bytes to pixels and back. The bytes are hostile: whatever they hold, only an :class:`ImageProblem` is raised."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from stylecore.colour import srgb_profile, to_srgb
from stylecore.containers import check_structure, is_cut_short, sixteen_bit_problem, sniff
from stylecore.data import Digest, OutputFormat, Rendition
from stylecore.exif import exif_of
from stylecore.image_problems import DEFAULT_LIMITS, ImageProblem, Limits, ProblemCode, check_pixels
from stylecore.tiff_writer import tiff_bytes

__all__ = ["MEDIA_TYPES", "ImageProblem", "Limits", "Picture", "PictureFacts", "ProblemCode"]
__all__ += ["decode", "encode", "mean_visible_colour", "probe", "resized"]

Pixels = npt.NDArray[np.uint8]

MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "tiff": "image/tiff"}


class _JpegFile(JpegImagePlugin.JpegImageFile):
    """Pillow would read the EXIF block for a resolution as soon as it opens a JPEG: before that block is checked."""

    def _read_dpi_from_exif(self) -> None:
        pass


_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "jpeg": _JpegFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
}
"""Opened by class and not through ``Image.open``: no other decoder can be reached, a phone's multi-picture JPEG is the
JPEG it begins with, and the pixel limit is ours for each call instead of Pillow's for the process."""

_BITS_PER_SAMPLE = 258
_UNCARRIED = re.compile("cannot handle|unknown pixel mode|unknown data organization|unsupported", re.IGNORECASE)
"""How Pillow says that a file may be sound but is of a kind it does not read."""

_MAX_OUTPUT_EDGE_PX = {"jpeg": 65_500, "webp": 16_383}
_SCALED_DECODE_MARGIN = 1.25
"""A JPEG may be decoded at a fraction of its size, with this much left for Lanczos: a third of the time, and 51 dB from
the full decode, which nobody can see."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the header says, before EXIF turns anything; ``turned`` when it will."""

    format: str
    width_px: int
    height_px: int
    mode: str
    turned: bool


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Upright 8-bit sRGB pixels, H x W x 3, with straight (not premultiplied) alpha, H x W, where there is any.

    ``format`` is that of the file it came from, ``exif`` what is worth keeping of its EXIF block, ``notes`` what had to
    be assumed to read it.
    """

    pixels: Pixels = field(repr=False)
    alpha: Pixels | None = field(default=None, repr=False)
    format: str = "png"
    exif: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def width_px(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.pixels.shape[0])


def probe(content: bytes, limits: Limits = DEFAULT_LIMITS) -> PictureFacts:
    """What this file is, from its header alone."""
    image = _opened(content, limits)
    container = sniff(content)
    with _only_image_problems(container, content):
        turned = exif_of(image)[0] is not None
    return PictureFacts(container, image.width, image.height, image.mode, turned)


def decode(content: bytes, limits: Limits = DEFAULT_LIMITS, max_edge_px: int | None = None) -> Picture:
    """The picture in these bytes, no larger than asked. Raises :class:`ImageProblem` and nothing else."""
    image = _opened(content, limits)
    container = sniff(content)
    with _only_image_problems(container, content):
        size = _loaded(image, max_edge_px)
        return _picture(image, container, size)


def resized(picture: Picture, max_edge_px: int) -> Picture:
    """The same picture with its long edge at most this long; never enlarged."""
    size = _fitting((picture.width_px, picture.height_px), max_edge_px)
    if size == (picture.width_px, picture.height_px):
        return picture
    pixels, alpha = _planes(_scaled(_as_image(picture), size))
    return replace(picture, pixels=pixels, alpha=alpha)


def mean_visible_colour(colours: npt.NDArray[np.float32], alpha: Pixels) -> npt.NDArray[np.float32]:
    """What stands in for colours that nobody can see, wherever they would leak into what somebody can."""
    cover = alpha.astype(np.float32)
    mean: npt.NDArray[np.float32] = np.tensordot(cover, colours, axes=2) / cover.sum()
    return mean


def encode(picture: Picture, output_format: OutputFormat, quality: int, like: str) -> Rendition:
    """The file: upright, tagged sRGB, EXIF kept, the same bytes for the same picture every time.

    ``like-input`` writes the format named by ``like``. JPEG knows no alpha: asked for it, transparency becomes white.
    WebP is lossy at ``quality`` with lossless alpha; PNG and TIFF are lossless.
    """
    target = like if output_format == "like-input" else output_format
    if target not in MEDIA_TYPES:
        raise ImageProblem(ProblemCode.UNSUPPORTED_FORMAT, f"output format {target!r}", ", ".join(MEDIA_TYPES))
    if max(picture.width_px, picture.height_px) > _MAX_OUTPUT_EDGE_PX.get(target, 2**31):
        got = f"a picture of {picture.width_px} x {picture.height_px} pixels to write as {target}"
        raise ImageProblem(ProblemCode.TOO_LARGE, got, f"at most {_MAX_OUTPUT_EDGE_PX[target]} pixels an edge")
    content = _written(_on_white(picture) if target == "jpeg" else picture, target, quality)
    return Rendition(content, Digest.of(content), MEDIA_TYPES[target], picture.width_px, picture.height_px)


def _opened(content: bytes, limits: Limits) -> ImageFile.ImageFile:
    """The file opened and its claims checked, with nothing decoded yet."""
    if len(content) > limits.max_bytes:
        raise ImageProblem(ProblemCode.TOO_LARGE, f"a file of {len(content)} bytes", f"at most {limits.max_bytes}")
    container = sniff(content)
    with _only_image_problems(container, content):
        check_structure(container, content, limits)
        image = _OPENERS[container](io.BytesIO(content))
        check_pixels(*image.size, len(content), limits)
        _check_carried(image)
        return image


def _check_carried(image: ImageFile.ImageFile) -> None:
    # Several pages in a TIFF were ruled out before; here that flag also counts thumbnails.
    if image.format != "TIFF" and getattr(image, "is_animated", False):
        raise ImageProblem(ProblemCode.ANIMATED, f"an animated {image.format}", "a single picture", "Send one frame")
    depths = image.tag_v2.get(_BITS_PER_SAMPLE, (8,)) if isinstance(image, TiffImagePlugin.TiffImageFile) else (8,)
    if image.mode.startswith(("I", "F")) or max(depths) > 8:
        raise sixteen_bit_problem(f"{image.format} ({image.mode})")


@contextmanager
def _only_image_problems(container: str, content: bytes) -> Iterator[None]:
    """Decoders meet hostile bytes with every exception there is; all of them mean that this one image is bad."""
    try:
        yield
    except ImageProblem:
        raise
    except MemoryError as error:
        raise ImageProblem(ProblemCode.TOO_LARGE, f"a {container} that does not fit in memory") from error
    except Image.DecompressionBombError as error:
        raise ImageProblem(ProblemCode.DECOMPRESSION_BOMB, f"a {container} with an absurd size: {error}") from error
    except Exception as error:
        told_so = isinstance(error, EOFError) or "truncated" in str(error).lower()
        code = ProblemCode.UNSUPPORTED_MODE if _UNCARRIED.search(str(error)) else ProblemCode.CORRUPT
        if told_so or is_cut_short(container, content):
            code = ProblemCode.TRUNCATED
        got = f"a {container} that cannot be decoded ({type(error).__name__}: {str(error)[:200]})"
        raise ImageProblem(code, got, "a complete, valid file", "Fetch or export it again") from error


def _loaded(image: ImageFile.ImageFile, max_edge_px: int | None) -> tuple[int, int]:
    """Decode the pixels. Returns the size they are to get, counted from the full picture and not a scaled decode."""
    if not isinstance(image, _JpegFile):
        image.load()
        return _fitting(image.size, max_edge_px)
    size = _fitting(image.size, max_edge_px)
    image.draft(None, (int(size[0] * _SCALED_DECODE_MARGIN), int(size[1] * _SCALED_DECODE_MARGIN)))
    image.load()
    return size


def _picture(image: ImageFile.ImageFile, container: str, size: tuple[int, int]) -> Picture:
    turn, exif, exif_notes = exif_of(image)
    rgb, alpha, colour_notes = to_srgb(image)
    if alpha is not None:
        rgb.putalpha(alpha)
    scaled = _scaled(rgb, size)
    # Pillow turns a TIFF while it loads.
    upright = scaled if turn is None or container == "tiff" else scaled.transpose(turn)
    pixels, plane = _planes(upright)
    return Picture(pixels, plane, format=container, exif=exif, notes=exif_notes + colour_notes)


def _fitting(size: tuple[int, int], max_edge_px: int | None) -> tuple[int, int]:
    long_edge = max(size)
    if max_edge_px is None or long_edge <= max_edge_px:
        return size
    return max(1, round(size[0] * max_edge_px / long_edge)), max(1, round(size[1] * max_edge_px / long_edge))


def _scaled(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Lanczos; Pillow premultiplies RGBA around it, so that hidden colours do not bleed in."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _planes(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    values = np.array(image)
    if image.mode == "RGBA":
        return np.ascontiguousarray(values[..., :3]), np.ascontiguousarray(values[..., 3])
    return values, None


def _samples(picture: Picture) -> Pixels:
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


def _as_image(picture: Picture) -> Image.Image:
    return Image.fromarray(_samples(picture))


def _on_white(picture: Picture) -> Picture:
    if picture.alpha is None:
        return picture
    cover = picture.alpha[..., None].astype(np.uint32)
    mixed = (picture.pixels * cover + 255 * (255 - cover) + 127) // 255
    return replace(picture, pixels=mixed.astype(np.uint8), alpha=None)


def _written(picture: Picture, target: str, quality: int) -> bytes:
    if target == "tiff":
        return tiff_bytes(_samples(picture), picture.exif, srgb_profile())
    options: dict[str, Any] = {"exif": picture.exif} if picture.exif else {}
    if target == "png":
        options["compress_level"] = 3
    elif target == "webp":
        options |= {"quality": quality, "method": 4, "exact": True}
    else:
        # Halftones and fine hatching are colour detail: at high quality their colour keeps its full resolution.
        options |= {"quality": quality, "subsampling": "4:4:4" if quality >= 90 else "4:2:0"}
    written = io.BytesIO()
    _as_image(picture).save(written, target.upper(), icc_profile=srgb_profile(), **options)
    return written.getvalue()
