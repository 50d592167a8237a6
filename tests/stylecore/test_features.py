"""Feature networks: torchvision's own functions, strict about weights, and pinned to where those come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn

from stylecore import adoption
from stylecore.adoption import adopt_vgg19
from stylecore.data import Digest
from stylecore.errors import StyleError, WeightsError
from stylecore.features import (
    AlexFeatures,
    FeatureNetwork,
    SqueezeFeatures,
    VggFeatures,
    alex_features,
    squeeze_features,
    vgg_features,
)
from stylecore.features.network import mirrored
from stylecore.features.placed import NETWORKS, first_placed, placed_features, placed_tensors
from stylecore.torchvision_bridge import ensure_importable
from stylecore.weights import KNOWN_WEIGHTS, WeightsFolder

SHARED_WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"


@pytest.fixture(autouse=True)
def one_seed() -> None:
    torch.manual_seed(5)


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {f"features.{name}": value for name, value in network.state_dict().items()}


def standardised(ours: FeatureNetwork, raw: Tensor) -> Tensor:
    """The picture that looks like ``raw`` after the network's own standardisation."""
    return raw * ours.spread + ours.mean


def without_first_padding(theirs: nn.Sequential) -> nn.Sequential:
    """We mirror the picture instead."""
    theirs[0].padding = (0, 0)
    return theirs


def test_our_vgg_is_torchvisions() -> None:
    ensure_importable()
    from torchvision.models.vgg import cfgs, make_layers

    theirs = make_layers(cfgs["E"]).eval()  # the whole network would draw 120 million numbers for its classifier
    ours = vgg_features(weights_of(theirs), pooling="max")
    raw = torch.randn(1, 3, 40, 33)

    with torch.inference_mode():
        mine = ours(standardised(ours, raw), (1, 6, 22, 29))
        without_first_padding(theirs)

        for layer, found in mine.items():
            assert torch.allclose(found, theirs[: layer + 1](mirrored(raw, 1)), atol=1e-5), layer


def test_vgg_pools_by_averages_unless_told_otherwise() -> None:
    ours = VggFeatures()
    maximal = VggFeatures("max")
    maximal.load_state_dict(ours.state_dict())
    x = torch.rand(1, 3, 16, 16)

    first = ours(x, (3,))[3]

    assert torch.equal(ours(x, (1,))[1], maximal(x, (1,))[1])
    averaged = torch.relu(ours.features["5"](nn.functional.avg_pool2d(first, 2)))
    assert torch.allclose(ours(x, (6,))[6], averaged)
    assert not torch.allclose(ours(x, (6,))[6], maximal(x, (6,))[6])


def test_our_alexnet_is_torchvisions() -> None:
    ensure_importable()
    from torchvision.models import alexnet

    theirs = alexnet(weights=None).features.eval()
    ours = alex_features(weights_of(theirs))
    raw = torch.randn(1, 3, 79, 95)

    with torch.inference_mode():
        mine = ours(standardised(ours, raw), (1, 4, 7, 9, 11))
        without_first_padding(theirs)

        for layer, found in mine.items():
            assert torch.allclose(found, theirs[: layer + 1](mirrored(raw, 2)), atol=1e-5), layer


def test_mirroring_is_reflection_padding_and_so_is_its_gradient() -> None:
    x = torch.randn(2, 3, 7, 9, dtype=torch.float64)
    mine, theirs = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
    weights = torch.randn(2, 3, 11, 13, dtype=torch.float64)

    (mirrored(mine, 2) * weights).sum().backward()
    (nn.functional.pad(theirs, [2] * 4, mode="reflect") * weights).sum().backward()

    assert torch.equal(mirrored(x, 2), nn.functional.pad(x, [2] * 4, mode="reflect"))
    assert mine.grad is not None
    assert theirs.grad is not None
    assert torch.allclose(mine.grad, theirs.grad)


@pytest.mark.parametrize("make", [SqueezeFeatures, AlexFeatures, VggFeatures])
def test_every_network_has_the_layers_it_names_and_computes_only_what_is_wanted(
    make: Callable[[], FeatureNetwork],
) -> None:
    network = make()
    layers = {*network.style_layers, *network.content_layers}

    found = network(torch.rand(1, 3, 64, 64), layers)

    assert set(found) == layers
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(value.dim() == 4 for value in found.values())


@pytest.mark.parametrize(("build", "title"), [(squeeze_features, "SqueezeNet"), (alex_features, "AlexNet")])
def test_weights_of_another_network_are_refused(build: Callable[[Any], FeatureNetwork], title: str) -> None:
    with pytest.raises(WeightsError, match=f"not {title}"):
        build({"features.0.weight": torch.zeros(64, 3, 3, 3)})


