"""The image-to-image family: CycleGAN's and CUT's generators, by their published sequence of layers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from stylecore.checkpoints import recognise
from stylecore.errors import StyleError
from stylecore.styles.base import Brush, StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.styles.resnet_generator import DOWN, FAMILY, UP, Architecture, Generator

REFERENCE = np.zeros((8, 8, 3), dtype=np.uint8)
SMALL = Architecture(channels=4, blocks=2)
WAYS = list(product(DOWN, UP))


class Blur(nn.Module):
    """CUT's fixed kernels as the published code applies them: depthwise, and for enlarging transposed and cropped."""

    def __init__(self, channels: int, line: list[float], doubles: bool) -> None:
        super().__init__()
        kernel = torch.outer(torch.tensor(line), torch.tensor(line))
        kernel = kernel / kernel.sum() * (4 if doubles else 1)
        self.register_buffer("filt", kernel.expand(channels, 1, -1, -1).clone())
        self.doubles = doubles

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.get_buffer("filt")
        if not self.doubles:
            return functional.conv2d(functional.pad(x, [1] * 4, mode="reflect"), kernel, stride=2, groups=x.shape[1])
        grown = functional.pad(x, [1] * 4, mode="replicate")
        return functional.conv_transpose2d(grown, kernel, stride=2, padding=2, groups=x.shape[1])[:, :, 1:-1, 1:-1]


class Block(nn.Module):
    def __init__(self, channels: int, dropout: bool) -> None:
        super().__init__()
        half = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
        idle: list[nn.Module] = [nn.Dropout(0.5)] if dropout else []
        other = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
        self.conv_block = nn.Sequential(*half, nn.ReLU(), *idle, *other)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)  # type: ignore[no-any-return]


