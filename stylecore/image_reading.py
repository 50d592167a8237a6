"""Bytes to pixels. The bytes are hostile: whatever they hold, only an :class:`ImageProblem` is raised."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from PIL import Image, ImageFile

from stylecore.colour import kept_profile, note_on_profile, straightened, to_srgb
from stylecore.containers import check_structure, is_cut_short, sniff
from stylecore.data import Recipe
from stylecore.deep_reading import deep_planes, is_deep
from stylecore.descriptions import Gps, descriptions_of
from stylecore.exif import exif_of
from stylecore.image_formats import FORMATS
from stylecore.image_openers import OPENERS, JpegFile, is_animated
from stylecore.image_problems import DEFAULT_LIMITS, ImageProblem, Limits, ProblemCode, check_pixels
from stylecore.linear_gamma import gamma_of, ungamma, ungamma_image
from stylecore.motion_reading import check_motion, moving
from stylecore.own_colours import as_pixels, in_srgb, own_colours
from stylecore.picture import OwnColours, Picture, Samples
from stylecore.scaling import fitting, planes, scaled, scaled_samples, turned

Colours = Literal["shown", "srgb", "keep"]
Animated = Literal["refuse", "first", "frames"]

_UNCARRIED = re.compile("cannot handle|unknown pixel mode|unknown data organization|unsupported", re.IGNORECASE)
"""How Pillow says that a file may be sound but is of a kind it does not read."""

_SCALED_DECODE_MARGIN = 1.25
"""A JPEG may be decoded at a fraction of its size, with this much left for Lanczos: a third of the time, and 51 dB from
the full decode, which nobody can see."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of a file is wanted. ``shown``: what a screen shows, in 8 bits; ``srgb``: 16 bits stay 16; ``keep``: the
    colour space stays as well."""

    colours: Colours = "shown"
    animated: Animated = "refuse"
    gps: Gps = "keep"

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        return cls(recipe.colours, recipe.animated, recipe.gps)


AS_SHOWN = Reading()
FIRST_FRAME = Reading(animated="first")
"""What stands for an animation wherever one picture is looked at."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the header says, before EXIF turns anything; ``turned`` when it will."""

    format: str
    width_px: int
    height_px: int
    mode: str
    turned: bool


def probe(content: bytes, limits: Limits = DEFAULT_LIMITS) -> PictureFacts:
    """What this file is, from its header alone."""
    image = _opened(content, limits, AS_SHOWN)
    container = sniff(content)
    with _only_image_problems(container, content):
        is_deep(image, content)
        turned = exif_of(image)[0] is not None
    return PictureFacts(container, image.width, image.height, image.mode, turned)


def decode(
    content: bytes, limits: Limits = DEFAULT_LIMITS, max_edge_px: int | None = None, reading: Reading = AS_SHOWN
) -> Picture:
    """The picture in these bytes, no larger than asked. Raises :class:`ImageProblem` and nothing else."""
    image = _opened(content, limits, reading)
    container = sniff(content)
    with _only_image_problems(container, content):
        if is_deep(image, content):
            return _deep_picture(image, content, max_edge_px, reading)
        if reading.animated == "frames" and is_animated(image):
            check_motion(image, len(content), limits)
        size = _loaded(image, max_edge_px)
        picture = _picture(image, container, size, reading)
        if reading.animated == "frames" and is_animated(image):
            return moving(picture.as_shown(), image, size)
        return picture


def _opened(content: bytes, limits: Limits, reading: Reading) -> ImageFile.ImageFile:
    """The file opened and its claims checked, with nothing decoded yet."""
    if len(content) > limits.max_bytes:
        raise ImageProblem(ProblemCode.TOO_LARGE, f"a file of {len(content)} bytes", f"at most {limits.max_bytes}")
    container = sniff(content)
    with _only_image_problems(container, content):
        pictures = check_structure(container, content, limits)
        image = OPENERS[container](io.BytesIO(content))
        check_pixels(*image.size, len(content), limits)
        _check_several(container, pictures, is_animated(image), reading.animated)
        return image


def _check_several(container: str, pages: int, moves: bool, animated: Animated) -> None:
    """Pages are no frames: shown one after the other they are no film."""
    if animated == "first" or not (pages > 1 or (moves and animated == "refuse")):
        return
    several = FORMATS[container].several
    ways = "`recipe.animated: first`" if pages > 1 else "`recipe.animated: first` (or all of them with `frames`)"
    raise ImageProblem(
        ProblemCode.ANIMATED,
        f"a {FORMATS[container].title} of several {several}",
        "a single picture",
        f"Send one of its {several} as a file of its own, or take the first with {ways}",
    )


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
        if code == ProblemCode.UNSUPPORTED_MODE:
            wanted = "grey, RGB or CMYK of 8 or 16 bits a channel"
            raise ImageProblem(code, got, wanted, "Export it as RGB with 8 or 16 bits a channel") from error
        raise ImageProblem(code, got, "a complete, valid file", "Fetch or export it again") from error


