"""The brand palette: no pixel over the bound, no contour where the bound allows none, and nothing moved for nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from stylecore.colour_spaces import delta_e, to_lab
from stylecore.palette import within, worst_delta_e
from tests.stylecore.sample_images import noise, scene

BRAND = ("0b2545", "ee6352", "f5efe0", "59c9a5")
HEX = st.integers(0, 0xFFFFFF).map(lambda number: f"{number:06x}")
PALETTES = st.lists(HEX, min_size=1, max_size=3, unique=True)


def encoded(colours: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.rint(colours * 255).astype(np.uint8)


def distances(picture: npt.NDArray[np.uint8], palette: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """For each pixel, plainly, in double precision."""
    lab = rgb2lab(picture / 255)
    wanted = rgb2lab(np.array([[list(bytes.fromhex(colour)) for colour in palette]]) / 255)[0]
    found: npt.NDArray[np.float64] = np.min([deltaE_ciede2000(lab, np.full_like(lab, each)) for each in wanted], axis=0)
    return found


def every_colour(step: int = 15) -> npt.NDArray[np.float32]:
    steps = np.arange(0, 256, step) / 255
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3).astype(np.float32)


@settings(max_examples=8, deadline=None)
@given(PALETTES, st.sampled_from([0.0, 0.3, 1.0, 2.0, 5.0, 12.0, 30.0, 120.0]), st.integers(0, 99))
def test_no_pixel_is_over_the_bound_once_it_is_encoded(palette: list[str], bound: float, seed: int) -> None:
    picture = np.concatenate([noise(60, 20, seed).reshape(-1, 3) / 255, every_colour(51).reshape(-1, 3)])

    result = encoded(within(picture.astype(np.float32)[None], tuple(palette), bound))

    assert distances(result, tuple(palette)).max() <= bound + 1e-3


def test_every_kind_of_colour_comes_within_the_bound() -> None:
    result = encoded(within(every_colour(), BRAND, 12.0))

    assert distances(result, BRAND).max() <= 12.0 + 1e-3


@settings(max_examples=8, deadline=None)
@given(PALETTES)
def test_the_colours_of_the_palette_and_what_is_well_within_stay(palette: list[str]) -> None:
    chosen = np.array([[list(bytes.fromhex(colour)) for colour in palette]], dtype=np.uint8)
    near = np.clip(chosen.astype(int) + np.array([1, -1, 1]), 0, 255).astype(np.uint8)

    result = encoded(within(np.concatenate([chosen, near]) / np.float32(255), tuple(palette), 10.0))

    assert np.abs(result.astype(int) - np.concatenate([chosen, near])).max() <= 1


def test_without_a_palette_nothing_happens() -> None:
    picture = np.array(scene(), dtype=np.float32) / 255

    assert np.array_equal(within(picture, (), 3.0), picture)


def test_a_bound_of_nought_leaves_the_colours_of_the_palette_alone() -> None:
    result = encoded(within(np.array(scene(), dtype=np.float32) / 255, BRAND, 0.0))

    assert {bytes(colour).hex() for colour in result.reshape(-1, 3)} <= set(BRAND)


def test_a_grey_goes_to_a_darker_or_lighter_colour_and_not_to_a_gaudy_one() -> None:
    """To ΔE2000 alone a mid grey is nearer to coral than to navy or cream."""
    result = within(np.full((1, 1, 3), 0.5, dtype=np.float32), BRAND, 8.0)

    assert np.ptp(encoded(result).astype(int)) < 60


def test_a_gradient_between_neighbours_of_the_palette_has_no_contour() -> None:
    palette = ("1b2a41", "324a5f", "6b8299", "a9bccb", "ccd6de", "f4f6f8")
    ramp = np.linspace(0, 1, 1024, dtype=np.float32)
    grey, sky = np.repeat(ramp[None, :, None], 3, axis=2), ramp[None, :, None] * np.float32([0.9, 0.95, 1.0])

    for gradient in (grey, sky):
        shown = to_lab(encoded(within(gradient, palette, 14.0)))[0]
        assert delta_e(shown[1:], shown[:-1]).max() < 2.0  # one grey level is up to about 1


def test_a_gradient_across_a_gap_that_the_bound_forbids_has_one_contour_alone() -> None:
    ramp = np.repeat(np.linspace(0, 1, 1024, dtype=np.float32)[None, :, None], 3, axis=2)

    shown = to_lab(encoded(within(ramp, ("1b2135", "f6efe0"), 15.0)))[0]

    assert (delta_e(shown[1:], shown[:-1]) > 2.0).sum() == 1


def test_what_lies_outside_keeps_its_gradient() -> None:
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[None, :, None], 3, axis=2)

    shown = to_lab(encoded(within(ramp, ("808080",), 10.0)))[0, :, 0]

    assert (np.diff(shown) >= -1e-3).all()
    assert shown[60] - shown[0] > 0.5  # a plain "just enough" would have made both the same
    assert shown[255] - shown[195] > 0.5


def test_the_worst_distance_is_that_of_the_worst_pixel() -> None:
    picture = noise(40, 30)

    assert worst_delta_e(picture, BRAND) == pytest.approx(distances(picture, BRAND).max(), abs=1e-3)
    assert worst_delta_e(picture / np.float32(255), BRAND) == worst_delta_e(picture, BRAND)
    assert worst_delta_e(np.empty((0, 0, 3), dtype=np.uint8), BRAND) == 0.0


def test_the_same_picture_gives_the_same_bytes_and_stays_untouched() -> None:
    picture = np.array(scene(), dtype=np.float32) / 255
    before = picture.copy()

    assert within(picture, BRAND, 9.0).tobytes() == within(picture, BRAND, 9.0).tobytes()
    assert np.array_equal(picture, before)


def test_capitals_and_repeated_colours_make_no_difference() -> None:
    picture = np.array(scene(), dtype=np.float32) / 255

    assert np.array_equal(within(picture, ("0B2545", "0b2545"), 9.0), within(picture, ("0b2545",), 9.0))


@pytest.mark.parametrize("colour", ["#0b2545", "0b254", "red", "0b2545\n", "٣٣٣٣٣٣", ""])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="six hex digits"):
        within(np.zeros((4, 4, 3), np.float32), (colour,), 5.0)


def test_more_colours_than_a_palette_has_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 64 colours"):
        within(np.zeros((4, 4, 3), np.float32), tuple(f"{number:06x}" for number in range(65)), 5.0)


@pytest.mark.parametrize("bound", [-1.0, float("nan"), float("inf")])
def test_a_bound_that_is_no_distance_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="palette bound"):
        within(np.zeros((4, 4, 3), np.float32), BRAND, bound)
