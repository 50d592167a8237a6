"""Smaller styles: eight-bit weights, fewer channels, a student; each with its cost in decibels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.fidelity import fidelity
from stylecore.image import Picture
from stylecore.metrics.psnr import MAX_PSNR_DB
from stylecore.quantisation import quantised, restored
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.styles.conditional import FAMILY, Architecture, ConditionalNetwork
from stylecore.training.content import ContentSampler
from stylecore.training.distil import DistilTask
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.pruning import pruned
from stylecore.training.rounding import cost
from tests.stylecore.training_world import TINY, features, photo, same, weights_of

WIDE = Architecture(stem_channels=8, trunk_channels=12, blocks=2, styles=2)
PICTURE = Picture(np.asarray(photo()).copy())


def network(architecture: Architecture = WIDE) -> dict[str, Tensor]:
    """Weights with styles that differ, as after training."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(5)
        tensors = weights_of(ConditionalNetwork(architecture))
        return {name: v + 0.3 * torch.randn_like(v) if v.dim() == 2 else v for name, v in tensors.items()}


def models(tensors: Mapping[str, Tensor], architecture: Architecture = WIDE) -> Sequence[StyleModel]:
    sources = [StyleSource(i, name, PICTURE.pixels) for i, name in enumerate(("one", "two"))]
    return build(FAMILY.name, architecture.describe(), tensors, sources)


@given(st.integers(1, 6), st.integers(1, 5), st.floats(1e-4, 100), st.integers(0, 2**31))
def test_eight_bits_are_at_most_half_a_step_from_the_weight(rows: int, columns: int, size: float, seed: int) -> None:
    weights = torch.randn(rows, columns, 3, 3, generator=torch.Generator().manual_seed(seed)) * size

    again = restored(quantised({"w": weights}))["w"]

    step = weights.abs().amax((1, 2, 3), keepdim=True) / 127
    assert bool(((again - weights).abs() <= step * 0.5001).all())


def test_a_channel_of_noughts_stays_noughts_and_few_numbers_stay_exact() -> None:
    tensors = {"w": torch.zeros(2, 3, 3, 3), "norm.scale": torch.full((2, 3), 1.5)}

    stored = quantised(tensors)

    assert stored["w"].dtype == torch.int8
    assert stored["norm.scale"].dtype == torch.float16
    assert same(restored(stored) | {"norm.scale": tensors["norm.scale"]}, tensors)


def test_what_was_never_rounded_is_left_as_it_is() -> None:
    tensors = network()

    assert same(restored(tensors), tensors)


@pytest.mark.parametrize("scale", [None, torch.ones(3), torch.ones(2, 1), torch.ones(2, dtype=torch.int32)])
def test_eight_bits_without_a_fitting_scale_are_refused(scale: Tensor | None) -> None:
    tensors = {"w": torch.ones(2, 3, 3, 3, dtype=torch.int8)} | ({} if scale is None else {"w.int8_scale": scale})

    with pytest.raises(StyleError, match="without a scale"):
        restored(tensors)


def test_a_package_in_eight_bits_builds_as_any_other() -> None:
    picture = torch.rand(1, 3, 32, 32)

    small = models(quantised(network()))[0].render(picture)

    assert (small - models(network())[0].render(picture)).abs().max() < 0.2


def test_the_cost_of_eight_bits_is_told_or_refused_under_forty_decibels(monkeypatch: pytest.MonkeyPatch) -> None:
    told = cost(models, network(Architecture(8, 12, 2, 2)), [PICTURE])

    assert told.bytes_after < 0.5 * told.bytes_before
    assert "dB" in str(told)
    assert 40 <= told.fidelity.worst_db <= told.fidelity.median_db
    monkeypatch.setattr("stylecore.training.rounding.LEAST_PSNR_DB", 90.0)
    with pytest.raises(StyleError, match="Keep fp16"):
        cost(models, network(), [PICTURE])


def test_a_style_is_infinitely_near_to_itself_and_less_so_to_another() -> None:
    one, two = models(network())

    assert fidelity([one], [one], [PICTURE]).worst_db == MAX_PSNR_DB
    assert fidelity([one], [two], [PICTURE]).worst_db < 40


def test_pruning_leaves_out_channels_that_carry_nothing_without_changing_a_pixel() -> None:
    """Channels whose scale and shift are nought in every style bring nothing: without them the picture is the same."""
    tensors, dead = network(), [1, 4, 7]
    for name in [n for n in tensors if n.endswith((".scale", ".shift")) and tensors[n].shape[1] == 12]:
        if not name.startswith("up_norm"):
            tensors[name][:, dead] = 0

    cut = pruned(WIDE, tensors, keep=0.75)

    assert cut.architecture == replace(WIDE, trunk_channels=9)
    assert cut.parameters < cut.parameters_before
    assert fidelity(models(tensors), models(cut.tensors, cut.architecture), [PICTURE]).worst_db > 60


def test_pruning_nothing_changes_nothing() -> None:
    cut = pruned(WIDE, network(), keep=1.0)

    assert same(dict(cut.tensors), network())


@pytest.mark.parametrize("keep", [0.0, -1.0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(keep: float) -> None:
    with pytest.raises(StyleError, match="share"):
        pruned(WIDE, network(), keep)


def student(start: Mapping[str, Tensor] | None = None) -> DistilTask:
    settings = replace(TINY, trunk_channels=9, blocks=2, reduced_precision=False, learning_rate=5e-3)
    return DistilTask(settings, models(network()), ContentSampler([photo()], 64, 0.2, 3), features(), 3, start)


def test_a_student_comes_nearer_to_its_teachers_and_packs_as_a_style_of_its_own_size() -> None:
    task = student()
    totals: list[float] = []

    Trainer(task, Schedule(30, warm_up=1)).run(30, lambda told: totals.append(told.total))

    assert np.mean(totals[-5:]) < 0.8 * np.mean(totals[:3])
    trained = task.trained()
    assert list(trained.references) == ["one", "two"]
    models(trained.tensors, Architecture.parse(trained.architecture))


def test_a_student_that_begins_as_the_pruned_network_begins_nearer() -> None:
    cut = pruned(WIDE, network(), keep=0.75)

    fresh, begun = (
        sum(float(loss.detach()) for loss in student(start).losses("student", 0).values())
        for start in (None, cut.tensors)
    )

    assert begun < fresh


def test_distilling_resumes_bit_for_bit(tmp_path: Path) -> None:
    whole, stopped, resumed = (Trainer(student(), Schedule(4, warm_up=1)) for _ in range(3))
    whole.run(4)
    stopped.run(2)
    stopped.save(tmp_path / "c.safetensors")
    resumed.load(tmp_path / "c.safetensors")
    resumed.run(4)

    assert same(weights_of(whole.task.players[0].network), weights_of(resumed.task.players[0].network))
