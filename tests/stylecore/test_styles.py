"""Style models: strict loading, any size, safe output, and the fast path equal to the plain definition."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from stylecore.data import RestyleError
from stylecore.errors import StyleError
from stylecore.styles.base import STROKE, Brush, StyleModel, StyleSource, blend
from stylecore.styles.build import build, family
from stylecore.styles.conditional import FAMILY, Architecture, ConditionalNetwork
from tests.stylecore.sample_images import SMALL, tensors_of

REFERENCE = np.zeros((8, 8, 3), dtype=np.uint8)


def model(index: int = 1, tensors: dict[str, Tensor] | None = None) -> StyleModel:
    return models([("risograph", index)], tensors)[0]


def models(styles: list[tuple[str, int]], tensors: dict[str, Tensor] | None = None) -> list[StyleModel]:
    sources = [StyleSource(index, name, REFERENCE) for name, index in styles]
    return build(FAMILY.name, SMALL.describe(), tensors or tensors_of(), sources)


def test_the_bundled_architecture_has_431_thousand_parameters_for_four_styles() -> None:
    network = ConditionalNetwork(Architecture(styles=4))

    assert sum(parameter.numel() for parameter in network.parameters()) == 430_941


def test_a_style_says_what_it_is() -> None:
    built = model()

    assert (built.name, built.family) == ("risograph", family("conditional-instance-norm"))
    assert STROKE in built.family.controls
    assert built.reference is REFERENCE


@settings(max_examples=25, deadline=None)
@given(height=st.integers(16, 70), width=st.integers(16, 70), count=st.integers(1, 2))
def test_any_size_comes_back_in_the_same_size_and_range(height: int, width: int, count: int) -> None:
    rendered = model().render(torch.rand(count, 3, height, width))

    assert rendered.shape == (count, 3, height, width)
    assert rendered.dtype == torch.float32
    assert rendered.min() >= 0
    assert rendered.max() <= 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -3.0])
def test_numbers_out_of_range_never_reach_the_output(value: float) -> None:
    batch = torch.full((1, 3, 20, 20), 0.5)
    batch[0, :, 3, 4] = value

    rendered = model().render(batch)

    assert torch.isfinite(rendered).all()
    assert rendered.min() >= 0
    assert rendered.max() <= 1


def test_an_empty_looking_picture_renders() -> None:
    assert torch.isfinite(model().render(torch.zeros(1, 3, 16, 16))).all()


def test_a_batch_already_a_multiple_of_four_needs_no_padding_and_others_agree_with_padding_by_hand() -> None:
    batch = torch.rand(1, 3, 21, 18)
    by_hand = functional.pad(batch, [0, 2, 0, 3], mode="reflect")

    assert torch.equal(model().render(batch), model().render(by_hand)[:, :, :21, :18])


def test_the_fast_rendering_path_equals_the_plain_definition() -> None:
    tensors = tensors_of(Architecture(styles=2))
    plain = ConditionalNetwork(Architecture(styles=2)).eval()
    plain.load_state_dict(tensors)
    fast = build(FAMILY.name, Architecture(styles=2).describe(), tensors, [StyleSource(1, "one", REFERENCE)])[0]
    batch = torch.rand(2, 3, 64, 48)

    with torch.inference_mode():
        expected = plain(batch, torch.tensor([1, 1]))

    assert (fast.render(batch) - expected).abs().max() < 1e-4


def test_plain_normalisation_is_instance_norm_with_the_scale_and_shift_of_each_style() -> None:
    norm = ConditionalNetwork(SMALL).stem_norm
    torch.nn.init.normal_(norm.scale)
    torch.nn.init.normal_(norm.shift)
    x = torch.randn(2, 8, 6, 6)

    mixed = norm(x, torch.tensor([2, 0]))

    for row, style in enumerate((2, 0)):
        alone = functional.instance_norm(x[row : row + 1], weight=norm.scale[style], bias=norm.shift[style])
        assert torch.allclose(mixed[row], alone[0], atol=1e-5)


def test_styles_of_one_package_differ_and_share_their_tensors() -> None:
    first, second = models([("one", 0), ("two", 2)])
    batch = torch.rand(1, 3, 16, 16)

    assert first._network is second._network  # type: ignore[attr-defined]
    assert not torch.equal(first.render(batch), second.render(batch))


def test_rendering_twice_and_on_several_threads_gives_the_same_bytes() -> None:
    built, batch = model(), torch.rand(1, 3, 40, 40)
    once = built.render(batch)

    with ThreadPoolExecutor(4) as threads:
        again = list(threads.map(lambda _: built.render(batch), range(8)))

    assert all(torch.equal(once, other) for other in again)


def test_the_batch_given_is_left_as_it_was() -> None:
    batch = torch.rand(1, 3, 17, 19)
    before = batch.clone()

    model().render(batch)

    assert torch.equal(batch, before)


def test_half_precision_weights_render_nearly_the_same() -> None:
    tensors = tensors_of()
    halved = {name: value.half() for name, value in tensors.items()}
    batch = torch.rand(1, 3, 32, 32)

    assert (model(tensors=tensors).render(batch) - model(tensors=halved).render(batch)).abs().max() < 0.02


@pytest.mark.parametrize(
    "batch",
    [torch.rand(3, 32, 32), torch.rand(1, 4, 32, 32), torch.rand(1, 3, 32, 32).byte(), torch.rand(1, 3, 15, 40)],
    ids=["no batch", "four channels", "bytes", "too low"],
)
def test_a_batch_of_another_kind_is_refused(batch: Tensor) -> None:
    with pytest.raises(StyleError):
        model().render(batch)


def test_an_unknown_family_is_refused_by_name() -> None:
    with pytest.raises(StyleError, match="family 'telepathy'"):
        build("telepathy", SMALL.describe(), tensors_of(), [])


def test_a_missing_tensor_is_refused_by_name() -> None:
    tensors = tensors_of()
    del tensors["colour"]

    with pytest.raises(StyleError, match="without colour"):
        model(tensors=tensors)


def test_an_extra_tensor_is_refused_by_name() -> None:
    with pytest.raises(StyleError, match="with backdoor"):
        model(tensors={**tensors_of(), "backdoor": torch.zeros(1)})


@pytest.mark.parametrize(
    "bad",
    [
        torch.zeros(3, 4),
        torch.full((3, 3), float("nan")),
        torch.full((3, 3), float("inf")),
        torch.zeros(3, 3, dtype=torch.int64),
        torch.zeros(3, 3, dtype=torch.complex64),
    ],
    ids=["shape", "nan", "inf", "integers", "complex"],
)
def test_a_tensor_of_wrong_shape_type_or_with_no_number_is_refused(bad: Tensor) -> None:
    with pytest.raises(StyleError, match="colour"):
        model(tensors={**tensors_of(), "colour": bad})


@pytest.mark.parametrize("index", [-1, 3, 1000])
def test_an_index_outside_the_package_is_refused(index: int) -> None:
    with pytest.raises(StyleError, match="index"):
        model(index=index)


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": 10**9},
        {"styles": 0},
        {"trunk_channels": True},
        {"stem_channels": 8.0},
        {"blocks": "1"},
        {"unknown": 1},
        {"blocks": None},
    ],
    ids=str,
)
def test_an_architecture_out_of_bounds_is_refused_before_anything_is_allocated(change: dict[str, Any]) -> None:
    with pytest.raises(StyleError):
        build(FAMILY.name, {**SMALL.describe(), **change}, tensors_of(), [])


def test_an_incomplete_architecture_is_refused() -> None:
    with pytest.raises(StyleError, match="exactly"):
        build(FAMILY.name, {"blocks": 1}, tensors_of(), [])


def test_style_errors_say_what_to_do_and_exit_as_integrity() -> None:
    with pytest.raises(RestyleError) as caught:
        model(index=9)

    assert caught.value.kind == "integrity"
    assert caught.value.next_step


def test_importing_the_styles_package_does_not_import_torch() -> None:
    program = "import sys, stylecore.styles; assert 'torch' not in sys.modules"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_torchvision_and_piq_import_after_the_bridge_and_twice_changes_nothing() -> None:
    program = (
        "from stylecore.torchvision_bridge import ensure_importable as bridge\n"
        "bridge(); bridge()\n"
        "import torchvision, piq, torch\n"
        "bridge()\n"
        "assert torchvision.models.squeezenet1_1(weights=None).features[0].out_channels == 64\n"
        "assert float(piq.psnr(torch.zeros(1, 3, 9, 9), torch.ones(1, 3, 9, 9))) < 1\n"
    )

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr


def test_the_bridge_leaves_torchvision_alone_once_it_is_imported() -> None:
    program = (
        "import sys, types\n"
        "sys.modules['torchvision'] = types.ModuleType('torchvision')\n"
        "from stylecore.torchvision_bridge import ensure_importable\n"
        "ensure_importable()\n"
        "assert 'torchvision._meta_registrations' not in sys.modules\n"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_blend_lies_between_its_styles_and_is_one_of_them_at_the_ends() -> None:
    one, other = models([("one", 0), ("two", 2)])
    batch = torch.rand(1, 3, 24, 24)
    first, second = one.render(batch), other.render(batch)

    nearly = blend(one, [(other, 1e-6)]).render(batch)
    half = blend(one, [(other, 0.5)]).render(batch)

    assert (nearly - first).abs().max() < 1e-3
    assert 0 < (half - first).abs().mean() < (second - first).abs().mean()
    assert 0 < (half - second).abs().mean() < (second - first).abs().mean()


def test_a_blend_does_not_depend_on_the_order_of_its_styles() -> None:
    one, two, three = models([("one", 0), ("two", 1), ("three", 2)])
    batch = torch.rand(1, 3, 16, 16)

    there = blend(one, [(two, 0.25), (three, 0.25)]).render(batch)
    back = blend(one, [(three, 0.25), (two, 0.25)]).render(batch)

    assert torch.allclose(there, back, atol=1e-6)


@pytest.mark.parametrize("weight", [0.0, -0.5, 1.0, 2.0, float("nan")])
def test_a_blend_with_a_weight_that_is_no_share_is_refused(weight: float) -> None:
    one, other = models([("one", 0), ("two", 2)])

    with pytest.raises(StyleError, match="weights"):
        blend(one, [(other, weight)])


def test_styles_of_two_packages_cannot_be_blended() -> None:
    with pytest.raises(StyleError, match="another package"):
        blend(model(), [(model(), 0.5)])


def test_a_larger_stroke_paints_the_same_size_with_coarser_texture() -> None:
    batch = torch.rand(1, 3, 64, 48)

    fine, coarse = model().render(batch), model().render(batch, Brush(stroke=2.0))

    assert coarse.shape == fine.shape
    assert (coarse.diff(dim=3).abs().mean()) < (fine.diff(dim=3).abs().mean())
