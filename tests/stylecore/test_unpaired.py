"""Training without pairs: the losses by other formulas, two players, and one picture learnt."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.styles.base import StyleSource
from stylecore.styles.build import build
from stylecore.training.content import ContentSampler
from stylecore.training.families import task_of
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.material import Material, StyleImage
from stylecore.training.patches import PatchCritic, PatchHeads, critic_loss, deceit_loss, patch_nce, places
from stylecore.training.start import Start
from stylecore.training.task import Pixels
from stylecore.training.tasks.unpaired import Settings, UnpairedTask, make
from tests.stylecore.sample_images import noise

TINY = Settings(
    channels=4, blocks=1, critic_channels=4, critic_layers=2, head_width=16, patches=24, batch=2, learning_rate=2e-3
)


def flat(colour: tuple[int, int, int], size: int = 64) -> Pixels:
    """One colour with a little grain: what has no contrast at all cannot be normalised."""
    grain = np.random.default_rng(4).normal(0, 6, (size, size, 3))
    return (np.array(colour) + grain).clip(0, 255).astype(np.uint8)


def material(*styles: Pixels) -> Material:
    photo = Image.fromarray(noise(7, 5)).resize((60, 48), Image.Resampling.BICUBIC)
    wanted = styles or (flat((40, 60, 200)),)
    return Material(
        tuple(StyleImage(f"style-{index}", pixels) for index, pixels in enumerate(wanted)),
        ContentSampler([photo], 32, 0.0, seed=3),
        SqueezeFeatures(),
        seed=8,
    )


def unit(*shape: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, dtype=torch.float64), dim=-1)


@given(seed=st.integers(0, 1000), patches=st.integers(1, 7), temperature=st.sampled_from([0.07, 0.5, 2.0]))
def test_patch_nce_is_the_formula_of_the_paper(seed: int, patches: int, temperature: float) -> None:
    torch.manual_seed(seed)
    found, wanted = unit(2, patches, 5), unit(2, patches, 5)
    terms = []
    for picture in range(2):
        for own in range(patches):
            likeness = [float(found[picture, own] @ wanted[picture, each]) / temperature for each in range(patches)]
            terms.append(-math.log(math.exp(likeness[own]) / sum(math.exp(each) for each in likeness)))

    assert float(patch_nce(found, wanted, temperature)) == pytest.approx(np.mean(terms), rel=1e-9, abs=1e-12)


def test_patch_nce_is_least_where_every_patch_is_like_its_own_and_no_other() -> None:
    corners = torch.eye(6)[None]

    assert patch_nce(corners, corners, 0.07) < patch_nce(corners.flip(1), corners, 0.07)
    assert patch_nce(corners, corners, 0.07) < 1e-5


def test_the_gradient_of_patch_nce_is_right_and_goes_to_what_was_made_alone() -> None:
    found, wanted = unit(1, 4, 3).requires_grad_(), unit(1, 4, 3).requires_grad_()

    assert torch.autograd.gradcheck(lambda x: patch_nce(x, wanted, 0.3), (found,))
    patch_nce(found, wanted, 0.3).backward()
    assert wanted.grad is None


def test_gradients_through_heads_critic_and_both_adversarial_losses_are_right() -> None:
    torch.manual_seed(1)
    heads, critic = PatchHeads([3], 4).double(), PatchCritic(2, 1).double()
    for parameter in (*heads.parameters(), *critic.parameters()):
        torch.nn.init.normal_(parameter, std=0.4)
    picture = torch.rand(1, 3, 12, 12, dtype=torch.float64, requires_grad=True)
    where = [torch.arange(0, 144, 20)]

    assert torch.autograd.gradcheck(lambda x: heads([x], where)[0], (picture,))
    assert torch.autograd.gradcheck(lambda x: deceit_loss(critic(x)), (picture,))
    assert torch.autograd.gradcheck(lambda x: critic_loss(critic(x), critic(x.flip(3))), (picture,))


def test_heads_give_unit_vectors_of_the_places_asked_for() -> None:
    heads, stage = PatchHeads([3, 5], 6), [torch.rand(2, 3, 4, 4), torch.rand(2, 5, 2, 2)]
    where = places(stage, 6, torch.Generator().manual_seed(1))
    heads.apply(lambda each: [torch.nn.init.normal_(p) for p in each.parameters(recurse=False)] and None)

    found = heads(stage, where)

    assert [tuple(each.shape) for each in found] == [(2, 6, 6), (2, 4, 6)]
    assert torch.allclose(found[0].norm(dim=2), torch.ones(2, 6))
    assert len(set(where[0].tolist())) == 6
    one = heads.heads[0](stage[0][1, :, where[0][3] // 4, where[0][3] % 4])
    assert torch.allclose(found[0][1, 3], one / one.norm(), atol=1e-6)


def test_the_adversarial_losses_are_least_squares() -> None:
    real, made = torch.tensor([[1.0, 0.5]]), torch.tensor([[0.0, 0.2]])

    assert critic_loss(real, made) == pytest.approx(((0 + 0.25) / 2 + (0 + 0.04) / 2) / 2)
    assert deceit_loss(made) == pytest.approx((1 + 0.64) / 2)


def test_the_critic_sees_patches_of_seventy_pixels() -> None:
    """As wide as the published one: what lies outside changes nothing (its normalisations aside)."""
    critic = PatchCritic(1, 3)
    reach = 1
    for conv in reversed(list(critic.convs)):
        reach = (reach - 1) * conv.stride[0] + conv.kernel_size[0]  # type: ignore[union-attr, operator, index]

    assert reach == 70


def test_the_critic_learns_to_tell_the_style_from_what_is_made() -> None:
    task = UnpairedTask(replace(TINY, learning_rate=5e-3), material())
    critic = task.players[0]
    optimizer = torch.optim.Adam(critic.network.parameters(), lr=critic.learning_rate, betas=critic.betas)
    told = []
    for iteration in range(40):
        loss = task.losses("critic", iteration)["critic"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        told.append(float(loss.detach()))

    assert np.mean(told[-5:]) < 0.3 * told[0]


def test_the_generators_losses_leave_no_gradient_in_the_critic_and_theirs_none_in_it() -> None:
    task = UnpairedTask(TINY, material())
    critic, generator = (player.network for player in task.players)

    sum(task.losses("generator", 0).values(), torch.tensor(0.0)).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is None and parameter.requires_grad for parameter in critic.parameters())
    assert all(parameter.grad is not None for parameter in generator.parameters())

    generator.zero_grad(set_to_none=True)
    sum(task.losses("critic", 0).values(), torch.tensor(0.0)).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in critic.parameters())
    assert all(parameter.grad is None for parameter in generator.parameters())


def test_a_network_that_changes_nothing_keeps_its_patches_in_place() -> None:
    """The loss sees places: the picture itself scores better than the picture turned around."""
    task = UnpairedTask(replace(TINY, patches=400), material())
    picture = torch.from_numpy(noise(32, 32)).permute(2, 0, 1)[None].float() / 127.5 - 1
    for parameter in task.heads.parameters():
        torch.nn.init.normal_(parameter, std=0.5)

    def in_place(other: Tensor) -> float:
        return float(task._kept_in_place(other, picture, torch.Generator().manual_seed(0)).detach())

    assert in_place(picture) < in_place(picture.flip(2, 3))


def test_training_takes_on_the_colour_of_the_style_and_still_knows_its_patches() -> None:
    task = UnpairedTask(replace(TINY, learning_rate=4e-3), material(flat((30, 60, 220))))
    told: list[dict[str, float]] = []

    Trainer(task, Schedule(60, warm_up=1)).run(60, lambda progress: told.append(dict(progress.losses)))

    with torch.no_grad():
        made = task.generator(torch.from_numpy(material().content.batch(99, 2)) * 2 - 1).mean((0, 2, 3))
    assert made[2] - made[0] > 0.3
    assert np.mean([each["patch"] for each in told[-5:]]) < told[0]["patch"]
    assert set(told[0]) == {"critic", "deceit", "patch", "identity"}


def test_losses_are_a_pure_function_of_the_weights_and_the_iteration() -> None:
    task, other = UnpairedTask(TINY, material()), UnpairedTask(TINY, material())
    task.losses("generator", 3)

    for player in ("critic", "generator"):
        first, again, later = (each.losses(player, at) for each, at in ((task, 7), (other, 7), (task, 8)))
        assert all(torch.equal(value, again[name]) for name, value in first.items())
        assert not all(torch.equal(value, later[name]) for name, value in first.items())


def test_training_that_was_stopped_and_resumed_equals_one_that_was_not_bit_for_bit(tmp_path: Path) -> None:
    whole, stopped, resumed = (Trainer(UnpairedTask(TINY, material()), Schedule(6)) for _ in range(3))
    whole.run(6)
    stopped.run(3)
    stopped.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(6)

    for one, other in zip(whole.task.players, resumed.task.players, strict=True):
        pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
        assert all(torch.equal(*pair) for pair in pairs)


def test_what_was_trained_is_built_by_the_familys_loader_and_begins_another_training() -> None:
    task = UnpairedTask(TINY, material(flat((9, 9, 9)), flat((200, 9, 9))))
    trained = task.trained()

    sources = [StyleSource(0, name, pixels) for name, pixels in trained.references.items()]
    built = build(trained.family, trained.architecture, trained.tensors, sources)[0]
    start = Start("p", None, trained.family, trained.architecture, trained.tensors)  # type: ignore[arg-type]
    again = UnpairedTask(TINY, replace(material(), start=start))

    assert (built.name, list(trained.references)) == ("style-0", ["style-0"])
    assert built.render(torch.rand(1, 3, 30, 33)).shape == (1, 3, 30, 33)
    assert torch.equal(again.generator.stem.weight, trained.tensors["stem.weight"].float())


def test_all_pictures_of_the_material_are_what_is_wanted() -> None:
    task = UnpairedTask(replace(TINY, batch=8), material(flat((0, 0, 0)), flat((255, 255, 255))))

    brightness = task._style_crops(0, 16).mean((1, 2, 3))

    assert (brightness < -0.8).any()
    assert (brightness > 0.8).any()


def test_the_settings_come_from_a_recipes_plain_values() -> None:
    task = task_of("image-to-image", {"channels": 4, "blocks": 2, "down": "strided", "up": "transposed"}, material())

    assert isinstance(task, UnpairedTask)
    assert task.generator.architecture.down == "strided"


def test_a_pull_or_a_way_to_halve_that_is_none_is_refused() -> None:
    pulled = replace(material(), styles=(StyleImage("a", flat((1, 1, 1)), {"style": 2.0}),))

    with pytest.raises(StyleError, match="pulls"):
        make(TINY, pulled)
    with pytest.raises(StyleError, match="down"):
        make(replace(TINY, down="pooled"), material())
