"""16 bits a channel: PNG and TIFF files that Pillow would read with 8, or not at all."""

from __future__ import annotations

import io
from collections.abc import Sequence

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin

from stylecore.image_problems import ImageProblem, ProblemCode
from stylecore.picture import Samples

_BITS_PER_SAMPLE, _SAMPLE_FORMAT, _INK_SET = 258, 339, 332
_MAX_CHANNELS, _SMALL_TILE_PIXELS = 8, 1 << 20
_UNSIGNED, _CMYK_INKS = 1, 1
_ASSOCIATED_ALPHA, _STRAIGHT_ALPHA = 1, 2
_COLOURS_OF = {0: 1, 1: 1, 2: 3, 5: 4}
"""How many channels of colour a TIFF's photometric interpretation has: grey (white or black is zero), RGB, inks."""


def is_deep(image: Image.Image, content: bytes) -> bool:
    """Whether there are 16 bits a channel. Any other depth beyond 8 is an :class:`ImageProblem`."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _is_deep_tiff(image)
    return image.format == "PNG" and content[24] == 16


def deep_planes(content: bytes, container: str) -> tuple[Samples, Samples | None]:
    """The samples, H x W x 1, 3 or 4, and the alpha, in 16 bits and as they are stored: not turned, not managed."""
    return _png(content) if container == "png" else _tiff(content)


def _is_deep_tiff(image: TiffImagePlugin.TiffImageFile) -> bool:
    depths = {*image.tag_v2.get(_BITS_PER_SAMPLE, (1,))}
    formats = {*image.tag_v2.get(_SAMPLE_FORMAT, (_UNSIGNED,))}
    if max(depths) <= 8:
        return False
    if depths != {16} or formats != {_UNSIGNED}:
        raise ImageProblem(
            ProblemCode.UNSUPPORTED_MODE,
            f"a TIFF whose channels have {max(depths)} bits, as floats, signed or mixed",
            "8 or 16 bits a channel, unsigned",
            "Export it with 16 bits a channel",
        )
    return True


def _png(content: bytes) -> tuple[Samples, Samples | None]:
    samples = imagecodecs.png_decode(content)
    samples = samples[..., None] if samples.ndim == 2 else samples
    channels = samples.shape[2]
    if channels in (2, 4):
        return np.ascontiguousarray(samples[..., :-1]), np.ascontiguousarray(samples[..., -1])
    return samples, None


def _tiff(content: bytes) -> tuple[Samples, Samples | None]:
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages.first
        colours = _COLOURS_OF.get(int(page.photometric), 0)
        if not colours or (colours == 4 and page.tags.valueof(_INK_SET, _CMYK_INKS) != _CMYK_INKS):
            raise ImageProblem(
                ProblemCode.UNSUPPORTED_MODE,
                f"a TIFF of 16 bits in {page.photometric!s:.40}",
                "grey, RGB or CMYK",
                "Export it as RGB with 16 bits a channel",
            )
        _refuse_cut_short(page, len(content))
        _refuse_waste(page)
        samples = np.asarray(page.asarray(maxworkers=1)).reshape(_shape(page))
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            samples = np.moveaxis(samples, 0, 2)
        inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        return _planes(samples, colours, [int(each) for each in page.extrasamples], inverted)


def _shape(page: tifffile.TiffPage) -> tuple[int, int, int]:
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        return page.samplesperpixel, page.imagelength, page.imagewidth
    return page.imagelength, page.imagewidth, page.samplesperpixel


def _planes(samples: Samples, colours: int, extra: Sequence[int], inverted: bool) -> tuple[Samples, Samples | None]:
    shown = np.ascontiguousarray(samples[..., :colours])
    shown = 65_535 - shown if inverted else shown
    if not extra or extra[0] not in (_ASSOCIATED_ALPHA, _STRAIGHT_ALPHA):
        return shown, None
    alpha = np.ascontiguousarray(samples[..., colours])
    if extra[0] == _ASSOCIATED_ALPHA:
        shown = _straight(shown, alpha)
    return shown, alpha


def _straight(premultiplied: Samples, alpha: Samples) -> Samples:
    cover = np.maximum(alpha, 1)[..., None].astype(np.float32) / np.float32(65_535)
    return np.asarray(np.rint((premultiplied / cover).clip(0, 65_535)).astype(np.uint16))


def _refuse_cut_short(page: tifffile.TiffPage, size_bytes: int) -> None:
    """Decoders of strips and tiles take what they get; so it is made sure that they get all."""
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or max(ends) > size_bytes:
        raise ImageProblem(
            ProblemCode.TRUNCATED, "a TIFF whose pixels end outside the file", "a whole file", "Fetch it again"
        )


def _refuse_waste(page: tifffile.TiffPage) -> None:
    """A tile may be a little larger than its picture. One that is a thousand times larger is made to exhaust us."""
    tile = page.tilewidth * page.tilelength
    most = max(4 * page.imagewidth * page.imagelength, _SMALL_TILE_PIXELS)
    if page.samplesperpixel > _MAX_CHANNELS or tile > most:
        raise ImageProblem(
            ProblemCode.DECOMPRESSION_BOMB,
            f"a TIFF of {page.samplesperpixel} channels in tiles of {page.tilewidth} x {page.tilelength} pixels",
            f"at most {_MAX_CHANNELS} channels, and tiles about as large as the picture",
            "Save it again with an image editor",
        )
