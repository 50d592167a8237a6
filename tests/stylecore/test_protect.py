"""Zones become masks: a core that holds all of the zone, a rim outside of it, and nothing for what cannot be read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.measure import points_in_poly

from stylecore.data import Recipe, Zone
from stylecore.errors import MaskError
from stylecore.image import Picture
from stylecore.protect import NOWHERE, areas_of, drawn, held, softened
from tests.stylecore.sample_images import noise, png_claiming, saved

share = st.floats(0, 1, allow_subnormal=False)


def core_of(zone: Zone, width: int = 60, height: int = 40, **masks: bytes) -> npt.NDArray[np.bool_]:
    recipe = Recipe(protect=(zone.kind,), zones=(zone,), feather=0.0)
    areas = areas_of(Picture(noise(width, height)), recipe, {f"{key}.mask.png": mask for key, mask in masks.items()})
    assert areas.protected is not None
    return areas.protected == 255


def centres(width: int, height: int) -> npt.NDArray[np.float64]:
    across, down = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return np.stack([across.ravel(), down.ravel()], axis=1)


def mask(width: int, height: int, inside: tuple[slice, slice], mode: str = "L", white: int = 255) -> bytes:
    levels = np.zeros((height, width), dtype=np.uint8)
    levels[inside] = white
    return saved(Image.fromarray(levels).convert(mode), "png")


# --- the core --------------------------------------------------------------------------------------------------------


@given(
    corners=st.tuples(share, share, share, share).filter(lambda c: c[0] != c[2] and c[1] != c[3]),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_every_pixel_that_a_box_touches_is_in_its_core(corners: tuple[float, ...], size: tuple[int, int]) -> None:
    (left, right), (top, bottom) = sorted(corners[::2]), sorted(corners[1::2])
    width, height = size

    core = core_of(Zone("logo", box=(left, top, right, bottom)), width, height)

    columns, rows = np.arange(width), np.arange(height)
    across = (columns + 1 > left * width) & (columns < right * width)
    down = (rows + 1 > top * height) & (rows < bottom * height)
    assert core[np.outer(down, across)].all()
    assert core.any()


@settings(max_examples=150)
@given(points=st.lists(st.tuples(share, share), min_size=3, max_size=8, unique=True))
def test_every_pixel_whose_middle_is_in_a_polygon_is_in_its_core(points: list[tuple[float, float]]) -> None:
    core = core_of(Zone("logo", polygon=tuple(points)), 70, 50)

    inside = points_in_poly(centres(70, 50), np.array(points)).reshape(50, 70)
    assert core[inside].all()


def test_a_polygon_protects_hardly_more_than_itself() -> None:
    triangle = ((0.2, 0.2), (0.8, 0.3), (0.4, 0.9))

    core = core_of(Zone("logo", polygon=triangle), 400, 300)

    inside = points_in_poly(centres(400, 300), np.array(triangle)).reshape(300, 400)
    assert core.sum() < 1.1 * inside.sum()


@pytest.mark.parametrize("size", [(60, 40), (600, 400), (61, 41), (15, 10), (7, 5)])
def test_a_mask_of_any_size_keeps_every_pixel_under_its_white(size: tuple[int, int]) -> None:
    width, height = size
    inside = slice(height // 4, height // 2 + 1), slice(width // 3, width // 2 + 1)

    core = core_of(Zone("logo", mask="a.mask.png"), a=mask(width, height, inside))

    white = np.zeros((height, width), dtype=bool)
    white[inside] = True
    for row, column in np.argwhere(white):
        rows = slice(int(row * 40 / height), int(np.ceil((row + 1) * 40 / height)))
        columns = slice(int(column * 60 / width), int(np.ceil((column + 1) * 60 / width)))
        assert core[rows, columns].all()
    assert core.mean() < 0.6


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_a_mask_may_be_saved_in_any_mode(mode: str) -> None:
    content = mask(60, 40, (slice(10, 20), slice(30, 50)), mode)

    assert core_of(Zone("logo", mask="a.mask.png"), a=content)[10:20, 30:50].all()


def test_what_is_transparent_in_a_mask_is_outside() -> None:
    white = Image.new("RGBA", (60, 40), (255, 255, 255, 0))
    white.paste((255, 255, 255, 255), (0, 0, 10, 10))

    core = core_of(Zone("logo", mask="a.mask.png"), a=saved(white, "png"))

    assert core[:10, :10].all()
    assert not core[20:, 20:].any()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no picture", "cannot be read"),
        (mask(60, 40, (slice(0), slice(0)))[:50], "cannot be read"),
        (mask(40, 60, (slice(0), slice(0))), "the shape of its picture"),
    ],
)
def test_a_mask_that_is_no_picture_of_this_shape_is_an_error(content: bytes, told: str) -> None:
    with pytest.raises(MaskError, match=told):
        core_of(Zone("logo", mask="a.mask.png"), a=content)


def test_a_mask_that_was_not_given_is_an_error_and_no_lost_protection() -> None:
    with pytest.raises(MaskError, match="not at hand"):
        core_of(Zone("logo", mask="a.mask.png"))


def test_several_zones_are_all_of_them() -> None:
    zones = (Zone("a", box=(0, 0, 0.1, 0.1)), Zone("a", polygon=((0.8, 0.8), (1, 0.8), (1, 1))))

    core = drawn(zones, 100, 100)

    assert core[5, 5]
    assert core[85, 97]
    assert not core[50, 50]


# --- from transparency -----------------------------------------------------------------------------------------------


def test_the_subject_is_what_is_opaque_and_the_background_is_the_rest() -> None:
    alpha = np.zeros((40, 60), dtype=np.uint8)
    alpha[10:30, 20:40] = 255
    alpha[10, 20:40] = 100
    picture = Picture(noise(60, 40), alpha)

    subject = areas_of(picture, Recipe(protect=("subject",), feather=0.0)).protected
    background = areas_of(picture, Recipe(protect=("background",), feather=0.0)).protected

    assert subject is not None
    assert background is not None
    assert np.array_equal(subject == 255, alpha >= 128)
    assert np.array_equal(background == 255, alpha < 128)


def test_a_picture_without_transparency_has_no_subject_by_itself() -> None:
    assert areas_of(Picture(noise(60, 40)), Recipe(protect=("subject",))) == NOWHERE


def test_zones_of_kinds_that_the_recipe_does_not_name_are_nothing() -> None:
    recipe = Recipe(protect=("face",), zones=(Zone("logo", box=(0, 0, 1, 1)),))

    assert areas_of(Picture(noise(60, 40)), recipe) == NOWHERE


# --- the rim ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), rim=st.integers(0, 30), share_of=st.floats(0.001, 0.3))
def test_coverage_is_whole_on_the_core_and_nothing_beyond_the_rim(seed: int, rim: int, share_of: float) -> None:
    core = np.random.default_rng(seed).random((50, 64)) < share_of

    coverage = softened(core, rim)

    assert (coverage[core] == 255).all()
    for row, column in np.argwhere(coverage > 0):
        near = core[max(0, row - rim) : row + rim + 1, max(0, column - rim) : column + rim + 1]
        assert near.any()


@given(rim=st.integers(2, 40))
def test_the_rim_falls_smoothly_and_never_rises(rim: int) -> None:
    core = np.zeros((3, 120), dtype=bool)
    core[:, :40] = True

    falls = -np.diff(softened(core, rim)[1].astype(int))

    assert (falls >= 0).all()
    assert falls.max() <= 255 * 4 / max(2, rim) + 2


def test_what_is_held_is_bit_for_bit_in_the_core_and_between_in_the_rim() -> None:
    before, after = noise(64, 48, 1), noise(64, 48, 2)
    core = np.zeros((48, 64), dtype=bool)
    core[10:30, 20:40] = True
    coverage = softened(core, 8)

    mixed = held(before, after, coverage)

    assert np.array_equal(mixed[core], before[core])
    assert np.array_equal(mixed[coverage == 0], after[coverage == 0])
    low, high = np.minimum(before, after), np.maximum(before, after)
    assert ((mixed >= low) & (mixed <= high)).all()


def test_a_mask_with_an_absurd_size_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(MaskError, match="cannot be read"):
        core_of(Zone("logo", mask="a.mask.png"), a=png_claiming(30_000, 20_000))
