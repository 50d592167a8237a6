"""Keeping the original's colours: each way by its law, and none of them breaks on flat or grey pictures."""

from __future__ import annotations

from typing import cast, get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.exposure import match_histograms

from stylecore.colour_keeping import kept
from stylecore.data import ColourKeeping
from tests.stylecore.sample_images import scene

Floats = npt.NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114])
WAYS = tuple(way for way in get_args(ColourKeeping) if way != "none")
SEEDS = st.integers(0, 2**32 - 1)


def photo() -> npt.NDArray[np.uint8]:
    return np.array(scene(80, 60))


def colours(seed: int, shape: tuple[int, int] = (30, 40)) -> Floats:
    """A picture with correlated channels that are far from black and white."""
    random = np.random.default_rng(seed)
    mixing = random.uniform(-1, 1, (3, 3)) / 3
    drawn = random.uniform(-0.5, 0.5, (*shape, 3)) @ mixing * random.uniform(0.3, 0.8) + random.uniform(0.4, 0.6, 3)
    return cast(Floats, drawn.astype(np.float32))


def flat(*colour: float) -> Floats:
    return np.broadcast_to(np.array(colour, dtype=np.float32), (60, 80, 3))


@given(SEEDS, SEEDS)
def test_luminance_keeps_the_light_of_the_result(one: int, other: int) -> None:
    original, styled = (np.random.default_rng(seed).random((9, 9, 3)).astype(np.float32) for seed in (one, other))

    result = kept(original, styled, "luminance")

    assert result @ LUMA == pytest.approx(styled @ LUMA, abs=1e-5)


@given(SEEDS, SEEDS)
def test_luminance_keeps_the_hue_of_the_original_and_its_chroma_where_there_is_room(one: int, other: int) -> None:
    original, styled = colours(one), np.random.default_rng(other).random((30, 40, 3)).astype(np.float32)

    result = kept(original, styled, "luminance")

    found, wanted = (each - (each @ LUMA)[..., None] for each in (result, original))
    assert np.cross(found, wanted) == pytest.approx(0, abs=1e-5)
    assert ((found * wanted).sum(axis=2) >= -1e-6).all()
    room = ((result > 1e-4) & (result < 1 - 1e-4)).all(axis=2)
    assert found[room] == pytest.approx(wanted[room], abs=1e-4)


@settings(deadline=None)
@given(SEEDS, SEEDS)
def test_covariance_gives_the_result_the_mean_and_covariance_of_the_original(one: int, other: int) -> None:
    original, styled = colours(one) / 2 + 0.25, colours(other)

    result = kept(original, styled, "covariance").reshape(-1, 3).astype(np.float64)

    spread = np.linalg.eigvalsh(np.cov(styled.reshape(-1, 3).T))
    wanted = original.reshape(-1, 3).astype(np.float64)
    if spread.min() > (3 / 255) ** 2 and result.min() > 0 and result.max() < 1:
        assert result.mean(axis=0) == pytest.approx(wanted.mean(axis=0), abs=1e-4)
        assert np.cov(result.T) == pytest.approx(np.cov(wanted.T), abs=1e-5)


def test_covariance_is_tested_on_pictures_that_are_not_clipped() -> None:
    clipped = [kept(colours(seed) / 2 + 0.25, colours(seed + 1), "covariance") for seed in range(20)]

    assert sum(bool(((each > 0) & (each < 1)).all()) for each in clipped) > 10


@settings(deadline=None)
@given(SEEDS, SEEDS)
def test_histogram_gives_each_channel_the_values_of_the_original(one: int, other: int) -> None:
    original, styled = colours(one), colours(other)

    result = kept(original, styled, "histogram")

    for channel in range(3):
        found, wanted = (np.sort(each[..., channel], axis=None) for each in (result, original))
        assert found == pytest.approx(wanted, abs=0.02)
        assert np.abs(found - wanted).mean() < 1e-3