class Published(nn.Module):
    """The published generator as one sequence of layers, whose places give the tensors their names."""

    def __init__(self, architecture: Architecture, dropout: bool = False) -> None:
        super().__init__()
        self.model = nn.Sequential(*self._layers(architecture, dropout))

    def _layers(self, told: Architecture, dropout: bool) -> Iterator[nn.Module]:
        thin, middle, thick = told.channels, told.channels * 2, told.channels * 4
        yield from (nn.ReflectionPad2d(3), nn.Conv2d(3, thin, 7), nn.InstanceNorm2d(thin), nn.ReLU())
        for before, after in ((thin, middle), (middle, thick)):
            stride = 2 if told.down == "strided" else 1
            yield from (nn.Conv2d(before, after, 3, stride, 1), nn.InstanceNorm2d(after), nn.ReLU())
            if told.down == "blurred":
                yield Blur(after, [1.0, 2.0, 1.0], doubles=False)
        yield from (Block(thick, dropout) for _ in range(told.blocks))
        for before, after in ((thick, middle), (middle, thin)):
            if told.up == "bilinear":
                yield from (Blur(before, [1.0, 3.0, 3.0, 1.0], doubles=True), nn.Conv2d(before, after, 3, 1, 1))
            else:
                yield nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1)
            yield from (nn.InstanceNorm2d(after), nn.ReLU())
        yield from (nn.ReflectionPad2d(3), nn.Conv2d(thin, 3, 7), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


def published(architecture: Architecture = SMALL, dropout: bool = False) -> Published:
    torch.manual_seed(5)
    return Published(architecture, dropout).eval()


def tensors_of(architecture: Architecture = SMALL) -> dict[str, Tensor]:
    torch.manual_seed(4)
    return dict(Generator(architecture).state_dict())


def model(architecture: Architecture = SMALL, tensors: dict[str, Tensor] | None = None) -> StyleModel:
    found = tensors_of(architecture) if tensors is None else tensors
    return build(FAMILY.name, architecture.describe(), found, [StyleSource(0, "monet", REFERENCE)])[0]


@pytest.mark.parametrize(("down", "up"), WAYS)
@pytest.mark.parametrize("dropout", [False, True])
def test_an_imported_checkpoint_renders_as_its_published_definition(down: str, up: str, dropout: bool) -> None:
    architecture = Architecture(4, 3, down, up)
    theirs, batch = published(architecture, dropout), torch.rand(2, 3, 32, 40)

    found = recognise(theirs.state_dict())
    with torch.no_grad():
        expected = (theirs(batch * 2 - 1) + 1) / 2

    assert (found.family, dict(found.architecture)) == (FAMILY.name, architecture.describe())
    assert expected.std() > 0.02
    assert (model(architecture, dict(found.tensors)).render(batch) - expected).abs().max() < 1e-4
    assert "biases" in " ".join(found.notes)


def test_the_names_of_the_published_nine_block_generator_are_these() -> None:
    names = set(published(Architecture(2, 9, "strided", "transposed")).state_dict())
    inside = {f"model.{at}.conv_block.{place}" for at in range(10, 19) for place in (1, 5)}
    outside = {f"model.{at}" for at in (1, 4, 7, 19, 22, 26)}

    assert names == {f"{name}.{kind}" for name in inside | outside for kind in ("weight", "bias")}


def test_running_statistics_of_old_checkpoints_are_left_out_and_told() -> None:
    theirs = published(SMALL).state_dict()
    theirs |= {"model.2.running_mean": torch.zeros(4), "model.2.num_batches_tracked": torch.tensor(3)}

    found = recognise(theirs)

    assert any("running statistics" in note for note in found.notes)
    assert not any("running" in name for name in found.tensors)


def test_a_generator_with_batch_norm_is_refused_with_the_reason() -> None:
    theirs = published(SMALL).state_dict() | {"model.2.weight": torch.ones(4), "model.2.bias": torch.ones(4)}

    with pytest.raises(StyleError, match="batch norm"):
        recognise(theirs)


def test_another_blur_than_the_published_one_is_refused() -> None:
    theirs = published(SMALL).state_dict()
    theirs["model.7.filt"] = theirs["model.7.filt"].roll(1, dims=2)

    with pytest.raises(StyleError, match=r"model\.7\.filt"):
        recognise(theirs)


def test_a_tensor_too_many_is_refused_by_name() -> None:
    with pytest.raises(StyleError, match="backdoor"):
        recognise({**published(SMALL).state_dict(), "backdoor": torch.zeros(2)})


@settings(max_examples=15, deadline=None)
@given(height=st.integers(16, 45), width=st.integers(16, 45), way=st.sampled_from(WAYS))
def test_any_size_comes_back_in_the_same_size_and_range(height: int, width: int, way: tuple[str, str]) -> None:
    rendered = model(Architecture(2, 1, *way)).render(torch.rand(1, 3, height, width))

    assert rendered.shape == (1, 3, height, width)
    assert 0 <= rendered.min() <= rendered.max() <= 1


def test_the_encoder_gives_its_stages_in_order_and_no_more_than_asked() -> None:
    network, picture = Generator(Architecture(4, 3)), torch.rand(1, 3, 32, 32)

    found = network.encoded(picture, {"block1", "picture", "down2", "down1"})

    assert [tuple(each.shape) for each in found] == [(1, 3, 32, 32), (1, 8, 32, 32), (1, 16, 16, 16), (1, 16, 8, 8)]
    assert torch.equal(found[0], picture)


def test_a_larger_stroke_keeps_the_size_of_the_picture() -> None:
    assert model().render(torch.rand(1, 3, 48, 40), Brush(stroke=1.5)).shape == (1, 3, 48, 40)


@pytest.mark.parametrize(
    "change", [{"channels": 0}, {"blocks": True}, {"down": "pooled"}, {"up": 3}, {"up": None}, {"more": 1}], ids=str
)
def test_an_architecture_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StyleError):
        build(FAMILY.name, {**SMALL.describe(), **change}, tensors_of(), [])


def test_an_incomplete_architecture_is_refused() -> None:
    with pytest.raises(StyleError, match="down"):
        build(FAMILY.name, {"channels": 4, "blocks": 2, "up": "bilinear"}, tensors_of(), [])
