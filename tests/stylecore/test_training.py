"""Training: the loss falls, nothing is random, and stopping anywhere changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stylecore.data import Digest
from stylecore.errors import StyleError
from stylecore.styles.base import StyleSource
from stylecore.styles.build import build
from stylecore.training.content import ContentSampler
from stylecore.training.errors import TrainingError
from stylecore.training.loop import Progress, Schedule, Trainer
from stylecore.training.material import Material
from stylecore.training.start import KeptStyle, Start
from stylecore.training.task import Player, Trained
from stylecore.training.tasks.conditional import LOSSES, ConditionalTask, begin_from, is_own
from tests.stylecore.training_world import TINY, features, material, same, style, task, trainer, weights_of


def test_the_loss_falls() -> None:
    totals: list[float] = []

    trainer(60, task(replace(TINY, learning_rate=1e-2))).run(60, lambda told: totals.append(told.total))

    assert np.mean(totals[-10:]) < 0.8 * np.mean(totals[:5])


def test_training_on_one_picture_overfits_it() -> None:
    """A taught style of one picture alone: what is asked for can be met, so the loss has to go nearly to nothing."""
    lesson = style("paper-cut", taught_by="paper-cut")
    one = Material((lesson,), _OnePicture(), features(), seed=3)
    learner = trainer(150, task(replace(TINY, learning_rate=2e-2, reduced_precision=False), one))
    first = learner.step().total

    learner.run(149)

    assert learner.step().total < 0.25 * first


class _OnePicture(ContentSampler):
    def __init__(self) -> None:
        super().__init__([], 64, 1.0, 0)

    def batch(self, iteration: int, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return super().batch(0, count)


def test_the_same_seed_trains_the_same_weights_and_another_seed_others() -> None:
    first, second, other = trainer(), trainer(), trainer(given=task(given=material(seed=21)))
    for each in (first, second, other):
        each.run(3)

    found, again, else_ = (weights_of(each.task.players[0].network) for each in (first, second, other))
    assert same(found, again)
    assert not torch.equal(found["stem.weight"], else_["stem.weight"])


def test_stopped_and_resumed_training_equals_uninterrupted_training_bit_for_bit(tmp_path: Path) -> None:
    whole, stopped, resumed = trainer(), trainer(), trainer()
    whole.run(8)
    stopped.run(5)
    stopped.notes = {"seen": [1, 2]}
    stopped.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(8)

    assert resumed.iteration == 8
    assert resumed.notes == {"seen": [1, 2]}
    assert same(weights_of(resumed.task.players[0].network), weights_of(whole.task.players[0].network))


def test_a_checkpoint_before_the_first_step_resumes_too(tmp_path: Path) -> None:
    fresh, resumed = trainer(), trainer()
    fresh.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(1)
    fresh.run(1)

    assert same(weights_of(fresh.task.players[0].network), weights_of(resumed.task.players[0].network))


def test_a_checkpoint_is_safetensors_and_leaves_no_partial_file(tmp_path: Path) -> None:
    stopped = trainer()
    stopped.run(1)

    stopped.save(tmp_path / "c.safetensors")

    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]
    assert "network.exp_avg.stem.weight" in load_file(tmp_path / "c.safetensors")


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    trainer(identity="one").save(tmp_path / "c.safetensors")

    with pytest.raises(StyleError, match="another recipe"):
        trainer(identity="other").load(tmp_path / "c.safetensors")


def test_every_loss_is_named_by_its_style_and_weighted_by_its_pull() -> None:
    plain = task(given=material(style("risograph"), style("mosaic"))).losses("network", 0)
    pulled = task(given=material(style("risograph", palette=3.0), style("mosaic"))).losses("network", 0)

    assert set(plain) == {f"{name}.{loss}" for name in ("risograph", "mosaic") for loss in LOSSES}
    for name, loss in plain.items():
        factor = 3.0 if name == "risograph.palette" else 1.0
        assert float(pulled[name].detach()) == pytest.approx(factor * float(loss.detach()), rel=1e-5)


def test_a_taught_style_has_one_loss_and_the_others_do_not_feel_it() -> None:
    mixed = task().losses("network", 0)

    assert {name for name in mixed if name.startswith("paper-cut")} == {"paper-cut.imitation"}
    assert {name for name in mixed if name.startswith("risograph")} == {f"risograph.{loss}" for loss in LOSSES}


@pytest.mark.parametrize(("taught_by", "pull"), [(None, "shine"), ("paper-cut", "palette")])
def test_a_pull_that_a_style_does_not_have_is_refused(taught_by: str | None, pull: str) -> None:
    with pytest.raises(StyleError, match=f"pull '{pull}'"):
        task(given=material(style("paper-cut", taught_by, **{pull: 1.0})))


def test_a_teacher_that_nobody_knows_is_refused() -> None:
    with pytest.raises(StyleError, match="taught by 'rembrandt'"):
        task(given=material(style("paper-cut", "rembrandt")))


def test_what_was_trained_loads_as_a_package_would() -> None:
    trained = task().trained()

    models = build(
        trained.family,
        trained.architecture,
        trained.tensors,
        [StyleSource(i, name, pixels) for i, (name, pixels) in enumerate(trained.references.items())],
    )
    assert [model.name for model in models] == ["risograph", "paper-cut"]
    assert models[0].render(torch.rand(1, 3, 33, 47)).shape == (1, 3, 33, 47)


def test_a_crop_without_any_contrast_leaves_every_weight_finite() -> None:
    """Normalising nothing divides by almost nothing: in a deep network the gradient overflows."""
    grey = ContentSampler([Image.new("RGB", (120, 90), (90, 90, 90))], 80, 0.0, seed=20)
    given = Material((style("risograph"), style("mosaic")), grey, features(), seed=20)
    flat = trainer(given=task(replace(TINY, blocks=8), given))

    flat.run(6)

    network = flat.task.players[0].network
    assert all(bool(torch.isfinite(value).all()) for value in weights_of(network).values())


def test_an_iteration_that_cannot_be_learnt_from_is_told_and_changes_nothing() -> None:
    broken = _Duel(bad_at=1)
    learner = Trainer(broken, Schedule(3, warm_up=1))
    learner.step()
    before = weights_of(broken.players[0].network)

    told = learner.step()

    assert told.left_out
    assert same(before, weights_of(broken.players[0].network))
    assert not learner.step().left_out


def test_players_take_turns_with_their_own_optimisers_and_resume_bit_for_bit(tmp_path: Path) -> None:
    whole, stopped, resumed = (Trainer(_Duel(), Schedule(6, warm_up=1)) for _ in range(3))
    told: list[Progress] = []
    whole.run(6, told.append)
    stopped.run(3)
    stopped.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(6)

    assert set(told[0].losses) == {"maker", "judge"}
    for one, other in zip(whole.task.players, resumed.task.players, strict=True):
        assert same(weights_of(one.network), weights_of(other.network))


@given(st.lists(st.sampled_from(["left", "right", "both", "bad"]), min_size=2, max_size=9), st.data())
def test_a_parameter_that_gets_no_gradient_at_times_resumes_bit_for_bit_too(
    turns: list[str], data: st.DataObject
) -> None:
    """Adam counts for each parameter by itself; a checkpoint that counted for all would go on at another pace."""
    whole, stopped, resumed = (Trainer(_Sides(turns), Schedule(len(turns), warm_up=1)) for _ in range(3))
    whole.run(len(turns))
    stopped.run(data.draw(st.integers(1, len(turns) - 1), label="killed after"))

    with TemporaryDirectory() as folder:
        stopped.save(Path(folder) / "c.safetensors")
        resumed.load(Path(folder) / "c.safetensors")
    resumed.run(len(turns))

    assert same(weights_of(whole.task.players[0].network), weights_of(resumed.task.players[0].network))


def test_going_back_to_a_checkpoint_forgets_what_was_learnt_of_a_parameter_since(tmp_path: Path) -> None:
    turns = ["left", "right", "right", "both"]
    straight, back = (Trainer(_Sides(turns), Schedule(4, warm_up=1)) for _ in range(2))
    for each in (straight, back):
        each.run(1)
    back.save(tmp_path / "c.safetensors")
    back.run(3)

    back.load(tmp_path / "c.safetensors")
    for each in (straight, back):
        each.run(4)

    assert same(weights_of(straight.task.players[0].network), weights_of(back.task.players[0].network))


def test_a_checkpoint_with_one_count_for_all_parameters_is_still_gone_on_from(tmp_path: Path) -> None:
    whole, stopped, resumed = (Trainer(_Duel(), Schedule(6, warm_up=1)) for _ in range(3))
    whole.run(6)
    stopped.run(3)
    stopped.save(tmp_path / "new.safetensors")
    with safe_open(tmp_path / "new.safetensors", framework="pt") as stored:
        told = {**stored.metadata(), "steps.maker": "3", "steps.judge": "3"}
    tensors = {name: value for name, value in load_file(tmp_path / "new.safetensors").items() if ".step." not in name}
    save_file(tensors, tmp_path / "old.safetensors", metadata=told)

    resumed.load(tmp_path / "old.safetensors")
    resumed.run(6)

    for one, other in zip(whole.task.players, resumed.task.players, strict=True):
        assert same(weights_of(one.network), weights_of(other.network))


class _Sides:
    """One player of two numbers, of which an iteration may teach one, both, or (by a loss of NaN) none."""

    def __init__(self, turns: list[str]) -> None:
        self._turns = turns
        self._network = nn.ParameterDict({"left": torch.tensor([1.0, -2.0]), "right": torch.tensor([3.0])})

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("sides", self._network, 0.1),)

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        turn = self._turns[iteration]
        wild = float("nan") if turn == "bad" else 1.0 + iteration
        chosen = [self._network[turn]] if turn in self._network else list(self._network.values())
        return {"near nothing": wild * torch.cat(chosen).square().sum()}

    def trained(self) -> Trained:
        raise NotImplementedError


class _Duel:
    """Two players of one number each: one wants to be the other's, the other wants to be far from it."""

    def __init__(self, bad_at: int = -1) -> None:
        self._bad_at = bad_at
        self._players = tuple(Player(name, nn.Linear(1, 1, bias=False), 0.1) for name in ("maker", "judge"))
        for player, start in zip(self._players, (0.0, 1.0), strict=True):
            nn.init.constant_(player.network.weight, start)  # type: ignore[arg-type]

    @property
    def players(self) -> tuple[Player, ...]:
        return self._players

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        maker, judge = (each.network.weight for each in self._players)
        gap = (maker - judge).square().sum()  # type: ignore[operator]
        wild = float("nan") if iteration == self._bad_at else 1.0
        return {player: wild * (gap if player == "maker" else -gap.sqrt())}

    def trained(self) -> Trained:
        raise NotImplementedError


