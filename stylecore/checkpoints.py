"""Checkpoints of other projects: read without running anything they hold, recognised, and mapped to our own families.

What comes out of a torch file is written as safetensors and passes the same gate as every other weights file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.styles import feed_forward, resnet_generator
from stylecore.torch_files import PICKLE_MAGIC, ZIP_MAGIC, read_torch_file
from stylecore.weights import MAX_BYTES, load_safetensors, read_bounded

_PARALLEL = "module."
"""What training on several devices puts before every name."""


def read_checkpoint(source: Path | bytes) -> dict[str, Tensor]:
    """The named tensors of a safetensors or PyTorch file (.pth, .pt, .model, of any age). Raises WeightsError alone."""
    content = read_bounded(source, MAX_BYTES)
    if content.startswith((ZIP_MAGIC, PICKLE_MAGIC)):
        content = save(read_torch_file(content))
    tensors = load_safetensors(content, None)
    if all(name.startswith(_PARALLEL) for name in tensors):
        return {name.removeprefix(_PARALLEL): tensor for name, tensor in tensors.items()}
    return tensors


@dataclass(frozen=True, slots=True)
class Recognised:
    """A checkpoint as one of our families: what its loader needs, and what was left out on the way."""

    family: str
    architecture: Mapping[str, int | str]
    tensors: Mapping[str, Tensor] = field(repr=False)
    notes: tuple[str, ...] = ()


def recognise(tensors: Mapping[str, Tensor]) -> Recognised:
    """Which of our families these tensors are. The family's loader still checks each of them."""
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(_IDLE_STATISTICS)}
    notes = [] if len(kept) == len(tensors) else ["left out the running statistics: instance norm does not use them"]
    if "conv1.conv2d.weight" in kept and "deconv3.conv2d.weight" in kept:
        return _feed_forward(kept, notes)
    if "model.1.weight" in kept and any(".conv_block." in name for name in kept):
        return _image_to_image(kept, notes)
    for pattern, what, next_step in _ELSEWHERE:
        if any(re.search(pattern, name) for name in tensors):
            raise StyleError(f"a checkpoint of {what}", _EXPECTED, next_step)
    first = ", ".join(ascii(name)[1:-1][:60] for name in sorted(tensors)[:3])
    raise StyleError(f"a checkpoint of no network we know ({len(tensors)} tensors: {first} ...)", _EXPECTED, _TRAIN)


_IDLE_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")
_EXPECTED = "TransformerNet of pytorch/examples, or a residual generator of CycleGAN or CUT"
_TRAIN = "Train a style of your own with `restyle train`."
_ELSEWHERE = (
    (r"^model\.model\.", "a U-Net generator (pix2pix), which needs pairs", _TRAIN),
    (r"(^|\.)(down_blocks|diffusion_model)\.", "a diffusion network", "Use it by the family `diffusion`."),
    (r"^(features|classifier)\.\d", "a classification network", "`restyle weights pull` places known ones."),
    (r"^(stem_norm\.scale|encoder\.)", "one of restyle's own networks", "Register its package instead."),
)


def _feed_forward(tensors: Mapping[str, Tensor], notes: list[str]) -> Recognised:
    blocks = sum(re.fullmatch(r"res\d+\.conv1\.conv2d\.weight", name) is not None for name in tensors)
    channels = _outputs(tensors, "conv1.conv2d.weight")
    architecture = feed_forward.Architecture.parse({"channels": channels, "blocks": blocks})
    return Recognised(feed_forward.FAMILY.name, architecture.describe(), dict(tensors), tuple(notes))


def _image_to_image(tensors: Mapping[str, Tensor], notes: list[str]) -> Recognised:
    found = {name.removesuffix(".weight") for name in tensors if name.endswith(".weight")}
    described, layout = _layout(found)
    architecture = resnet_generator.Architecture.parse({**described, "channels": _outputs(tensors, "model.1.weight")})
    mapped = {f"{ours}.weight": tensors[f"{theirs}.weight"] for theirs, ours in layout.items()}
    last = next(theirs for theirs, ours in layout.items() if ours == "rgb")
    mapped["colour"] = tensors.get(f"{last}.bias", torch.zeros(3))
    idle = {f"{theirs}.bias" for theirs in layout}
    blurs = {name for name in tensors if name.endswith(".filt")}
    for name in blurs:
        _check_blur(name, tensors[name])
    unknown = sorted({*tensors} - {f"{theirs}.weight" for theirs in layout} - idle - blurs)
    if unknown:
        raise StyleError(f"a generator with {ascii(unknown[0])[1:-1][:80]} ({len(unknown)} unknown)", _EXPECTED, _TRAIN)
    if idle & {*tensors} - {f"{last}.bias"}:
        notes = [*notes, "left out the biases before normalisations, which subtract them again"]
    return Recognised(resnet_generator.FAMILY.name, architecture.describe(), mapped, tuple(notes))


def _layout(found: Collection[str]) -> tuple[dict[str, int | str], dict[str, str]]:
    """How the published generator with exactly these weights is built, and what we call each of them."""
    blocks = len({name.split(".conv_block.")[0] for name in found if ".conv_block." in name})
    for down, up, second in product(resnet_generator.DOWN, resnet_generator.UP, (5, 6)):
        layout = dict(_published(blocks, down, up, second))
        if layout.keys() == {*found}:
            return {"blocks": blocks, "down": down, "up": up}, layout
    raise StyleError(
        f"a residual generator whose {len(found)} weights are numbered in no way we know",
        "CycleGAN's or CUT's, with instance norm that has no scales",
        "One with batch norm (`--norm batch`) cannot be used: its look depends on the whole batch.",
    )


def _published(blocks: int, down: str, up: str, second: int) -> Iterator[tuple[str, str]]:
    """Places in the sequence of layers: padding, convolution, norm and ReLU each count, and so do blur and enlargement.

    ``second`` is the place of a block's second convolution: 6 where dropout (idle when rendering) stands before it.
    """
    yield "model.1", "stem"
    place = 4
    for ours in ("down1", "down2"):
        yield f"model.{place}", ours
        place += 4 if down == "blurred" else 3
    for block in range(blocks):
        yield f"model.{place}.conv_block.1", f"blocks.{block}.conv1"
        yield f"model.{place}.conv_block.{second}", f"blocks.{block}.conv2"
        place += 1
    for ours in ("up1", "up2"):
        place += 1 if up == "bilinear" else 0
        yield f"model.{place}", ours
        place += 3
    yield f"model.{place + 1}", "rgb"


def _check_blur(name: str, kernels: Tensor) -> None:
    """CUT's files carry its fixed kernels along: 1-2-1 to halve, 1-3-3-1 to double, which is bilinear."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    expected = {3: resnet_generator.blur_kernel(), 4: torch.outer(line, line)}.get(
        kernels.shape[-1] if kernels.dim() else 0
    )
    if (
        expected is None
        or kernels.shape[-2:] != expected.shape
        or not torch.allclose(kernels.float(), expected.expand(kernels.shape), atol=1e-3)
    ):
        raise StyleError(f"{ascii(name)[1:-1][:80]}, a blur of another shape", "1-2-1 or 1-3-3-1", _TRAIN)


def _outputs(tensors: Mapping[str, Tensor], name: str) -> int:
    shape = tensors[name].shape
    if len(shape) != 4:
        raise StyleError(f"{name} of shape {tuple(shape)}", "the kernels of a convolution", _TRAIN)
    return int(shape[0])