def _loaded(image: ImageFile.ImageFile, max_edge_px: int | None) -> tuple[int, int]:
    """Decode the pixels. Returns the size they are to get, counted from the full picture and not a scaled decode."""
    size = fitting(image.size, max_edge_px)
    if isinstance(image, JpegFile):
        image.draft(None, (int(size[0] * _SCALED_DECODE_MARGIN), int(size[1] * _SCALED_DECODE_MARGIN)))
    image.load()
    return size if isinstance(image, JpegFile) else fitting(image.size, max_edge_px)


def _picture(image: ImageFile.ImageFile, container: str, size: tuple[int, int], reading: Reading) -> Picture:
    turn, exif, exif_notes = exif_of(image, reading.gps)
    turn = None if container == "tiff" else turn  # Pillow turns a TIFF while it loads.
    xmp, iptc, described_notes = descriptions_of(image, reading.gps)
    notes = (*exif_notes, *described_notes, *_notes_on(container))
    if (own := _own_of(image, size, turn, reading)) is not None:
        return Picture(*as_pixels(own), container, exif, notes, own, xmp, iptc)
    rgb, alpha, colour_notes = to_srgb(ungamma_image(image))
    if reading.colours == "keep" and not colour_notes:
        colour_notes = note_on_profile(image, _mode_of(image))
    if alpha is not None:
        rgb.putalpha(alpha)
    shown = scaled(rgb, size)
    upright = shown if turn is None else shown.transpose(turn)
    return Picture(*planes(upright), container, exif, (*notes, *colour_notes), None, xmp, iptc)


def _mode_of(image: Image.Image) -> str:
    return image.mode if image.mode in ("L", "CMYK") else "L" if image.mode == "LA" else "RGB"


def _notes_on(container: str) -> tuple[str, ...]:
    return ("this is the flattened picture of a Photoshop file; its layers were not read",) * (container == "psd")


def _own_of(
    image: Image.Image, size: tuple[int, int], turn: Image.Transpose | None, reading: Reading
) -> OwnColours | None:
    """The colours of a file of 8 bits that is not sRGB, where those are wanted and its profile leads back to them."""
    if reading.colours != "keep" or not image.info.get("icc_profile"):
        return None
    colours, alpha = straightened(image)
    if colours.mode not in ("RGB", "CMYK") or (profile := kept_profile(image, colours.mode)) is None:
        return None
    cover = None if alpha is None else np.asarray(alpha)
    samples, cover = scaled_samples(np.asarray(colours), cover, size, colours.mode == "CMYK")
    return own_colours(turned(samples, turn), None if cover is None else turned(cover, turn), profile)


def _deep_picture(image: ImageFile.ImageFile, content: bytes, max_edge_px: int | None, reading: Reading) -> Picture:
    container = "tiff" if image.format == "TIFF" else "png"
    if container == "png":
        image.load()  # PNG may have its metadata behind the pixels
    turn, exif, exif_notes = exif_of(image, reading.gps)
    xmp, iptc, notes = descriptions_of(image, reading.gps)
    samples, cover = deep_planes(content, container)
    own = _deep_colours(image, samples, cover, turn, max_edge_px)
    mode = "L" if samples.shape[2] == 1 else "RGB"
    notes = (*exif_notes, *notes, *note_on_profile(image, mode))
    shown = Picture(*as_pixels(own), container, exif, notes, None, xmp, iptc)
    if reading.colours == "shown":
        return shown
    return replace(shown, own=own if reading.colours == "keep" else in_srgb(own))


def _deep_colours(
    image: Image.Image, samples: Samples, cover: Samples | None, turn: Image.Transpose | None, max_edge_px: int | None
) -> OwnColours:
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[samples.shape[2]]
    profile = kept_profile(image, mode)
    if profile is None and mode == "CMYK":
        raise ImageProblem(
            ProblemCode.UNSUPPORTED_MODE,
            "inks of 16 bits without a usable colour profile",
            "a CMYK profile in the file",
            "Export it with its profile, or as RGB",
        )
    if (gamma := gamma_of(image)) is not None:
        samples = ungamma(samples, gamma)
    size = fitting((samples.shape[1], samples.shape[0]), max_edge_px)
    samples, cover = scaled_samples(samples, cover, size, mode == "CMYK")
    return own_colours(turned(samples, turn), None if cover is None else turned(cover, turn), profile)