def test_the_pace_warms_up_and_falls_to_a_hundredth() -> None:
    schedule = Schedule(iterations=100, warm_up=10)

    paces = [schedule.pace(i) for i in range(101)]

    assert paces[0] == pytest.approx(0.1)
    assert max(paces) == pytest.approx(paces[9], rel=0.02)
    assert paces[50] == pytest.approx(0.5, rel=0.02)
    assert paces[100] == 0.01


def _package(given: ConditionalTask) -> Start:
    trained = given.trained()
    kept = tuple(KeptStyle(name, name, "a style", pixels) for name, pixels in trained.references.items())
    return Start("old", Digest.of(b"old"), trained.family, trained.architecture, trained.tensors, kept)


def test_adding_a_style_changes_not_one_bit_of_those_that_were_there() -> None:
    old = _package(task())
    adding = task(replace(TINY, add_styles=True), material(style("mosaic"), start=old))
    trainer(6, adding).run(6)

    trained = adding.trained()

    assert list(trained.references) == ["risograph", "paper-cut", "mosaic"]
    for name, value in old.tensors.items():
        assert torch.equal(trained.tensors[name][:2] if is_own(name) else trained.tensors[name], value), name
    assert not torch.equal(trained.tensors["stem_norm.scale"][2], trained.tensors["stem_norm.scale"][1])


