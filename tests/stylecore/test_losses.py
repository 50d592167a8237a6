"""The losses: what each one ignores, what each one sees, and that training can follow all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from stylecore.errors import WeightsError
from stylecore.features import SqueezeFeatures, squeeze_features
from stylecore.losses import (
    CONTENT_LAYERS,
    STYLE_LAYERS,
    Palette,
    content_loss,
    gram,
    gram_loss,
    structure_loss,
    style_grams,
    tone_loss,
    total_variation,
)
from stylecore.torchvision_bridge import ensure_importable
from stylecore.weights import WeightsFolder

SHARED_WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"


@pytest.fixture(autouse=True)
def one_seed() -> None:
    torch.manual_seed(3)


@pytest.fixture(scope="module")
def features() -> SqueezeFeatures:
    torch.manual_seed(1)
    return SqueezeFeatures()


def picture(size: int = 64) -> Tensor:
    """A smooth random picture: noise has no structure left at an eighth of its size."""
    return torch.nn.functional.interpolate(torch.rand(1, 3, 6, 6), size=(size, size), mode="bicubic").clamp(0, 1)


def draws() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_a_gram_matrix_does_not_see_where_things_are() -> None:
    features_of_it = torch.rand(1, 5, 6, 7)
    shuffled = features_of_it.flatten(2)[:, :, torch.randperm(42)].reshape(1, 5, 6, 7)

    assert torch.allclose(gram(features_of_it), gram(shuffled), atol=1e-6)


def test_a_gram_matrix_is_the_mean_of_the_products_of_features() -> None:
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]])

    assert torch.equal(gram(x), torch.tensor([[[2.5, 6.5], [6.5, 17.0]]]))


def test_a_style_is_at_no_distance_from_itself_and_at_some_from_another(features: SqueezeFeatures) -> None:
    mine, other = picture(), picture()

    assert gram_loss(style_grams(features, mine), style_grams(features, mine)).item() == 0
    assert gram_loss(style_grams(features, mine), style_grams(features, other)).item() > 0


def test_losses_answer_for_each_picture_of_a_batch_alone(features: SqueezeFeatures) -> None:
    first, second, wanted = picture(), picture(), picture()
    both = torch.cat([first, second])
    alone = gram_loss(style_grams(features, second), style_grams(features, wanted))

    together = gram_loss(style_grams(features, both), style_grams(features, wanted.repeat(2, 1, 1, 1)))

    assert torch.allclose(together[1], alone[0], rtol=1e-4)
    assert structure_loss(both, both).shape == tone_loss(both, both).shape == total_variation(both).shape == (2,)


def test_content_loss_is_relative_so_a_doubling_counts_as_the_whole() -> None:
    wanted = {layer: torch.rand(1, 3, 4, 4) for layer in CONTENT_LAYERS}

    assert content_loss(wanted, wanted).item() == 0
    doubled = {layer: 2 * value for layer, value in wanted.items()}
    assert content_loss(doubled, wanted).item() == pytest.approx(sum(CONTENT_LAYERS.values()))


def test_structure_does_not_mind_brightness_and_contrast_but_minds_another_picture() -> None:
    content = picture(96)
    dimmer = content * 0.6 + 0.2

    assert structure_loss(dimmer, content).item() < 0.2 * structure_loss(picture(96), content).item()


def test_structure_leaves_fine_texture_free() -> None:
    content = picture(96) * 0.5 + 0.25
    checks = ((torch.arange(96)[:, None] + torch.arange(96)) % 2).float() * 0.4 - 0.2

    assert structure_loss(content + checks, content).item() < 1e-3


def test_tone_is_nothing_for_the_same_light_and_two_for_the_negative() -> None:
    content = picture(128)

    assert tone_loss(content, content).item() < 0.05
    assert tone_loss(1 - content, content).item() > 1.9


def test_a_flat_picture_gives_numbers_and_gradients(features: SqueezeFeatures) -> None:
    flat = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    grams = style_grams(features, torch.zeros(1, 3, 64, 64))

    total = structure_loss(flat, flat.detach()) + tone_loss(flat, flat.detach()) + total_variation(flat)
    total = (
        total
        + gram_loss(style_grams(features, flat), grams)
        + Palette(torch.zeros(1, 3, 64, 64)).distance(flat, torch.tensor([0]), draws())
    )
    total.sum().backward()

    assert torch.isfinite(total).all()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()


def test_total_variation_is_the_mean_step_down_and_across() -> None:
    stripes = torch.zeros(1, 3, 4, 4)
    stripes[..., ::2] = 1

    assert total_variation(stripes).item() == pytest.approx(1.0)


def test_the_palette_distance_does_not_see_where_things_are_and_sees_other_colours() -> None:
    style = picture(128)
    palette = Palette(style)
    turned = style.flip(2, 3)

    near = palette.distance(turned, torch.tensor([0]), draws())
    far = palette.distance(style[:, [2, 0, 1]] * 0.5, torch.tensor([0]), draws())

    assert near.item() < 0.2 * far.item()


def test_the_palette_distance_compares_each_picture_with_its_own_style() -> None:
    styles = torch.cat([torch.rand(1, 3, 64, 64) * 0.3, torch.rand(1, 3, 64, 64) * 0.3 + 0.7])
    palette = Palette(styles)

    own = palette.distance(styles, torch.tensor([0, 1]), draws())
    swapped = palette.distance(styles, torch.tensor([1, 0]), draws())

    assert (own < swapped).all()


def test_the_same_draws_give_the_same_palette_distance() -> None:
    palette, mine = Palette(picture()), picture()

    assert torch.equal(
        palette.distance(mine, torch.tensor([0]), draws()), palette.distance(mine, torch.tensor([0]), draws())
    )


def test_features_come_from_the_layers_asked_for(features: SqueezeFeatures) -> None:
    found = features(picture(), STYLE_LAYERS)

    assert {layer: value.shape[1] for layer, value in found.items()} == {1: 64, 4: 128, 7: 256, 9: 384}


def test_our_features_are_torchvisions() -> None:
    """Except at the border, which we mirror: so the interior of a larger picture is compared."""
    ensure_importable()
    from torchvision.models import squeezenet1_1

    theirs = squeezenet1_1(weights=None).features.eval()
    ours = squeeze_features({f"features.{name}": value for name, value in theirs.state_dict().items()})
    raw = torch.randn(1, 3, 65, 65)

    with torch.inference_mode():
        mirrored = torch.nn.functional.pad(raw, [1] * 4, mode="reflect")
        mine = ours(raw * ours.spread + ours.mean, (1, 12))

        assert torch.allclose(mine[1], theirs[:2](mirrored), atol=1e-5)
        assert torch.allclose(mine[12], theirs(mirrored), atol=1e-5)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="not SqueezeNet"):
        squeeze_features({"features.0.weight": torch.zeros(64, 3, 3, 3)})


@pytest.mark.skipif(not SHARED_WEIGHTS.is_dir(), reason="the reference weights are not beside the project")
def test_the_reference_weights_fit() -> None:
    tensors = WeightsFolder(SHARED_WEIGHTS).load("squeezenet1_1_features")

    assert not squeeze_features(tensors).training
