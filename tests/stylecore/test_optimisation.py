"""Optimising a picture: statistics that are their formulas, a descent that descends, the same bytes from one seed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from stylecore import weights as weights_module
from stylecore.data import Digest, Recipe
from stylecore.errors import StyleError
from stylecore.features import FeatureNetwork, SqueezeFeatures
from stylecore.image import Picture
from stylecore.losses import luminance
from stylecore.optimisation.objective import style_size
from stylecore.optimisation.optimise import Step, optimised
from stylecore.optimisation.pictures import packed
from stylecore.optimisation.scales import carried, scale_sizes, widened, working_size
from stylecore.optimisation.settings import Settings
from stylecore.optimisation.statistics import STATISTICS, gaussian, gram_distance, gram_target, trace_of_root
from stylecore.styles.base import Brush, StyleModel, StyleSource, blend
from stylecore.styles.build import build, family
from stylecore.stylize import stylize
from stylecore.weights import WeightsFolder

QUICK = Settings(first_steps=3, steps=2, least_edge_px=64, most_edge_px=96)


@pytest.fixture(autouse=True)
def one_seed() -> None:
    torch.manual_seed(11)


class TinyFeatures(FeatureNetwork):
    """Random filters are features enough to see whether a loss goes down."""

    title = "two convolutions"
    style_layers = (1, 2)
    content_layers = MappingProxyType({2: 1.0})
    stride_px = 4

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.frozen()

    def forward(self, x: Tensor, wanted: Collection[int]) -> dict[int, Tensor]:
        first = torch.relu(self.first(self.standardised(x)))
        found = {1: first, 2: torch.relu(self.second(first))}
        return {layer: found[layer] for layer in wanted}


def picture(height: int = 64, width: int = 80, seed: int = 1) -> Tensor:
    """Smooth, colourful, and its own for each seed."""
    few = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(few, size=(height, width), mode="bicubic").clamp(0, 1)


def painted(content: Tensor, style: Tensor, how: Settings, seed: int = 0, stroke: float = 1.0) -> Tensor:
    torch.manual_seed(3)
    return optimised(TinyFeatures(), content, [(style, 1.0)], how, stroke=stroke, seed=seed)


# --- statistics ------------------------------------------------------------------------------------------------------


def numpy_moments(features: Tensor) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    flat = features.flatten(1).numpy()
    return flat.mean(1), np.cov(flat, bias=True)


@pytest.mark.parametrize("shape", [(5, 6, 7), (9, 2, 3)], ids=["more places than features", "fewer"])
def test_the_wasserstein_distance_is_that_of_the_gaussians(shape: tuple[int, int, int]) -> None:
    mine, its = torch.randn(shape, dtype=torch.float64), 1 + 2 * torch.randn(shape, dtype=torch.float64)
    (mean, covariance), (mean_, covariance_) = numpy_moments(mine), numpy_moments(its)
    root = scipy.linalg.sqrtm(covariance_)
    middle = np.real(np.trace(scipy.linalg.sqrtm(root @ covariance @ root)))
    squared = np.sum((mean - mean_) ** 2) + np.trace(covariance) + np.trace(covariance_) - 2 * middle
    expected = squared / (np.trace(covariance_) + np.sum(mean_**2))

    assert STATISTICS["wasserstein"].distance(mine, gaussian(its)).item() == pytest.approx(expected, rel=1e-4)


def test_the_gram_distance_is_the_relative_squared_difference_of_gram_matrices() -> None:
    mine, its = torch.randn(4, 3, 5), torch.randn(4, 3, 5)
    gram, gram_ = (np.einsum("cij,dij->cd", x.numpy(), x.numpy()) / 15 for x in (mine, its))

    found = gram_distance(mine, gram_target(its)).item()

    assert found == pytest.approx(np.sum((gram - gram_) ** 2) / np.sum(gram_**2), rel=1e-4)


@pytest.mark.parametrize("name", sorted(STATISTICS))
@pytest.mark.parametrize("shape", [(3, 4, 4), (6, 2, 2)])
def test_statistics_have_the_slope_they_say(name: str, shape: tuple[int, int, int]) -> None:
    statistic = STATISTICS[name]
    target = statistic.target(torch.randn(shape, dtype=torch.float64))
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda f: statistic.distance(f, target), (x,), eps=1e-4, atol=1e-3)


def test_the_trace_of_a_root_and_its_slope_hold_with_equal_eigenvalues() -> None:
    matrix = (4 * torch.eye(3, dtype=torch.float64)).requires_grad_(True)

    total = trace_of_root(matrix, 0.0)
    total.backward()  # type: ignore[no-untyped-call]

    assert total.item() == pytest.approx(6)
    assert matrix.grad is not None
    assert torch.allclose(matrix.grad, torch.eye(3, dtype=torch.float64) / 4)


@pytest.mark.parametrize("name", sorted(STATISTICS))
def test_a_style_is_at_no_distance_from_itself_wherever_things_are(name: str) -> None:
    statistic, features = STATISTICS[name], torch.rand(5, 6, 7)
    shuffled = features.flatten(1)[:, torch.randperm(42)].reshape(5, 6, 7)

    assert statistic.distance(shuffled, statistic.target(features)).item() == pytest.approx(0, abs=1e-3)
    assert statistic.distance(2 * features, statistic.target(features)).item() > 0.1


@pytest.mark.parametrize("name", sorted(STATISTICS))
def test_features_that_are_nothing_have_a_distance_and_a_finite_slope(name: str) -> None:
    nothing = torch.zeros(4, 3, 3, requires_grad=True)

    distance = STATISTICS[name].distance(nothing, STATISTICS[name].target(torch.rand(4, 3, 3)))
    distance.backward()  # type: ignore[no-untyped-call]

    assert torch.isfinite(distance)
    assert nothing.grad is not None
    assert torch.isfinite(nothing.grad).all()


# --- scales ----------------------------------------------------------------------------------------------------------


@given(height=st.integers(64, 2000), width=st.integers(64, 2000), least=st.integers(64, 512))
def test_scales_grow_to_the_whole_picture_and_none_is_too_small(height: int, width: int, least: int) -> None:
    sizes = scale_sizes((height, width), least)

    assert sizes[-1] == (height, width)
    assert sizes == sorted(sizes)
    assert all(min(size) >= 64 for size in sizes)
    assert all(large[0] <= 1.5 * small[0] + 2 for small, large in pairwise(sizes))


@given(height=st.integers(1, 9000), width=st.integers(1, 9000))
def test_the_working_size_is_bounded_and_small_pictures_keep_theirs(height: int, width: int) -> None:
    size = working_size((height, width), 1024)

    assert max(size) <= 1024
    assert min(size) >= 1
    if max(height, width) <= 1024:
        assert size == (height, width)


@given(height=st.integers(1, 80), width=st.integers(1, 80))
def test_widening_mirrors_and_leaves_the_picture_in_its_corner(height: int, width: int) -> None:
    x = torch.rand(1, 3, height, width)

    wide = widened(x)

    assert wide.shape[2:] == (max(64, height), max(64, width))
    assert torch.equal(wide[:, :, :height, :width], x)
    if height < 64:
        assert torch.equal(wide[:, :, height, :width], x[:, :, -1])


@given(stroke=st.floats(0.05, 20), height=st.integers(64, 1024), width=st.integers(64, 1024))
def test_a_style_picture_is_shown_at_a_bounded_size_whatever_the_stroke(stroke: float, height: int, width: int) -> None:
    shown = style_size((height, width), (300, 200), stroke)

    assert min(shown) >= 63
    assert shown[0] * shown[1] <= 2.3 * max(64 / min(height, width), 1.5) ** 2 * height * width


def test_larger_strokes_show_the_style_larger() -> None:
    assert style_size((512, 512), (256, 256), 2.0) == (512, 512)
    assert style_size((512, 512), (256, 256), 1.0) == (256, 256)


def test_detail_comes_from_the_content_where_the_painting_has_contrast_and_nowhere_else() -> None:
    content = picture(128, 128) * 0.6 + 0.2 + 0.1 * ((torch.arange(128) % 2).float() - 0.5)
    small = nn.functional.interpolate(content, size=(64, 64), mode="bicubic", antialias=True)

    def fine(x: Tensor) -> float:
        return float((luminance(x) - nn.functional.avg_pool2d(luminance(x), 3, 1, 1))[..., 4:-4, 4:-4].std())

    assert fine(carried(small, content)) > 0.3 * fine(content)
    assert fine(carried(torch.full_like(small, 0.5), content)) < 0.02 * fine(content)
    assert carried(content, content) is content


# --- optimising ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimiser", ["adam", "l-bfgs"])
@pytest.mark.parametrize("statistics", sorted(STATISTICS))
def test_the_loss_goes_down(optimiser: str, statistics: str) -> None:
    how = replace(QUICK, optimiser=optimiser, statistics=statistics, first_steps=12, steps=12, most_edge_px=128)
    told: list[Step] = []

    optimised(TinyFeatures(), picture(128, 128), [(picture(seed=2), 1.0)], how, told=told.append)

    widths = sorted({step.width_px for step in told})
    assert widths == [64, 91, 128]
    # Adam sees other random patches of the palette at each step; L-BFGS sees one function for a whole scale.
    for width in widths if optimiser == "l-bfgs" else widths[:1]:
        losses = [step.loss for step in told if step.width_px == width]
        assert min(losses[-4:]) < losses[0]


def test_a_picture_in_its_own_style_stays_what_it_is() -> None:
    content = picture(96, 96)
    how = replace(QUICK, first_steps=30, steps=20, smoothness=0.0)
    own, other = ((painted(content, style, how) - content).abs().mean() for style in (content, picture(96, 96, 2)))

    assert own < 0.04
    assert own < 0.5 * other


def test_more_style_comes_nearer_to_the_style_and_further_from_the_content() -> None:
    content, style = picture(64, 64), picture(64, 64, seed=2)
    weak, strong = (
        painted(content, style, replace(QUICK, first_steps=40, style=pull, palette=pull)) for pull in (0.05, 20.0)
    )

    assert (strong - content).abs().mean() > (weak - content).abs().mean()


@pytest.mark.parametrize("start", ["content", "noise", "style-colours"])
@pytest.mark.parametrize("optimiser", ["adam", "l-bfgs"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(start: str, optimiser: str) -> None:
    how = replace(QUICK, start=start, optimiser=optimiser)
    content, style = picture(), picture(seed=2)

    first, again, other = (painted(content, style, how, seed) for seed in (7, 7, 8))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == content.shape
    assert 0 <= first.min() <= first.max() <= 1


def test_nothing_random_of_others_is_moved_or_looked_at() -> None:
    content, style = picture(), picture(seed=2)
    network = TinyFeatures()
    torch.manual_seed(1)
    first = optimised(network, content, [(style, 1.0)], QUICK)
    after = torch.rand(1)
    torch.manual_seed(1)

    assert torch.equal(after, torch.rand(1))
    assert torch.equal(first, optimised(network, content, [(style, 1.0)], QUICK))


def test_it_paints_inside_inference_mode() -> None:
    content, style = picture(), picture(seed=2)
    outside = painted(content, style, QUICK)
    network = TinyFeatures()
    network.load_state_dict(_same_tiny().state_dict())

    with torch.inference_mode():
        inside = optimised(network, content * 1.0, [(style * 1.0, 1.0)], QUICK)

    assert torch.equal(inside, outside)


def _same_tiny() -> TinyFeatures:
    torch.manual_seed(3)
    return TinyFeatures()


@settings(max_examples=6, deadline=None)
@given(height=st.integers(16, 120), width=st.integers(16, 120))
def test_any_size_comes_back_in_the_same_size(height: int, width: int) -> None:
    rendered = painted(picture(height, width), picture(seed=2), replace(QUICK, first_steps=1, steps=1))

    assert rendered.shape == (1, 3, height, width)
    assert torch.isfinite(rendered).all()


def test_a_larger_picture_costs_no_more_steps_at_its_own_size() -> None:
    told: list[Step] = []

    large = optimised(TinyFeatures(), picture(200, 300), [(picture(seed=2), 1.0)], QUICK, told=told.append)

    assert large.shape[2:] == (200, 300)
    assert max(step.width_px for step in told) == 96


# --- settings --------------------------------------------------------------------------------------------------------


def test_settings_come_back_from_their_description() -> None:
    assert Settings.parse(QUICK.describe()) == QUICK


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 10**9},
        {"steps": 2.0},
        {"steps": True},
        {"learning_rate": float("nan")},
        {"style": -1.0},
        {"style": "1"},
        {"statistics": "../gram"},
        {"optimiser": ["adam"]},
        {"start": "content\n"},
        {"most_edge_px": 100_000},
        {"surprise": 1},
    ],
)
def test_settings_out_of_bounds_are_refused(change: Mapping[str, Any]) -> None:
    with pytest.raises(StyleError):
        Settings.parse({**QUICK.describe(), **change})


# --- the family ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsFolder:
    """A weights folder with a SqueezeNet of random numbers, which everybody knows here."""
    path = tmp_path / "squeezenet1_1_features.safetensors"
    save_file(SqueezeFeatures().state_dict(), path)
    monkeypatch.setattr(
        weights_module,
        "KNOWN_WEIGHTS",
        {"squeezenet1_1_features": Digest.of(path.read_bytes()), "alexnet_features": _NO},
    )
    return WeightsFolder(tmp_path)


_NO = Digest("0" * 64)


def pixels(seed: int, height: int = 70, width: int = 90) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.ascontiguousarray((picture(height, width, seed)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8))


def models(folder: WeightsFolder) -> list[StyleModel]:
    trained = packed({"one": pixels(2), "two": pixels(3)}, folder, replace(QUICK, first_steps=2, steps=1))
    sources = [StyleSource(i, name, reference) for i, (name, reference) in enumerate(trained.references.items())]
    return build(trained.family, trained.architecture, trained.tensors, sources, folder)


def test_a_packed_picture_renders_and_is_stored_to_the_last_bit(folder: WeightsFolder) -> None:
    trained = packed({"one": pixels(2)}, folder)

    restored = (trained.tensors["style.0"].float() * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()

    assert np.array_equal(restored, pixels(2))
    assert trained.architecture["features"] == "squeezenet1_1_features"
    assert trained.architecture["features_digest"] == folder.digest("squeezenet1_1_features")
    assert all(isinstance(value, str | int | float) for value in trained.architecture.values())


def test_a_large_style_picture_is_packed_smaller(folder: WeightsFolder) -> None:
    trained = packed({"one": pixels(2, 300, 2048)}, folder)

    assert trained.tensors["style.0"].shape == (3, 150, 1024)
    with pytest.raises(StyleError, match="at least 64 px"):
        packed({"one": pixels(2, 20, 500)}, folder)


def test_a_picture_does_not_depend_on_its_neighbours(folder: WeightsFolder) -> None:
    model = models(folder)[0]
    first, second = picture(32, 40), picture(32, 40, seed=5)

    both = model.render(torch.cat([first, second, second]))

    assert torch.equal(both[:1], model.render(first))
    assert torch.equal(both[1:2], model.render(second))
    assert torch.equal(both[1], both[2])


def test_strokes_seeds_styles_and_blends_make_a_difference(folder: WeightsFolder) -> None:
    one, two = models(folder)
    content = picture(64, 64)
    plain = one.render(content)

    results = [
        two.render(content),
        one.render(content, Brush(stroke=2.0)),
        one.render(content, Brush(seed=4)),
        blend(one, [(two, 0.4)]).render(content),
    ]

    assert not any(torch.equal(plain, other) for other in results)


def test_it_stylizes_like_every_other_family(folder: WeightsFolder) -> None:
    model = models(folder)[0]
    before = Picture(pixels(6, 40, 50))

    after = stylize(model, [before], Recipe())[0]

    assert after.pixels.shape == before.pixels.shape
    assert not np.array_equal(after.pixels, before.pixels)
    assert family("optimisation").features[0] == "vgg19_features"


def test_styles_of_two_packages_do_not_blend(folder: WeightsFolder) -> None:
    with pytest.raises(StyleError, match="another package"):
        blend(models(folder)[0], [(models(folder)[1], 0.5)])


def test_other_feature_weights_than_it_was_made_with_are_refused(folder: WeightsFolder) -> None:
    trained = packed({"one": pixels(2)}, folder)

    def loaded(**changed: Any) -> None:
        build(trained.family, {**trained.architecture, **changed}, trained.tensors, [], folder)

    with pytest.raises(StyleError, match="with which the style was made"):
        loaded(features_digest="f" * 64)
    with pytest.raises(StyleError, match="64 hex digits"):
        loaded(features_digest=7)
    with pytest.raises(StyleError, match="features named"):
        loaded(features="../squeezenet1_1_features")
    with pytest.raises(StyleError, match="weights pull"):
        loaded(features="alexnet_features")
    with pytest.raises(StyleError, match="no weights folder"):
        build(trained.family, trained.architecture, trained.tensors, [])


@pytest.mark.parametrize(
    "tensors",
    [
        {"style.0": torch.full((3, 64, 64), 1.5)},
        {"style.0": torch.full((3, 64, 64), float("nan"))},
        {"style.0": torch.zeros(3, 63, 64)},
        {"style.0": torch.zeros(3, 64, 1025)},
        {"style.0": torch.zeros(1, 64, 64)},
        {"style.0": torch.zeros(3, 64, 64, dtype=torch.uint8)},
        {"style.../0": torch.zeros(3, 64, 64)},
        {"style.1": torch.zeros(3, 64, 64)},
    ],
)
def test_hostile_style_pictures_are_refused(folder: WeightsFolder, tensors: dict[str, Tensor]) -> None:
    trained = packed({"one": pixels(2)}, folder)

    with pytest.raises(StyleError):
        build(trained.family, trained.architecture, tensors, [StyleSource(0, "one", pixels(2))], folder)
