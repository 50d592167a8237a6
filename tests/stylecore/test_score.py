"""Scoring: what each number means on real pictures, what is said where there is none, and that none is ever NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Barrier

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.data import SCORE_NAMES, Recipe, Scores, canonical_json
from stylecore.errors import WeightsError
from stylecore.image import Picture
from stylecore.score import Judge, score, ssim_map
from stylecore.stylize import stylize
from stylecore.weights import KNOWN_WEIGHTS, WeightsFolder
from tests.stylecore.sample_images import Inverted, noise, small_style

Pixels = npt.NDArray[np.uint8]
WITHOUT_WEIGHTS = Judge()
STYLE = Inverted()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def judge(shared: Path) -> Judge:
    made = Judge(shared / "weights")
    if made.lpips is None:
        pytest.skip("the shared reference material has no LPIPS weights")
    return made


@cache
def photo(edge_px: int = 512) -> Picture:
    return Picture(np.ascontiguousarray(skimage.data.astronaut()[:edge_px, :edge_px]))


def halftone(pixels: Pixels, pitch_px: float = 6.5) -> Pixels:
    """Black dots on white paper, larger where the picture is darker: a cosine screen turned by 45 degrees."""
    light = pixels @ np.array([0.299, 0.587, 0.114]) / 255
    down, across = np.mgrid[: light.shape[0], : light.shape[1]] * (2 * np.pi / pitch_px / math.sqrt(2))
    height = (np.cos(across + down) + np.cos(across - down)) / 4 + 0.5
    # Thresholds are spread evenly, so that the share of paper among dots is the lightness that was asked for.
    threshold = height.argsort(axis=None).argsort().reshape(height.shape) / height.size
    paper = np.clip((light - threshold) * 4 + 0.5, 0, 1)
    return np.asarray((paper[..., None].repeat(3, axis=2) * 255).round(), dtype=np.uint8)


def scored(before: Picture, after: Picture, judge: Judge = WITHOUT_WEIGHTS) -> Scores:
    return score(before, after, STYLE, judge)


def on_a_sheet(pixels: Pixels, edge_px: int, hidden: int = 0) -> Picture:
    """The picture in the middle of a larger, fully transparent sheet."""
    height, width = pixels.shape[:2]
    top, left = (edge_px - height) // 2, (edge_px - width) // 2
    sheet = np.full((edge_px, edge_px, 3), hidden, dtype=np.uint8)
    alpha = np.zeros((edge_px, edge_px), dtype=np.uint8)
    sheet[top : top + height, left : left + width] = pixels
    alpha[top : top + height, left : left + width] = 255
    return Picture(sheet, alpha)


# --- what the numbers mean -------------------------------------------------------------------------------------------


def test_a_halftone_has_lost_its_structure_at_full_size_and_kept_it_at_an_eighth() -> None:
    values = scored(photo(), Picture(halftone(photo().pixels)))

    assert values.ssim_full is not None
    assert values.ssim_quarter is not None
    assert values.ssim_eighth is not None
    # A quarter is less than the screen's pitch, so how much is back by then depends on the screen.
    assert values.ssim_full < 0.2
    assert values.ssim_full + 0.2 < values.ssim_quarter < values.ssim_eighth
    assert values.ssim_eighth > 0.75


def test_a_scrambled_picture_has_lost_its_structure_at_every_scale() -> None:
    scrambled = np.random.default_rng(0).permutation(photo().pixels.reshape(-1, 3)).reshape(photo().pixels.shape)

    values = scored(photo(), Picture(scrambled))

    assert max(values.ssim_full or 0, values.ssim_quarter or 0, values.ssim_eighth or 0) < 0.3


def test_a_copy_has_the_best_similarity_and_none_of_the_style(judge: Judge) -> None:
    values = scored(photo(256), photo(256), judge)

    assert values.absent == {}
    assert (values.ssim_full, values.ssim_quarter, values.ssim_eighth) == pytest.approx((1, 1, 1), abs=1e-6)
    assert (values.psnr_db, values.lpips, values.lpips_lite, values.style_gap_closed) == (100.0, 0.0, 0.0, 0.0)


def test_a_picture_turned_into_the_styles_reference_has_closed_the_gap() -> None:
    reference = np.ascontiguousarray(skimage.data.coffee()[:256, :256])

    values = score(photo(256), Picture(reference), Inverted(reference), WITHOUT_WEIGHTS)

    assert values.style_gap_closed == 1.0


def test_more_strength_is_less_like_the_picture_by_every_measure_of_likeness(judge: Judge) -> None:
    before, style = photo(256), small_style()

    ladder = [score(before, stylize(style, [before], Recipe(strength=s))[0], style, judge) for s in (0, 0.3, 0.6, 1)]

    for name in ("ssim_full", "ssim_eighth", "psnr_db", "lpips", "lpips_lite"):
        values = [each.value(name) or 0.0 for each in ladder]
        assert values == sorted(values, reverse=not name.startswith("lpips")), name


# --- absent scores ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "an empty folder"])
def test_without_weights_lpips_is_absent_and_says_why_and_how_to_get_it(weights: str | None, tmp_path: Path) -> None:
    values = scored(photo(128), photo(128), Judge(tmp_path if weights else None))

    assert values.lpips is None
    assert values.absent == {"lpips": "no LPIPS weights in the weights folder: restyle weights pull"}


def test_a_judge_takes_a_weights_folder_as_well_as_its_path(shared: Path, judge: Judge) -> None:
    other = Judge(WeightsFolder(shared / "weights"))

    assert other.lpips is not None
    assert judge.lpips is not None
    assert other.lpips.backbone == judge.lpips.backbone == "squeeze"


def test_weights_of_the_wrong_digest_are_an_error_and_no_score(tmp_path: Path) -> None:
    for name in KNOWN_WEIGHTS:
        (tmp_path / f"{name}.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")

    with pytest.raises(WeightsError, match="expected sha256"):
        Judge(tmp_path)


@pytest.mark.parametrize(
    ("edge_px", "missing"),
    [
        (200, set()),
        (87, {"ssim_eighth"}),
        (63, {"ssim_eighth", "lpips", "lpips_lite"}),
        (43, {"ssim_eighth", "ssim_quarter", "lpips", "lpips_lite"}),
        (31, {"ssim_eighth", "ssim_quarter", "lpips", "lpips_lite", "style_gap_closed"}),
        (10, {"ssim_full", "ssim_eighth", "ssim_quarter", "lpips", "lpips_lite", "style_gap_closed"}),
        (1, {"ssim_full", "ssim_eighth", "ssim_quarter", "lpips", "lpips_lite", "style_gap_closed"}),
    ],
)
def test_the_smaller_a_picture_the_fewer_scores_it_has_and_each_absence_is_told(
    edge_px: int, missing: set[str], judge: Judge
) -> None:
    values = scored(Picture(noise(edge_px, edge_px, 1)), Picture(noise(edge_px, edge_px, 2)), judge)

    assert {name for name in SCORE_NAMES if values.value(name) is None} == set(values.absent) == missing
    assert all(values.absent.values())


def test_a_small_reference_is_told_apart_from_a_small_picture() -> None:
    large, small = Picture(noise(64, 64)), Picture(noise(20, 20))

    of_the_reference = score(large, large, Inverted(noise(31, 64)), WITHOUT_WEIGHTS).absent["style_gap_closed"]
    of_the_picture = score(small, small, Inverted(noise(64, 64)), WITHOUT_WEIGHTS).absent["style_gap_closed"]

    assert of_the_reference == "the style's reference picture has an edge of less than 32 pixels"
    assert of_the_picture == "too little of the picture is visible to compare with a style"


def test_a_picture_that_already_is_the_reference_has_no_share_of_a_gap() -> None:
    reference = noise(64, 64)

    values = score(Picture(reference), photo(64), Inverted(reference), WITHOUT_WEIGHTS)

    assert values.style_gap_closed is None
    assert values.absent["style_gap_closed"] == "there is no gap: the picture already looks like the reference"


def test_where_nothing_is_visible_no_score_is_made_up(judge: Judge) -> None:
    invisible = Picture(noise(128, 128), np.zeros((128, 128), dtype=np.uint8))

    values = scored(invisible, invisible, judge)

    assert values == Scores(absent=dict.fromkeys(SCORE_NAMES, "nothing is visible"))
    assert np.array_equal(ssim_map(invisible, invisible), np.ones((128, 128)))


# --- alpha -----------------------------------------------------------------------------------------------------------


def test_a_picture_on_a_large_transparent_sheet_scores_as_it_does_alone(judge: Judge) -> None:
    before, after = photo(192).pixels, halftone(photo(192).pixels)

    alone = scored(Picture(before), Picture(after), judge)
    on_sheets = scored(on_a_sheet(before, 600), on_a_sheet(after, 600), judge)

    assert replace(on_sheets, style_gap_closed=None) == replace(alone, style_gap_closed=None)
    # Patches are drawn at other places, so this one is near and not equal.
    assert on_sheets.style_gap_closed == pytest.approx(alone.style_gap_closed, abs=0.05)


def test_hidden_colours_have_no_part_in_any_score(judge: Judge) -> None:
    before, after = photo(192).pixels, halftone(photo(192).pixels)

    on_black = scored(on_a_sheet(before, 300, 0), on_a_sheet(after, 300, 0), judge)
    on_white = scored(on_a_sheet(before, 300, 255), on_a_sheet(after, 300, 255), judge)

    assert on_black == on_white
    assert on_black.absent == {}


def test_the_fainter_a_change_shows_the_less_it_counts() -> None:
    faint, full = (np.full((128, 128), cover, dtype=np.uint8) for cover in (64, 255))
    before, after = photo(128).pixels, noise(128, 128)

    faintly = scored(Picture(before, faint), Picture(after, faint))
    fully = scored(Picture(before, full), Picture(after, full))

    assert (faintly.psnr_db or 0) > (fully.psnr_db or 0) + 6


def test_thin_lines_are_scored_without_a_style_gap() -> None:
    alpha = np.zeros((400, 400), dtype=np.uint8)
    alpha[::3] = 255

    values = scored(Picture(noise(400, 400, 1), alpha), Picture(noise(400, 400, 2), alpha))

    assert set(values.absent) == {"style_gap_closed", "lpips"}
    assert values.absent["style_gap_closed"] == "too little of the picture is visible to compare with a style"


def test_a_change_where_nobody_sees_it_is_no_change(judge: Judge) -> None:
    before = on_a_sheet(photo(128).pixels, 200)
    after = on_a_sheet(photo(128).pixels, 200, hidden=99)

    assert scored(before, after, judge) == scored(before, before, judge)
    assert scored(before, after).psnr_db == 100.0


def _square(cover: int | None, width: int = 64) -> Picture:
    return Picture(noise(width, 64), None if cover is None else np.full((64, width), cover, dtype=np.uint8))


@pytest.mark.parametrize(
    ("before", "after"),
    [(_square(None), _square(None, 65)), (_square(None), _square(255)), (_square(255), _square(254))],
    ids=["another size", "alpha and none", "another alpha"],
)
def test_pictures_of_another_size_or_alpha_cannot_be_compared(before: Picture, after: Picture) -> None:
    for compare in (scored, ssim_map):
        with pytest.raises(ValueError, match="the same size and the same alpha"):
            compare(before, after)


def test_the_heat_map_of_a_picture_on_a_transparent_sheet_covers_the_sheet() -> None:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:30, 10:50] = 255

    heat = ssim_map(Picture(noise(60, 40), alpha), Picture(noise(60, 40, 1), alpha))

    assert heat.shape == (40, 60)
    assert (heat[alpha == 0] == 1.0).all()
    assert heat[15:25, 20:40].mean() < 0.9


# --- threads, and never NaN ------------------------------------------------------------------------------------------


def test_a_judge_that_has_met_other_styles_finds_what_a_fresh_one_finds() -> None:
    worn, before, after = Judge(), photo(96), Picture(noise(96, 96))

    for style in (Inverted(noise(80, 80, 1)), Inverted(noise(80, 80, 1) // 2), Inverted(noise(40, 160, 1))):
        assert score(before, after, style, worn) == score(before, after, style, Judge())


def test_threads_that_share_a_judge_find_the_numbers_of_one_thread_alone(shared: Path, judge: Judge) -> None:
    pairs = [(photo(160), Picture(noise(160, 160, seed))) for seed in range(6)]
    styles = [Inverted(noise(80, 80, seed)) for seed in range(3)] * 2
    expected = [score(*pair, style, judge) for pair, style in zip(pairs, styles, strict=True)]
    fresh, together = Judge(shared / "weights"), Barrier(2)

    def all_of_them(_: int) -> list[Scores]:
        torch.set_num_threads(1)
        together.wait(timeout=30)
        return [score(*pair, style, fresh) for pair, style in zip(pairs, styles, strict=True)]

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(all_of_them, range(2)))

    assert found == [expected, expected]


def _flat(level: int) -> Callable[[int, int], Pixels]:
    return lambda width, height: np.full((height, width, 3), level, dtype=np.uint8)


def _covers(width: int, height: int) -> st.SearchStrategy[Pixels | None]:
    random = st.integers(0, 99).map(lambda seed: noise(width, height, seed)[..., 0])
    return st.one_of(
        st.none(),
        st.sampled_from([0, 1, 127, 128, 255]).map(lambda cover: np.full((height, width), cover, dtype=np.uint8)),
        random.map(lambda plane: np.where(plane > 250, plane, 0).astype(np.uint8)),
        random.map(lambda plane: np.where(plane > 120, 255, 0).astype(np.uint8)),
    )


@settings(max_examples=80)
@given(data=st.data(), width=st.integers(1, 100), height=st.integers(1, 100))
def test_a_score_is_a_finite_number_or_absent_with_a_reason_whatever_the_pictures(
    data: st.DataObject, width: int, height: int
) -> None:
    paint = st.sampled_from([_flat(0), _flat(255), _flat(77), noise])
    first, second, reference = (data.draw(paint) for _ in range(3))
    alpha = data.draw(_covers(width, height))
    before, after = Picture(first(width, height), alpha), Picture(second(width, height), alpha)

    values = score(before, after, Inverted(reference(40, 40)), WITHOUT_WEIGHTS)

    for name in SCORE_NAMES:
        value = values.value(name)
        assert (value is None) == (name in values.absent)
        assert value is None or math.isfinite(value)
    assert canonical_json(values.as_dict())


@pytest.mark.parametrize("levels", [(0, 0), (0, 255), (255, 255), (77, 0)])
def test_lpips_of_flat_pictures_is_a_finite_number(levels: tuple[int, int], judge: Judge) -> None:
    before, after = (Picture(_flat(level)(96, 70)) for level in levels)

    value = scored(before, after, judge).lpips

    assert value is not None
    assert math.isfinite(value)
    assert (value == 0.0) == (levels[0] == levels[1])
