"""A style read off one picture: the statistics, the family's package, and its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn import functional

from stylecore.data import Digest
from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.styles import adaptive, conditional
from stylecore.styles.adaptive import FAMILY, AdaptiveNetwork, Architecture
from stylecore.styles.base import Brush, StyleModel, StyleSource, blend
from stylecore.styles.build import build
from stylecore.styles.canonical import canonical, coloured, colours_of
from stylecore.styles.encoder import (
    Encoder,
    mean_and_spread,
    seen_reference,
    statistics_count,
    statistics_of,
    tone_curve,
)
from stylecore.training.content import ContentSampler
from stylecore.training.loop import Schedule, Trainer
from stylecore.training.material import Material, StyleImage
from stylecore.training.start import KeptStyle, Start
from stylecore.training.tasks.adaptive import (
    LOUDNESS,
    AdaptiveTask,
    Settings,
    begin,
    make,
    whitening,
    without_colours,
)

Pixels = npt.NDArray[np.uint8]
TINY = Architecture(stem_channels=8, trunk_channels=8, blocks=1, embedding=4, encoder_channels=4, hidden=8)
TINY_SETTINGS = Settings(**TINY.describe(), zoo_pictures=2, zoo_px=80, seen_px=64, batch=2)


def pixels(height: int = 40, width: int = 56, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def batch(height: int = 40, width: int = 56, seed: int = 1) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def tensors(architecture: Architecture = TINY, seed: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    network = AdaptiveNetwork(architecture)
    begin(network, {})
    return dict(network.state_dict())


def styles(
    weights: Mapping[str, Tensor] | None = None, architecture: Mapping[str, object] | None = None
) -> list[StyleModel]:
    sources = [StyleSource(0, "one", pixels(seed=1)), StyleSource(1, "two", pixels(seed=2) // 3)]
    return build(FAMILY.name, architecture or TINY.describe(), weights or tensors(), sources)


def material(styles: tuple[StyleImage, ...] = (), start: Start | None = None) -> Material:
    torch.manual_seed(12)
    photo = Image.fromarray(pixels(6, 8, 5)).resize((120, 90), Image.Resampling.BICUBIC)
    return Material(styles, ContentSampler([photo], 64, 0.0, 7), SqueezeFeatures(), 7, start)


def start_from(network: torch.nn.Module, family: str) -> Start:
    return Start("package", Digest("0" * 64), family, {}, network.state_dict())


def values(losses: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: float(loss.detach()) for name, loss in losses.items()}


def test_means_and_spreads_are_those_of_numpy() -> None:
    features = torch.randn(2, 5, 7, 9)

    found = mean_and_spread(features).numpy()

    flat = features.numpy().reshape(2, 5, -1)
    assert np.allclose(found[:, :5], flat.mean(axis=2), atol=1e-6)
    assert np.allclose(found[:, 5:], np.sqrt(flat.var(axis=2) + 1e-5), atol=1e-6)


def test_the_tone_curve_is_the_mean_colour_of_each_eighth_by_lightness() -> None:
    picture = batch(16, 24)

    found = tone_curve(picture)[0].reshape(8, 3).numpy()

    colours = picture[0].reshape(3, -1).T.numpy()
    ranks = np.argsort(colours @ np.array([0.299, 0.587, 0.114], dtype=np.float32), kind="stable")
    assert np.allclose(found, [part.mean(axis=0) for part in np.array_split(colours[ranks], 8)], atol=1e-5)


def test_colours_are_the_middle_and_the_root_of_the_covariance_of_logits() -> None:
    picture = batch(20, 24)

    found = colours_of(picture)

    logits = torch.logit(picture.clamp(0.02, 0.98))[0].flatten(1).numpy()
    assert np.allclose(found.middle[0], logits.mean(axis=1), atol=1e-5)
    expected = np.cov(logits, bias=True) + 0.02 * np.eye(3)
    assert np.allclose(found.root[0] @ found.root[0], expected, atol=1e-4)


def test_a_picture_without_its_colours_gets_them_back() -> None:
    picture = batch(20, 24).clamp(0.15, 0.85)
    colours = colours_of(picture)

    bare = canonical(picture, colours)

    assert torch.allclose(coloured((bare - 0.5) * 6, colours), picture, atol=1e-4)
    assert float(bare.mean()) == pytest.approx(0.5, abs=1e-3)


def test_without_colours_all_palettes_look_alike() -> None:
    grey = batch(20, 24)
    tinted = torch.sigmoid(
        torch.logit(grey.clamp(0.1, 0.9)) * 0.8 + torch.tensor([0.5, -0.2, 0.1])[None, :, None, None]
    )

    bare, same = (canonical(each, colours_of(each)) for each in (grey.clamp(0.1, 0.9), tinted))

    assert float((bare - same).abs().max()) < 0.03


def test_the_gradient_of_the_statistics_is_the_numerical_one() -> None:
    torch.manual_seed(0)
    features = torch.rand(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)

    def in_double(x: Tensor) -> Tensor:
        # float() inside would hide the numerical gradient in rounding: the same formula, spelled for float64.
        variance, mean = torch.var_mean(x.flatten(2), dim=2, correction=0)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)

    assert torch.autograd.gradcheck(in_double, (features,))
    single = features.detach().float().requires_grad_()
    mean_and_spread(single).square().sum().backward()
    in_double(features).square().sum().backward()
    assert single.grad is not None
    assert features.grad is not None
    assert torch.allclose(single.grad.double(), features.grad, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3), st.booleans())
def test_what_is_read_does_not_depend_on_where_things_are(turns: int, mirrored: bool) -> None:
    """Tones are free of place altogether; features up to the look of turned marks, so only tones are compared."""
    picture = batch(24, 24)
    moved = torch.rot90(picture, turns, (2, 3))
    moved = moved.flip(3) if mirrored else moved

    assert torch.allclose(tone_curve(moved), tone_curve(picture), atol=1e-5)


def test_statistics_have_the_announced_number() -> None:
    encoder = Encoder(4)
    picture = batch(32, 32)

    assert statistics_of(picture, encoder(picture)).shape == (1, statistics_count(encoder))


@pytest.mark.parametrize(("height", "width"), [(40, 56), (900, 30), (16, 16), (384, 384)])
def test_a_reference_of_any_shape_is_seen_at_one_size_and_never_as_a_strip(height: int, width: int) -> None:
    seen = seen_reference(pixels(height, width))

    assert min(seen.shape[2:]) == 384
    assert max(seen.shape[2:]) <= 768
    assert all(edge % 8 == 0 for edge in seen.shape[2:])


def test_a_style_renders_any_size_in_range_and_the_same_each_time() -> None:
    one, two = styles()
    for height, width in ((16, 16), (41, 55), (64, 33)):
        rendered = one.render(batch(height, width))
        assert rendered.shape == (1, 3, height, width)
        assert float(rendered.min()) >= 0
        assert float(rendered.max()) <= 1
        assert torch.equal(rendered, one.render(batch(height, width)))
    assert not torch.allclose(one.render(batch()), two.render(batch()))


def test_the_same_package_read_twice_gives_the_same_pixels() -> None:
    assert torch.equal(styles()[0].render(batch()), styles()[0].render(batch()))


def test_training_and_rendering_compute_the_same_function() -> None:
    torch.manual_seed(4)
    network = AdaptiveNetwork(TINY)
    begin(network, {})
    reference = seen_reference(pixels(seed=1))
    with torch.no_grad():
        mirrored = functional.pad(batch(40, 56), [24] * 4, mode="reflect")
        trained = network(mirrored, network.read(reference))[:, :, 24:-24, 24:-24]
    loaded = build(FAMILY.name, TINY.describe(), network.state_dict(), [StyleSource(0, "one", pixels(seed=1))])[0]

    assert torch.allclose(loaded.render(batch(40, 56)), trained, atol=1e-5)


def test_each_picture_of_a_batch_has_its_own_style() -> None:
    torch.manual_seed(4)
    network = AdaptiveNetwork(TINY)
    begin(network, {})
    content, seen = torch.cat([batch(seed=1), batch(seed=2)]), torch.cat([batch(64, 64, 3), batch(64, 64, 4)])
    with torch.no_grad():
        together = network(content, network.read(seen))
        apart = torch.cat([network(content[i : i + 1], network.read(seen[i : i + 1])) for i in range(2)])

    assert torch.allclose(together, apart, atol=1e-5)


def test_blending_mixes_what_was_read_and_ends_at_the_styles() -> None:
    one, two = styles()
    nearly_two = blend(one, [(two, 0.999_999)])
    between = blend(one, [(two, 0.5)])

    assert torch.allclose(nearly_two.render(batch()), two.render(batch()), atol=1e-4)
    assert not torch.allclose(between.render(batch()), one.render(batch()))
    with pytest.raises(StyleError, match="another package"):
        blend(one, [(styles()[1], 0.5)])


def test_a_larger_stroke_paints_another_picture_of_the_same_size() -> None:
    one, _ = styles()

    assert one.render(batch(), Brush(stroke=2.0)).shape == batch().shape
    assert not torch.allclose(one.render(batch(), Brush(stroke=2.0)), one.render(batch()))


@pytest.mark.parametrize(
    "changed",
    [
        {"embedding": 0},
        {"embedding": 10**9},
        {"hidden": 10**9},
        {"encoder_channels": 4.0},
        {"blocks": True},
        {"surprise": 1},
    ],
)
def test_a_hostile_architecture_is_refused_before_anything_is_allocated(changed: dict[str, object]) -> None:
    with pytest.raises(StyleError):
        styles(architecture={**TINY.describe(), **changed})


def test_tensors_that_do_not_fit_are_refused() -> None:
    good = tensors()
    missing = {name: value for name, value in good.items() if name != "embed.weight"}
    misshapen = {**good, "embed.weight": torch.zeros(1, 1)}
    infinite = {**good, "hidden.bias": torch.full_like(good["hidden.bias"], float("inf"))}
    whole = {**good, "hidden.bias": torch.zeros(8, dtype=torch.int64)}
    for hostile in (missing, misshapen, infinite, whole, {**good, "more": torch.zeros(1)}):
        with pytest.raises(StyleError):
            styles(hostile)


def test_weights_that_overflow_when_a_style_is_read_are_refused() -> None:
    huge = {name: torch.full_like(value, 1e30) for name, value in tensors().items()}

    with pytest.raises(StyleError, match="not finite"):
        styles(huge)


def test_training_overfits_one_picture_and_one_style() -> None:
    quick = replace(TINY_SETTINGS, zoo_pictures=1, batch=1, learning_rate=5e-3, reduced_precision=False)
    trainer = Trainer(make(quick, material()), Schedule(iterations=30, warm_up=1))
    totals: list[float] = []

    trainer.run(30, lambda progress: totals.append(progress.total))

    assert np.mean(totals[-5:]) < 0.75 * totals[0]


def test_a_loss_is_a_pure_function_of_seed_and_iteration() -> None:
    one, other = make(TINY_SETTINGS, material()), make(TINY_SETTINGS, material())
    one.losses("network", 0)  # what came before must not matter

    assert values(one.losses("network", 3)) == values(other.losses("network", 3))


def test_what_was_trained_can_be_built_and_only_the_packed_styles_are_in_it() -> None:
    given = (StyleImage("packed", pixels(seed=8)), StyleImage("learnt", pixels(seed=9)))
    task = AdaptiveTask(replace(TINY_SETTINGS, packed=("packed",)), material(given))

    trained = task.trained()

    sources = [StyleSource(i, name, each) for i, (name, each) in enumerate(trained.references.items())]
    (style,) = build(trained.family, trained.architecture, trained.tensors, sources)
    assert style.name == "packed"
    assert style.render(batch()).shape == batch().shape
    with pytest.raises(StyleError, match="to be packed"):
        AdaptiveTask(replace(TINY_SETTINGS, packed=("nobody",)), material(given)).trained()


def test_a_multi_style_network_is_taken_over_with_its_styles() -> None:
    torch.manual_seed(5)
    many = conditional.ConditionalNetwork(replace(TINY.trunk(), styles=2))
    with torch.no_grad():
        for parameter in many.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    start = start_from(many, conditional.FAMILY.name)
    network = AdaptiveTask(TINY_SETTINGS, material(start=start)).network

    # Its second style is the mean row with the whole second difference.
    embedding = torch.tensor([1.0, 0.0, LOUDNESS, 0.0])
    with torch.no_grad():
        mine = torch.sigmoid(network.trunk.logits(batch(), embedding))
        assert torch.allclose(mine, many(batch(), torch.tensor([0.0, 1.0])), atol=1e-4)


def test_a_multi_style_network_is_taken_over_without_its_styles_colours() -> None:
    """With one style, what it painted is what comes out when its colours are put in again."""
    torch.manual_seed(5)
    one = conditional.ConditionalNetwork(replace(TINY.trunk(), styles=1))
    sections = batch(64, 64, 8)
    bare = conditional.ConditionalNetwork(replace(TINY.trunk(), styles=1))
    bare.load_state_dict(without_colours(one.state_dict(), [sections]))

    with torch.no_grad():
        again = coloured(bare.logits(batch(), torch.ones(1)), colours_of(sections))
        assert torch.allclose(again, one(batch(), torch.ones(1)), atol=1e-4)


def test_reading_begins_whitened_and_tells_the_styles_that_are_known_already() -> None:
    torch.manual_seed(5)
    many = conditional.ConditionalNetwork(replace(TINY.trunk(), styles=2))
    striped = np.zeros((80, 80, 3), np.uint8)
    striped[::4] = (250, 40, 40)
    known = (KeptStyle("stripes", "", "", striped), KeptStyle("noise", "", "", pixels(80, 80, 3)))
    start = replace(start_from(many, conditional.FAMILY.name), styles=known)
    able = replace(TINY_SETTINGS, hidden=32, zoo_pictures=24)
    network = AdaptiveTask(able, material(start=start)).network

    with torch.no_grad():
        sections = (torch.from_numpy(each.reference[:64, :64]).permute(2, 0, 1)[None].float() / 255 for each in known)
        stripes, noise = (network.read(section).embedding[0, 1:3] for section in sections)
    assert stripes.argmax() == 0
    assert noise.argmax() == 1


def test_whitened_statistics_are_uncorrelated_and_alike_in_spread() -> None:
    draws = np.random.default_rng(2)
    mixed = torch.from_numpy(draws.normal(size=(4000, 6)) @ draws.normal(size=(6, 6)))

    white = (mixed - mixed.mean(0)) @ whitening(mixed).T

    assert torch.allclose(torch.cov(white.T), torch.eye(6, dtype=torch.float64), atol=0.3)


def test_training_goes_on_from_a_package_of_its_own_family() -> None:
    torch.manual_seed(9)
    before = AdaptiveNetwork(TINY)

    after = AdaptiveTask(TINY_SETTINGS, material(start=start_from(before, FAMILY.name))).network

    assert all(torch.equal(value, after.state_dict()[name]) for name, value in before.state_dict().items())


def test_even_phases_leave_no_grid_on_flat_features_and_change_no_mean() -> None:
    weight = torch.randn(12, 5, 5, 5)

    evened = conditional.even_phases(weight)

    flat = functional.pixel_shuffle(functional.conv2d(torch.rand(1, 5, 1, 1).expand(1, 5, 12, 12), evened), 2)
    assert float((flat - flat[:, :, :1, :1]).abs().max()) < 1e-4
    assert torch.allclose(evened.unflatten(0, (3, 4)).mean(1), weight.unflatten(0, (3, 4)).mean(1), atol=1e-6)


def test_the_family_says_what_it_can() -> None:
    assert adaptive.FAMILY.controls >= {"strength", "blend", "stroke"}
    assert not adaptive.FAMILY.exact_when_tiled