def test_histogram_of_a_grey_result_agrees_with_scikit_image_and_keeps_the_order_of_light() -> None:
    """With nothing but light in both pictures, all that happens is one matching of one histogram."""
    original, styled = (np.repeat(colours(seed)[..., :1], 3, axis=2) for seed in (1, 2))

    result = kept(original, styled, "histogram")

    assert result == pytest.approx(match_histograms(styled, original, channel_axis=2), abs=3e-3)
    order = np.argsort(styled[..., 0], axis=None)
    assert (np.diff(result[..., 0].ravel()[order]) >= -1e-5).all()


@pytest.mark.parametrize("way", WAYS)
@given(SEEDS)
@settings(deadline=None)
def test_a_result_that_is_the_original_stays_so(way: ColourKeeping, seed: int) -> None:
    original = colours(seed)

    assert kept(original, original, way) == pytest.approx(original, abs=1 / 1024)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("original", [flat(0, 0, 0), flat(0.2, 0.6, 0.9), photo()], ids=["black", "blue", "photo"])
@pytest.mark.parametrize("styled", [flat(1, 1, 1), flat(0.4, 0.1, 0.2), colours(3, (60, 80))])
@pytest.mark.filterwarnings("error")
def test_flat_pictures_give_colours_and_no_nonsense(
    way: ColourKeeping, original: npt.NDArray[np.uint8] | Floats, styled: Floats
) -> None:
    result = kept(original, styled, way)

    assert result.dtype == np.float32
    assert result.shape == styled.shape
    assert np.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1


@pytest.mark.parametrize("way", ["histogram", "covariance"])
def test_a_flat_result_takes_a_middle_colour_of_the_original_and_not_its_brightest(way: ColourKeeping) -> None:
    result = kept(photo(), flat(0.3, 0.3, 0.3), way)

    assert np.ptp(result, axis=(0, 1)) == pytest.approx(0, abs=1e-6)
    assert result[0, 0] == pytest.approx(np.median(photo(), axis=(0, 1)) / 255, abs=0.12)


@pytest.mark.parametrize("way", ["histogram", "covariance"])
def test_the_rounding_of_a_grey_result_does_not_become_coloured_noise(way: ColourKeeping) -> None:
    """Half a grey level of noise between the channels; a colour axis stretched to the original's would show it."""
    random = np.random.default_rng(0)
    grey = np.repeat(random.random((60, 80, 1)), 3, axis=2) * 0.6 + 0.2
    noise = random.uniform(-0.5, 0.5, grey.shape) / 255

    calm, noisy = (kept(photo(), (grey + each).astype(np.float32), "covariance") for each in (0 * noise, noise))

    assert np.abs(calm - noisy).max() < 8 / 255


@pytest.mark.parametrize("way", ["histogram", "covariance"])
def test_pixels_that_nobody_sees_count_for_nothing(way: ColourKeeping) -> None:
    original, styled = photo(), colours(5, (60, 80))
    visible = np.zeros((60, 80), dtype=np.uint8)
    visible[:, :50] = 255
    hidden_original, hidden_styled = original.copy(), styled.copy()
    hidden_original[:, 50:], hidden_styled[:, 50:] = 255, 0

    one = kept(original, styled, way, visible)
    other = kept(hidden_original, hidden_styled, way, visible)

    assert np.array_equal(one[:, :50], other[:, :50])
    assert np.array_equal(kept(original, styled, way, np.zeros((60, 80))), styled)


@pytest.mark.parametrize("way", WAYS)
def test_the_same_pictures_give_the_same_bytes_and_what_came_in_is_untouched(way: ColourKeeping) -> None:
    original, styled = photo(), colours(6, (60, 80))
    before = original.copy(), styled.copy()

    assert kept(original, styled, way).tobytes() == kept(original, styled, way).tobytes()
    assert np.array_equal(original, before[0])
    assert np.array_equal(styled, before[1])


def test_nothing_is_kept_when_nothing_is_asked_for() -> None:
    styled = colours(7)

    assert kept(photo(), styled, "none") is styled


def test_a_way_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="expected luminance, histogram or covariance"):
        kept(photo(), colours(8), cast(ColourKeeping, "hue"))
