"""The feed-forward family: the published network, tensor for tensor and pixel for pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from stylecore.data import Digest
from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.styles.base import BLEND, Brush, StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.styles.feed_forward import FAMILY, Architecture, TransformNetwork
from stylecore.training.content import ContentSampler
from stylecore.training.errors import TrainingError
from stylecore.training.families import task_of
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.material import Material, StyleImage
from stylecore.training.start import Start
from stylecore.training.task import Trained
from stylecore.training.tasks.conditional import LOSSES
from stylecore.training.tasks.feed_forward import MIXTURES, FeedForwardTask, Settings, grid_loss, make
from stylecore.weights import load_safetensors
from tests.stylecore.sample_images import noise

REFERENCE = np.zeros((8, 8, 3), dtype=np.uint8)
SMALL = Architecture(channels=4, blocks=2)
PEERS = ("candy", "mosaic", "udnie")


def tensors_of(architecture: Architecture = SMALL, seed: int = 0) -> dict[str, Tensor]:
    """Random weights whose pictures span the range, as trained ones do."""
    torch.manual_seed(seed)
    tensors = TransformNetwork(architecture).state_dict()
    for name, value in tensors.items():
        if ".conv2d." not in name:
            value += torch.randn_like(value) * 0.3
    tensors["deconv3.conv2d.weight"] *= 120
    tensors["deconv3.conv2d.bias"] += 120
    return dict(tensors)


def model(architecture: Architecture = SMALL, tensors: dict[str, Tensor] | None = None) -> StyleModel:
    found = tensors_of(architecture) if tensors is None else tensors
    return build(FAMILY.name, architecture.describe(), found, [StyleSource(0, "candy", REFERENCE)])[0]


def plainly(tensors: dict[str, Tensor], blocks: int, pictures: Tensor) -> Tensor:
    """The published definition with torch's own layers, for pictures of 0..255."""

    def conv(x: Tensor, name: str, stride: int = 1, upsample: bool = False) -> Tensor:
        weight = tensors[f"{name}.conv2d.weight"].float()
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], stride)
        layer.load_state_dict({"weight": weight, "bias": tensors[f"{name}.conv2d.bias"].float()})
        grown = nn.Upsample(scale_factor=2, mode="nearest")(x) if upsample else x
        return layer(nn.ReflectionPad2d(weight.shape[2] // 2)(grown))  # type: ignore[no-any-return]

    def norm(x: Tensor, name: str) -> Tensor:
        layer = nn.InstanceNorm2d(x.shape[1], affine=True)
        layer.load_state_dict({each: tensors[f"{name}.{each}"].float() for each in ("weight", "bias")})
        return layer(x)  # type: ignore[no-any-return]

    with torch.no_grad():
        x = norm(conv(pictures, "conv1"), "in1").relu()
        x = norm(conv(x, "conv2", stride=2), "in2").relu()
        x = norm(conv(x, "conv3", stride=2), "in3").relu()
        for block in range(1, blocks + 1):
            inner = norm(conv(x, f"res{block}.conv1"), f"res{block}.in1").relu()
            x = norm(conv(inner, f"res{block}.conv2"), f"res{block}.in2") + x
        x = norm(conv(x, "deconv1", upsample=True), "in4").relu()
        x = norm(conv(x, "deconv2", upsample=True), "in5").relu()
        return conv(x, "deconv3").clamp(0, 255)


@pytest.mark.parametrize("architecture", [SMALL, Architecture(channels=8, blocks=5)], ids=str)
def test_rendering_equals_the_published_definition(architecture: Architecture) -> None:
    tensors, batch = tensors_of(architecture), torch.rand(2, 3, 48, 64)

    expected = plainly(tensors, architecture.blocks, batch * 255) / 255

    assert expected.std() > 0.1
    assert (model(architecture, tensors).render(batch) - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("peer", PEERS)
def test_published_checkpoints_render_photographs_as_their_own_definition_does(peer: str, shared: Path) -> None:
    tensors = load_safetensors(shared / "weights" / f"peer_{peer}.safetensors", None)
    path = sorted((shared / "photos" / "kodak").iterdir())[PEERS.index(peer)]
    photo = torch.from_numpy(np.array(Image.open(path).convert("RGB"))[:256, :320]).permute(2, 0, 1)[None].float()

    rendered = model(Architecture(), tensors).render(photo / 255)

    assert (rendered - plainly(tensors, 5, photo) / 255).abs().max() <= 1 / 255


def test_the_published_network_has_62_tensors_and_1_679_235_parameters() -> None:
    tensors = TransformNetwork(Architecture()).state_dict()

    assert len(tensors) == 62
    assert sum(value.numel() for value in tensors.values()) == 1_679_235


@settings(max_examples=20, deadline=None)
@given(height=st.integers(16, 50), width=st.integers(16, 50), count=st.integers(1, 2))
def test_any_size_comes_back_in_the_same_size_and_range(height: int, width: int, count: int) -> None:
    rendered = model().render(torch.rand(count, 3, height, width))

    assert rendered.shape == (count, 3, height, width)
    assert 0 <= rendered.min() <= rendered.max() <= 1


def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    batch = torch.rand(2, 3, 24, 32)

    assert torch.allclose(model().render(batch)[1:], model().render(batch[1:]), atol=1e-5)


def test_the_family_honours_strokes_and_does_not_blend() -> None:
    batch = torch.rand(1, 3, 64, 64)
    fine, coarse = model().render(batch), model().render(batch, Brush(stroke=2.0))

    assert BLEND not in FAMILY.controls
    assert coarse.shape == fine.shape
    assert not torch.equal(fine, coarse)


def test_a_second_style_in_the_package_is_refused() -> None:
    with pytest.raises(StyleError, match="index 1"):
        build(FAMILY.name, SMALL.describe(), tensors_of(), [StyleSource(1, "other", REFERENCE)])


@pytest.mark.parametrize("change", [{"channels": 0}, {"channels": 4.0}, {"blocks": 10**9}, {"more": 1}], ids=str)
def test_an_architecture_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StyleError):
        build(FAMILY.name, {**SMALL.describe(), **change}, tensors_of(), [])


def test_tensors_of_another_number_of_blocks_are_refused_by_name() -> None:
    with pytest.raises(StyleError, match="res3"):
        model(Architecture(channels=4, blocks=3), tensors_of(SMALL))


LEARNING = Settings(channels=4, blocks=1, batch=2, learning_rate=1e-2)


def material(start: Start | None = None, **style: Any) -> Material:
    torch.manual_seed(6)
    photo = Image.fromarray(noise(7, 5)).resize((80, 64), Image.Resampling.BICUBIC)
    wanted = StyleImage("candy", noise(64, 64, 3), **style)
    return Material((wanted,), ContentSampler([photo], 64, 0.0, seed=3), SqueezeFeatures(), 8, start)


@pytest.mark.parametrize("mixture", ["structured", "perceptual"])
def test_training_on_one_picture_lowers_every_loss_it_has_in_all(mixture: Any) -> None:
    task = FeedForwardTask(replace(LEARNING, mixture=mixture), material())
    totals: list[float] = []

    Trainer(task, Schedule(40, warm_up=1)).run(40, lambda progress: totals.append(progress.total))

    assert np.mean(totals[-5:]) < 0.75 * np.mean(totals[:3])


def test_the_papers_mixture_has_its_three_losses_and_ours_all_of_them() -> None:
    tasks = {name: FeedForwardTask(Settings(4, 1, name, 2), material()) for name in MIXTURES}  # type: ignore[arg-type]
    found = {name: set(task.losses("network", 0)) for name, task in tasks.items()}

    assert found["perceptual"] == {"style", "content", "smoothness"}
    assert found["structured"] == {name for name, pull in LOSSES.items() if pull} | {"grid"}


def test_a_grid_of_the_networks_stride_is_a_loss_and_other_texture_is_none() -> None:
    y, x = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    stripes = {period: 0.5 + 0.1 * ((x + y) % period < period / 2).float().expand(1, 3, -1, -1) for period in (4, 5)}

    assert float(grid_loss(stripes[4])) == pytest.approx((0.05 * 255 / 5) ** 2, rel=1e-4)
    assert float(grid_loss(stripes[5])) < 1e-4
    ramp = (x / 96).expand(1, 3, -1, -1)
    assert float(grid_loss(ramp)) < 1  # a slope has a step from place to place, and that is all
    picture = torch.rand(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(grid_loss, (picture,))


def test_a_style_pulls_as_hard_as_it_says() -> None:
    usual = FeedForwardTask(LEARNING, material()).losses("network", 2)
    pulled = FeedForwardTask(LEARNING, material(pull={"style": 3.0})).losses("network", 2)

    assert torch.allclose(pulled["style"], 3 * usual["style"])
    assert torch.equal(pulled["content"], usual["content"])


def test_what_was_trained_renders_as_it_was_trained_and_begins_another_training() -> None:
    task = FeedForwardTask(replace(LEARNING, reduced_precision=False), material())
    Trainer(task, Schedule(3)).run(3)
    trained, batch = task.trained(), torch.rand(1, 3, 32, 32)

    built = model(Architecture(4, 1), dict(trained.tensors))
    again = FeedForwardTask(LEARNING, material(Start("p", Digest.of(b""), *_facts(trained))))

    with torch.no_grad():
        assert (built.render(batch) - task.network(batch * 255).clamp(0, 1)).abs().max() < 0.02
        assert (again.network(batch * 255) - task.network(batch * 255)).abs().max() < 0.02
    assert trained.tensors["in1.weight"].dtype == torch.float16


def _facts(trained: Trained) -> tuple[Any, ...]:
    return trained.family, trained.architecture, trained.tensors


def test_training_that_was_stopped_and_resumed_equals_one_that_was_not_bit_for_bit(tmp_path: Path) -> None:
    whole, stopped, resumed = (Trainer(FeedForwardTask(LEARNING, material()), Schedule(6)) for _ in range(3))
    whole.run(6)
    stopped.run(3)
    stopped.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(6)

    pairs = zip(whole.task.players[0].network.parameters(), resumed.task.players[0].network.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_two_styles_a_strange_pull_and_a_painter_are_refused() -> None:
    once = material()

    with pytest.raises(StyleError, match="2 styles"):
        make(LEARNING, replace(once, styles=once.styles * 2))
    with pytest.raises(StyleError, match="vigour"):
        make(LEARNING, material(pull={"vigour": 1.0}))
    with pytest.raises(StyleError, match="taught"):
        make(LEARNING, material(taught_by="paper-cut"))


def test_the_settings_come_from_a_recipes_plain_values() -> None:
    assert isinstance(task_of(FAMILY.name, {"channels": 4, "mixture": "perceptual"}, material()), FeedForwardTask)
    with pytest.raises(TrainingError, match="mixture"):
        task_of(FAMILY.name, {"mixture": "secret"}, material())
