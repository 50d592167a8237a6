"""All scores of one rendition: present with their value, or absent with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylecore.data import SCORE_NAMES, Recipe, canonical_json
from stylecore.errors import WeightsError
from stylecore.image import Picture
from stylecore.score import Judge, score, ssim_map
from stylecore.stylize import stylize
from tests.stylecore.sample_images import Inverted, noise, picture

WEIGHTS = Path(__file__).resolve().parents[2].parent / "shared" / "weights"
needs_weights = pytest.mark.skipif(not WEIGHTS.is_dir(), reason="the reference weights are not beside this repository")


@needs_weights
def test_a_rendition_has_every_score_where_weights_are_present() -> None:
    before = picture(128, 96)
    after = stylize(Inverted(), [before], Recipe())[0]
    scores = score(before, after, Inverted(), Judge(WEIGHTS))
    assert all(isinstance(scores.value(name), float) for name in SCORE_NAMES)
    assert scores.absent == {}
    assert canonical_json(scores.as_dict())


@needs_weights
def test_an_unchanged_copy_has_perfect_similarity_and_no_style() -> None:
    scores = score(picture(128, 96), picture(128, 96), Inverted(), Judge(WEIGHTS))
    assert scores.ssim_full == pytest.approx(1.0, abs=1e-6)
    assert (scores.psnr_db, scores.lpips, scores.style_gap_closed) == (100.0, 0.0, 0.0)


@pytest.mark.parametrize("weights", [None, Path("/nowhere")])
def test_without_weights_lpips_is_absent_and_says_what_to_do(weights: Path | None) -> None:
    scores = score(picture(128, 96), picture(128, 96), Inverted(), Judge(weights))
    assert scores.lpips is None
    assert set(scores.absent) == {"lpips"}
    assert "restyle weights pull" in scores.absent["lpips"]


@needs_weights
def test_altered_weights_are_an_error_and_not_a_silent_absence(tmp_path: Path) -> None:
    for name in ("squeezenet1_1_features", "lpips_lin_squeeze"):
        content = bytearray((WEIGHTS / f"{name}.safetensors").read_bytes())
        content[-1] ^= 1
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="sha256"):
        Judge(tmp_path)


def test_every_score_of_a_picture_too_small_to_judge_is_absent_with_its_reason() -> None:
    scores = score(picture(8, 8), picture(8, 8), Inverted(), Judge(None))
    present = {name for name in SCORE_NAMES if scores.value(name) is not None}
    assert present == {"psnr_db"}
    assert set(scores.absent) == set(SCORE_NAMES) - present


def test_nothing_visible_means_no_scores() -> None:
    hidden = Picture(noise(64, 64), np.zeros((64, 64), np.uint8))
    scores = score(hidden, hidden, Inverted(), Judge(None))
    assert set(scores.absent) == set(SCORE_NAMES)


def test_a_change_where_nobody_sees_it_is_no_change() -> None:
    alpha = np.zeros((96, 96), np.uint8)
    alpha[:, 30:] = 255
    before = Picture(noise(96, 96), alpha)
    after = Picture(np.where(alpha[..., None] == 0, noise(96, 96, 5), before.pixels), alpha)
    scores = score(before, after, Inverted(), Judge(None))
    assert scores.psnr_db == 100.0
    assert scores.ssim_full == pytest.approx(1.0, abs=1e-6)


def test_pictures_that_do_not_belong_together_are_refused() -> None:
    clear = Picture(noise(64, 64), np.full((64, 64), 9, np.uint8))
    for after in (picture(64, 63), clear, Picture(noise(64, 64), np.full((64, 64), 8, np.uint8))):
        with pytest.raises(ValueError, match="same size"):
            score(clear if after is not clear else picture(64, 64), after, Inverted(), Judge(None))


def test_scores_of_the_same_rendition_are_the_same() -> None:
    before, after = picture(100, 80), Picture(noise(100, 80))
    assert score(before, after, Inverted(), Judge(None)) == score(before, after, Inverted(), Judge(None))


def test_the_heat_map_covers_the_picture_and_is_one_where_nothing_changed() -> None:
    before = picture(60, 40)
    changed = before.pixels.copy()
    changed[:, 40:] = 255 - changed[:, 40:]
    heat = ssim_map(before, Picture(changed))
    assert heat.shape == (40, 60)
    assert heat[:, :30].min() == pytest.approx(1.0, abs=1e-5)
    assert heat[:, 45:].mean() < 0.9


def test_the_heat_map_of_a_picture_with_alpha_covers_all_of_it() -> None:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:30, 10:50] = 255
    before = Picture(noise(60, 40), alpha)
    heat = ssim_map(before, Picture(noise(60, 40, 1), alpha))
    assert heat.shape == (40, 60)
    assert (heat[:10] == 1.0).all()
    assert heat[15:25, 20:40].mean() < 0.9
