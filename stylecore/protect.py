"""Where in one picture what is: zones become masks of its size, with a core that is exact and a rim that is soft.

The core holds every pixel that a zone touches, and a little more. The rim lies outside of it: the core never shrinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, floor
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage
from skimage.draw import polygon

from stylecore.data import Recipe, Zone
from stylecore.detectors import detected
from stylecore.errors import MaskError
from stylecore.image import Picture, decode
from stylecore.image_problems import ImageProblem, Limits

Core = npt.NDArray[np.bool_]
Coverage = npt.NDArray[np.uint8]
"""255 in the core, falling to 0 across the rim."""

MASK_LIMITS = Limits(max_bytes=20_000_000, max_pixels=40_000_000)
SUBJECT, BACKGROUND = "subject", "background"
"""Kinds that a picture with transparency has by itself."""

_GROWTH = 0.003
"""A zone grows by this fraction of the longer edge, since nobody draws to the pixel."""
_NO_MASKS: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Areas:
    """The parts of one picture in which something else is to happen than in the rest."""

    protected: Coverage | None = field(default=None, repr=False)
    regions: Mapping[str, Coverage] = field(default_factory=dict, repr=False)
    """By kind; the kinds that this picture has none of are missing."""


NOWHERE = Areas()


def areas_of(picture: Picture, recipe: Recipe, masks: Mapping[str, bytes] = _NO_MASKS) -> Areas:
    """What the recipe protects and styles otherwise in this picture. ``masks`` holds mask pictures by their keys."""
    kinds = recipe.kinds
    if not kinds:
        return NOWHERE
    cores = {kind: core for kind in kinds if (core := _core(kind, picture, recipe, masks)).any()}
    rim_px = round(recipe.feather * max(picture.width_px, picture.height_px))
    protected = [cores[kind] for kind in recipe.protect if kind in cores]
    return Areas(
        softened(np.logical_or.reduce(protected), rim_px) if protected else None,
        {kind: softened(cores[kind], rim_px) for kind, _ in recipe.regions if kind in cores},
    )


def softened(core: Core, rim_px: int) -> Coverage:
    """The core, and around it a rim of this width in which coverage falls smoothly to nothing.

    A square of half the rim's width is put around every pixel of the core, and twice a quarter's blur over all of it:
    so no blur reaches the core from outside, and none reaches farther out than the rim.
    """
    covered = core.astype(np.uint8) * np.uint8(255)
    half = rim_px // 2
    if half == 0:
        return covered
    grown = Image.fromarray(ndimage.maximum_filter(covered, size=2 * half + 1, mode="nearest"))
    for radius in (half // 2, half - half // 2):
        grown = grown.filter(ImageFilter.BoxBlur(radius))
    return np.asarray(np.maximum(covered, np.array(grown)))


def _core(kind: str, picture: Picture, recipe: Recipe, masks: Mapping[str, bytes]) -> Core:
    zones = [zone for zone in recipe.zones if zone.kind == kind]
    if kind in recipe.detect:
        zones += detected(kind, picture)
    core = _grown(drawn(zones, picture.width_px, picture.height_px, masks))
    if picture.alpha is not None and kind in (SUBJECT, BACKGROUND):
        core |= (picture.alpha >= 128) == (kind == SUBJECT)
    return core


def drawn(zones: Iterable[Zone], width_px: int, height_px: int, masks: Mapping[str, bytes] = _NO_MASKS) -> Core:
    """Every pixel that one of these zones touches."""
    core = np.zeros((height_px, width_px), dtype=bool)
    for zone in zones:
        if zone.box is not None:
            core[_box(zone.box, width_px, height_px)] = True
        elif zone.mask is not None:
            core |= _mask(zone.mask, masks, width_px, height_px)
        else:
            core |= _polygon(zone.polygon, width_px, height_px)
    return core


def _box(box: tuple[float, float, float, float], width_px: int, height_px: int) -> tuple[slice, slice]:
    left, top, right, bottom = box
    return slice(*_touched(top, bottom, height_px)), slice(*_touched(left, right, width_px))


def _touched(low: float, high: float, size_px: int) -> tuple[int, int]:
    first = min(floor(low * size_px), size_px - 1)
    return first, max(first + 1, ceil(high * size_px))


def _polygon(points: tuple[tuple[float, float], ...], width_px: int, height_px: int) -> Core:
    """The pixels whose middle is inside, and those that the outline runs through; growing makes good its rounding."""
    canvas = Image.new("1", (width_px, height_px))
    corners = [(min(int(x * width_px), width_px - 1), min(int(y * height_px), height_px - 1)) for x, y in points]
    ImageDraw.Draw(canvas).line([*corners, corners[0]], fill=1)
    core = np.array(canvas)
    across, down = (np.array(edges) for edges in zip(*points, strict=True))
    core[polygon(down * height_px - 0.5, across * width_px - 0.5, core.shape)] = True  # type: ignore[no-untyped-call]
    return core


def _mask(key: str, masks: Mapping[str, bytes], width_px: int, height_px: int) -> Core:
    """Every pixel that has some white under it: brighter than mid-grey, and not transparent."""
    if key not in masks:
        raise MaskError(f"the mask {key!a} is not at hand", "the mask pictures of the recipe's zones")
    try:
        mask = decode(masks[key], MASK_LIMITS)
    except ImageProblem as problem:
        raise MaskError(f"the mask {key!a} cannot be read: {problem.got}", "a grey picture, white inside") from problem
    _check_shape(key, mask, width_px, height_px)
    white = np.array(Image.fromarray(mask.pixels).convert("L")) >= 128
    if mask.alpha is not None:
        white &= mask.alpha >= 128
    share = Image.fromarray(white.astype(np.float32)).resize((width_px, height_px), Image.Resampling.BOX)
    return np.array(share) > 1e-6


def _check_shape(key: str, mask: Picture, width_px: int, height_px: int) -> None:
    """A mask of another shape was drawn for another picture. A pixel of rounding at each edge is none."""
    across, down = mask.width_px * height_px, mask.height_px * width_px
    if abs(across - down) > 0.01 * down + mask.width_px + width_px:
        raise MaskError(
            f"the mask {key!a} is {mask.width_px} x {mask.height_px} px",
            f"the shape of its picture, {width_px} x {height_px} px, at any size",
            "Draw the mask on the picture as it is seen, upright.",
        )


def _grown(core: Core) -> Core:
    by = max(1, round(_GROWTH * max(core.shape)))
    return np.asarray(ndimage.maximum_filter(core, size=2 * by + 1, mode="nearest")) if core.any() else core


def held(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], protected: Coverage) -> npt.NDArray[np.uint8]:
    """The picture after, with what is protected as it was before: bit for bit in the core, mixed in the rim."""
    share = protected[..., None].astype(np.float32) / np.float32(255)
    mixed = after + share * (before.astype(np.float32) - after)
    return np.where(protected[..., None] == 255, before, np.rint(mixed).astype(np.uint8))