def test_features_loaded_where_nothing_has_gradients_can_still_carry_them() -> None:
    with torch.inference_mode():
        network = squeeze_features(SqueezeFeatures().state_dict())
    x = torch.rand(1, 3, 32, 32, requires_grad=True)

    network(x, (4,))[4].sum().backward()

    assert x.grad is not None


@pytest.mark.skipif(not SHARED_WEIGHTS.is_dir(), reason="the reference weights are not beside the project")
@pytest.mark.parametrize("name", ["squeezenet1_1_features", "alexnet_features"])
def test_the_reference_weights_are_found_and_fit(name: str) -> None:
    folder = WeightsFolder(SHARED_WEIGHTS)

    assert isinstance(placed_features(name, folder), NETWORKS[name])
    assert first_placed(folder) == "squeezenet1_1_features"


def test_without_weights_the_error_says_what_to_place_and_how(tmp_path: Path) -> None:
    for folder in (None, WeightsFolder(tmp_path)):
        with pytest.raises(StyleError, match=r"vgg19_features or squeezenet.*weights pull.*weights adopt"):
            first_placed(folder)
        with pytest.raises(StyleError, match="alexnet_features"):
            placed_tensors("alexnet_features", folder)


def test_a_name_from_a_package_never_becomes_a_path(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match="features named"):
        placed_tensors("../../etc/passwd", WeightsFolder(tmp_path))
    with pytest.raises(WeightsError, match="one of"):
        WeightsFolder(tmp_path).place("../x")


class TestAdoptingVgg:
    """VGG-19's weights have no digest that everybody knows: whoever places them pins them."""

    @pytest.fixture
    def tensors(self) -> dict[str, Tensor]:
        with torch.device("meta"):
            shapes = {name: value.shape for name, value in VggFeatures().state_dict().items()}
        return {name: torch.full(tuple(shape), 0.01) for name, shape in shapes.items()}

    def test_torchvisions_file_is_taken_in_without_its_classifier(
        self, tmp_path: Path, tensors: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published = tmp_path / "vgg19-dcbb9e9d.pth"
        torch.save({**tensors, "classifier.0.weight": torch.zeros(3, 3)}, published)
        digest = Digest.of(published.read_bytes())
        monkeypatch.setattr(adoption, "_VGG19_PREFIX", digest[:8])

        adopted = adopt_vgg19(published, tmp_path / "weights")

        folder = WeightsFolder(tmp_path / "weights")
        assert adopted.published
        assert folder.find("vgg19_features") == adopted.path
        assert folder.digest("vgg19_features") == adopted.digest
        assert set(folder.load("vgg19_features")) == set(tensors)
        assert first_placed(folder) == "vgg19_features"

    def test_a_file_with_other_digits_is_refused_and_leaves_nothing(self, tmp_path: Path) -> None:
        torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "vgg19-dcbb9e9d.pth")

        with pytest.raises(WeightsError, match="vgg19-dcbb9e9d"):
            adopt_vgg19(tmp_path / "vgg19-dcbb9e9d.pth", tmp_path / "weights")

        assert not (tmp_path / "weights").exists()

    def test_a_safetensors_file_is_the_owners_word(self, tmp_path: Path, tensors: dict[str, Tensor]) -> None:
        save_file(tensors, tmp_path / "mine.safetensors")

        adopted = adopt_vgg19(tmp_path / "mine.safetensors", tmp_path)

        assert not adopted.published
        adopted.path.write_bytes(save({**tensors, "features.0.bias": torch.ones(64)}))
        with pytest.raises(WeightsError, match="sha256"):
            WeightsFolder(tmp_path).find("vgg19_features")

    def test_tensors_of_another_network_are_refused(self, tmp_path: Path) -> None:
        save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "mine.safetensors")

        with pytest.raises(WeightsError, match="not VGG-19"):
            adopt_vgg19(tmp_path / "mine.safetensors", tmp_path)

        assert not (tmp_path / "vgg19_features.safetensors").exists()

    def test_without_a_pin_or_with_a_broken_one_nothing_is_used(self, tmp_path: Path) -> None:
        (tmp_path / "vgg19_features.safetensors").write_bytes(b"anything")

        for pin in (None, b"", b"\xff" * 64, b"0" * 63, b"0" * 10_000):
            if pin is not None:
                (tmp_path / "vgg19_features.sha256").write_bytes(pin)
            with pytest.raises(WeightsError, match="does not say what was adopted"):
                WeightsFolder(tmp_path).find("vgg19_features")

    def test_known_weights_cannot_be_pinned_away(self, tmp_path: Path) -> None:
        (tmp_path / "alexnet_features.sha256").write_text("0" * 64)

        assert WeightsFolder(tmp_path).digest("alexnet_features") == KNOWN_WEIGHTS["alexnet_features"]
