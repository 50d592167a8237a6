"""What training many styles in one network packs, and the loss that keeps pictures legible."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from stylecore.data import Digest
from stylecore.losses import STYLE_LAYERS
from stylecore.styles.conditional import even_phases
from stylecore.training.start import KeptStyle, Start
from stylecore.training.tasks.conditional import FAMILY, SUBPIXELS, likeness_loss
from tests.stylecore.training_world import TINY, features, material, style, task


def seen(pictures: Tensor) -> dict[int, Tensor]:
    return features()(pictures, STYLE_LAYERS)


def photographs(count: int = 1) -> Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(2))


def test_packed_weights_leave_no_grid_on_flat_features() -> None:
    weight = task().trained().tensors[SUBPIXELS].float()

    assert torch.allclose(even_phases(weight), weight, atol=1e-3)


def test_what_added_styles_share_with_a_package_is_packed_as_it_was_there() -> None:
    first = task(given=material(style("risograph")))
    uneven = {name: value.half() for name, value in first.network.state_dict().items()}
    kept = KeptStyle("risograph", "Risograph", "Dots.", style("risograph").pixels)
    start = Start("prints", Digest.of(b"prints"), FAMILY.name, first.trained().architecture, uneven, (kept,))

    added = task(replace(TINY, add_styles=True), material(style("mosaic"), start=start)).trained()

    assert torch.equal(added.tensors[SUBPIXELS], uneven[SUBPIXELS])


def test_a_copy_is_wholly_alike_and_more_noise_is_less_alike() -> None:
    content, noise = photographs(), torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    told = [likeness_loss(seen(content + much * noise), seen(content)).item() for much in (0.0, 0.05, 0.3)]

    assert told[0] == pytest.approx(0, abs=1e-6)
    assert 0 < told[1] < told[2]


def test_likeness_hears_what_is_where_and_not_how_strong_it_is() -> None:
    content = seen(photographs(2))
    louder = {layer: 3 * found for layer, found in content.items()}

    assert likeness_loss(louder, content).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_a_style_pulled_by_likeness_has_a_loss_for_it_and_one_that_is_not_has_nothing() -> None:
    pulled = task(given=material(style("risograph", likeness=2.0), style("mosaic"))).losses("network", 0)

    assert pulled["risograph.likeness"] > 0
    assert pulled["mosaic.likeness"] == 0
