"""Attention to a style picture: against brute force, in chunks, as a package, and trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.styles import adaptive
from stylecore.styles.adaptive import AdaptiveNetwork
from stylecore.styles.attention import (
    FAMILY,
    STYLE_PLACES,
    Architecture,
    AttentionNetwork,
    Places,
    StyleAttention,
    attended,
)
from stylecore.styles.base import Brush, StyleModel, StyleSource, blend
from stylecore.styles.build import build
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.tasks.attention import AttentionTask, Settings, make
from tests.stylecore.test_adaptive import TINY as TINY_ADAPTIVE
from tests.stylecore.test_adaptive import batch, material, pixels, start_from, values

TINY = Architecture(encoder_channels=4, decoder_channels=8, blocks=1)
TINY_SETTINGS = Settings(**TINY.describe(), zoo_pictures=2, zoo_px=80, seen_px=64, batch=2)


def tensors(seed: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return dict(AttentionNetwork(TINY).state_dict())


def styles(
    weights: Mapping[str, Tensor] | None = None, architecture: Mapping[str, object] | None = None
) -> list[StyleModel]:
    sources = [StyleSource(0, "one", pixels(seed=1)), StyleSource(1, "two", pixels(seed=2) // 3)]
    return build(FAMILY.name, architecture or TINY.describe(), weights or tensors(), sources)


def test_attention_is_the_weighted_mean_and_spread_of_brute_force() -> None:
    torch.manual_seed(1)
    queries, places = torch.randn(2, 3, 11), Places(torch.randn(2, 3, 7), torch.randn(2, 5, 7))

    mean, spread = (found.numpy() for found in attended(queries, places))

    for n in range(2):
        for q in range(11):
            scores = np.array([float(queries[n, :, q] @ places.keys[n, :, k]) for k in range(7)])
            weights = np.exp(scores - scores.max())
            weights /= weights.sum()
            values = places.values[n].numpy().astype(np.float64)
            expected = values @ weights
            variance = ((values - expected[:, None]) ** 2) @ weights
            assert np.allclose(mean[n, :, q], expected, atol=1e-5)
            assert np.allclose(spread[n, :, q], np.sqrt(variance + 1e-5), atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60))
def test_the_size_of_the_chunks_changes_nothing(queries: int, at_once: int) -> None:
    draws = torch.Generator().manual_seed(queries)
    asked = torch.randn(1, 4, queries, generator=draws)
    places = Places(torch.randn(1, 4, 9, generator=draws), torch.randn(1, 6, 9, generator=draws))

    whole, parts = attended(asked, places, 10_000), attended(asked, places, at_once)

    assert all(torch.allclose(mine, its, atol=1e-5) for mine, its in zip(parts, whole, strict=True))


def test_the_gradient_of_attention_is_the_numerical_one() -> None:
    """Attention computes in single precision, so its gradient is held against coarse finite differences."""
    torch.manual_seed(2)
    queries = torch.randn(1, 3, 4, requires_grad=True)
    places = Places(torch.randn(1, 3, 5), torch.randn(1, 2, 5))

    def total(asked: Tensor) -> Tensor:
        return sum((found.square().sum() for found in attended(asked, places)), torch.zeros(()))

    total(queries).backward()
    direction = torch.randn_like(queries)
    with torch.no_grad():
        step = 1e-2
        numerical = (total(queries + step * direction) - total(queries - step * direction)) / (2 * step)
    assert queries.grad is not None
    assert float((queries.grad * direction).sum()) == pytest.approx(float(numerical), rel=2e-2)


def test_one_place_that_is_alike_everywhere_gives_its_own_value() -> None:
    mean, spread = attended(torch.zeros(1, 2, 5), Places(torch.zeros(1, 2, 1), torch.full((1, 3, 1), 0.7)))

    assert torch.allclose(mean, torch.full((1, 3, 5), 0.7))
    assert float(spread.max()) < 0.01


def test_places_of_a_style_are_picked_and_bounded() -> None:
    attention, style = StyleAttention(4), torch.randn(1, 4, 90, 50)

    places = attention.places(style)

    assert places.keys.shape == (1, 2, STYLE_PLACES**2)
    assert places.values.shape == (1, 4, STYLE_PLACES**2)
    found = {tuple(np.round(each, 4)) for each in places.values[0].T.detach().numpy()}
    known = {tuple(np.round(each, 4)) for each in attention.value(style).flatten(2)[0].T.detach().numpy()}
    assert found <= known


def test_a_style_renders_any_size_in_range_and_the_same_each_time() -> None:
    one, two = styles()
    for height, width in ((16, 16), (41, 55), (64, 33)):
        rendered = one.render(batch(height, width))
        assert rendered.shape == (1, 3, height, width)
        assert float(rendered.min()) >= 0
        assert float(rendered.max()) <= 1
        assert torch.equal(rendered, one.render(batch(height, width)))
    assert not torch.allclose(one.render(batch()), two.render(batch()))
    assert torch.equal(styles()[0].render(batch()), one.render(batch()))


def test_blending_ends_at_the_styles() -> None:
    one, two = styles()

    assert torch.allclose(blend(one, [(two, 0.999_999)]).render(batch()), two.render(batch()), atol=1e-4)
    assert not torch.allclose(blend(one, [(two, 0.5)]).render(batch()), one.render(batch()))
    with pytest.raises(StyleError, match="another package"):
        blend(one, [(styles()[1], 0.5)])


def test_a_larger_stroke_paints_another_picture_of_the_same_size() -> None:
    one, _ = styles()

    assert one.render(batch(), Brush(stroke=2.0)).shape == batch().shape
    assert not torch.allclose(one.render(batch(), Brush(stroke=2.0)), one.render(batch()))


@pytest.mark.parametrize(
    "changed", [{"blocks": 0}, {"decoder_channels": 10**9}, {"encoder_channels": "4"}, {"surprise": 1}]
)
def test_a_hostile_architecture_is_refused_before_anything_is_allocated(changed: dict[str, object]) -> None:
    with pytest.raises(StyleError):
        styles(architecture={**TINY.describe(), **changed})


def test_tensors_that_do_not_fit_are_refused() -> None:
    good = tensors()
    missing = {name: value for name, value in good.items() if name != "decoder.up.weight"}
    infinite = {**good, "decoder.up.bias": torch.full_like(good["decoder.up.bias"], float("nan"))}
    for hostile in (missing, infinite, {**good, "decoder.up.bias": torch.zeros(1)}, {**good, "more": torch.zeros(1)}):
        with pytest.raises(StyleError):
            styles(hostile)


def test_weights_that_overflow_when_a_style_is_read_are_refused() -> None:
    with pytest.raises(StyleError, match="not finite"):
        styles({name: torch.full_like(value, 1e30) for name, value in tensors().items()})


def test_training_overfits_one_picture_and_one_style() -> None:
    quick = replace(TINY_SETTINGS, zoo_pictures=1, batch=1, learning_rate=5e-3, reduced_precision=False)
    trainer = Trainer(make(quick, material()), Schedule(iterations=30, warm_up=1))
    totals: list[float] = []

    trainer.run(30, lambda progress: totals.append(progress.total))

    assert np.mean(totals[-5:]) < 0.75 * totals[0]


def test_a_given_encoder_is_taken_over_and_stays_as_it_is() -> None:
    torch.manual_seed(6)
    other = AdaptiveNetwork(TINY_ADAPTIVE)
    start = other.state_dict()
    task = AttentionTask(TINY_SETTINGS, material(start=start_from(other, adaptive.FAMILY.name)))

    Trainer(task, Schedule(iterations=2, warm_up=1)).run(2)

    encoder = {name: value for name, value in task.trained().tensors.items() if name.startswith("encoder.")}
    assert encoder
    assert all(torch.equal(value, start[name].half()) for name, value in encoder.items())


def test_stopped_and_resumed_training_equals_uninterrupted_training_bit_for_bit(tmp_path: Path) -> None:
    torch.manual_seed(6)
    start = start_from(AdaptiveNetwork(TINY_ADAPTIVE), adaptive.FAMILY.name)
    whole, stopped, resumed = (
        Trainer(AttentionTask(TINY_SETTINGS, material(start=start)), Schedule(iterations=4, warm_up=1))
        for _ in range(3)
    )
    whole.run(4)
    stopped.run(2)
    stopped.save(tmp_path / "c.safetensors")
    resumed.load(tmp_path / "c.safetensors")
    resumed.run(4)

    mine, its = (trainer.task.trained().tensors for trainer in (resumed, whole))
    assert all(torch.equal(mine[name], value) for name, value in its.items())


def test_a_loss_is_a_pure_function_of_seed_and_iteration() -> None:
    one, other = make(TINY_SETTINGS, material()), make(TINY_SETTINGS, material())
    one.losses("network", 0)  # what came before must not matter

    assert values(one.losses("network", 3)) == values(other.losses("network", 3))


@pytest.mark.slow
def test_a_picture_of_2048_px_is_rendered_in_bounded_memory() -> None:
    (one, _) = styles()

    assert one.render(torch.rand(1, 3, 2048, 2048)).shape == (1, 3, 2048, 2048)