def test_an_added_style_resumes_bit_for_bit(tmp_path: Path) -> None:
    old = _package(task())
    whole, stopped, resumed = (
        trainer(6, task(replace(TINY, add_styles=True), material(style("mosaic"), start=old))) for _ in range(3)
    )
    whole.run(4)
    stopped.run(2)
    stopped.save(tmp_path / "c.safetensors")
    resumed.load(tmp_path / "c.safetensors")
    resumed.run(4)

    assert same(weights_of(whole.task.players[0].network), weights_of(resumed.task.players[0].network))


def test_adding_needs_a_package_of_the_same_size_and_another_name() -> None:
    old = _package(task())

    with pytest.raises(TrainingError, match="without a package"):
        task(replace(TINY, add_styles=True), material(style("mosaic")))
    with pytest.raises(TrainingError, match="network of"):
        task(replace(TINY, add_styles=True, blocks=2), material(style("mosaic"), start=old))
    with pytest.raises(TrainingError, match="risograph in a package that has one"):
        task(replace(TINY, add_styles=True), material(style("risograph"), start=old))


def test_going_on_from_a_package_takes_what_has_the_same_name_and_shape() -> None:
    old = _package(task())
    wider = task(replace(TINY, blocks=2), material(style("mosaic"), start=old))

    network = weights_of(wider.network)

    assert torch.equal(network["stem.weight"], old.tensors["stem.weight"].float())
    assert torch.equal(network["colour"][0], old.tensors["colour"][0].float())
    assert "blocks.1.conv1.weight" in network


def test_a_style_that_is_new_begins_as_the_mean_of_the_others() -> None:
    two, three = task(), task(given=material(style("risograph"), style("mosaic"), style("impasto")))
    tensors = {name: value + 0.5 * torch.rand_like(value) for name, value in weights_of(two.network).items()}

    begin_from(three.network, tensors)

    assert torch.equal(three.network.stem_norm.scale[:2], tensors["stem_norm.scale"])
    assert torch.allclose(three.network.stem_norm.scale[2], tensors["stem_norm.scale"].mean(0))
