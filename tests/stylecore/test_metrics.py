"""The metrics against independent implementations, and the laws each of them must keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from stylecore.image import Picture, decode
from stylecore.metrics import lpips, ssim, style_gap
from stylecore.metrics.psnr import MAX_PSNR_DB, psnr_db
from stylecore.metrics.view import luma, visible
from stylecore.weights import WeightsFolder
from tests.stylecore.sample_images import noise, picture, scene

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
WEIGHTS = SHARED / "weights"
KODAK = SHARED / "photos" / "kodak"
needs_weights = pytest.mark.skipif(not WEIGHTS.is_dir(), reason="the reference weights are not beside this repository")
needs_photos = pytest.mark.skipif(not KODAK.is_dir(), reason="the reference photographs are not beside this repository")

pictures = st.builds(
    lambda width, height, seed: Picture(noise(width, height, seed)),
    st.integers(11, 60),
    st.integers(11, 60),
    st.integers(0, 999),
)


def _tensor(shown: Picture) -> Tensor:
    tensor = visible(shown)
    assert tensor is not None
    return tensor


def _disturbed(shown: Picture, levels: int = 25, seed: int = 3) -> Picture:
    random = np.random.default_rng(seed).normal(0, levels, shown.pixels.shape)
    return Picture(np.clip(shown.pixels + random, 0, 255).astype(np.uint8), shown.alpha)


def _reference_ssim(before: Picture, after: Picture) -> float:
    one, other = (luma(_tensor(shown))[0, 0].double().numpy() for shown in (before, after))
    value = structural_similarity(
        one, other, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(value)


@pytest.mark.parametrize("size", [(64, 48), (300, 200), (511, 401)])
@pytest.mark.parametrize("levels", [2, 25, 120])
def test_ssim_equals_scikit_image(size: tuple[int, int], levels: int) -> None:
    before = picture(*size)
    after = _disturbed(before, levels)
    assert ssim.ssim(_tensor(before), _tensor(after), 1) == pytest.approx(_reference_ssim(before, after), abs=1e-4)


def test_ssim_is_the_same_in_strips_and_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = _tensor(picture(120, 90)), _tensor(_disturbed(picture(120, 90)))
    whole = ssim.ssim(before, after, 1)
    monkeypatch.setattr(ssim, "_STRIP_PIXELS", 700)
    assert ssim.ssim(before, after, 1) == pytest.approx(whole, abs=1e-6)


def test_a_smaller_scale_is_the_ssim_of_area_averages() -> None:
    before, after = picture(160, 128), _disturbed(picture(160, 128), 80)

    def averaged(shown: Picture) -> np.ndarray:
        return luma(_tensor(shown))[0, 0].double().numpy().reshape(32, 4, 40, 4).mean(axis=(1, 3))

    expected = structural_similarity(
        averaged(before), averaged(after), data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim.ssim(_tensor(before), _tensor(after), 4) == pytest.approx(expected, abs=1e-4)


def test_a_halftone_loses_structure_at_full_size_and_keeps_it_at_an_eighth() -> None:
    grey = np.array(scene(512, 384).convert("L")).astype(float)
    down, across = np.mgrid[:384, :512]
    screen = 127 + 63 * (np.sin(across * 1.6) + np.sin(down * 1.6))
    dots = np.where(grey > screen, 255, 0).astype(np.uint8)
    before, after = (_tensor(Picture(np.dstack([plane] * 3).astype(np.uint8))) for plane in (grey, dots))
    full, eighth = ssim.ssim(before, after, 1), ssim.ssim(before, after, 8)
    assert full is not None
    assert eighth is not None
    assert full < 0.3
    assert eighth > 0.7


def test_luma_is_that_of_pillow() -> None:
    shown = Picture(noise(40, 30))
    expected = np.array(Image.fromarray(shown.pixels).convert("L")).astype(float)
    assert np.abs(luma(_tensor(shown))[0, 0].numpy() * 255 - expected).max() <= 1


@settings(max_examples=40, deadline=None)
@given(before=pictures, seed=st.integers(0, 99), levels=st.integers(1, 200))
def test_ssim_is_one_for_equals_symmetric_and_bounded(before: Picture, seed: int, levels: int) -> None:
    one, other = _tensor(before), _tensor(_disturbed(before, levels, seed))
    value = ssim.ssim(one, other, 1)
    assert value is not None
    assert ssim.ssim(one, one, 1) == pytest.approx(1.0, abs=1e-6)
    assert value == pytest.approx(ssim.ssim(other, one, 1), abs=1e-6)
    assert -1.0 <= value <= 1.0


@pytest.mark.parametrize(("shrink", "edge"), [(1, 10), (4, 43), (8, 87)])
def test_a_picture_smaller_than_the_window_has_no_ssim(shrink: int, edge: int) -> None:
    small, enough = _tensor(picture(edge, 200)), _tensor(picture(edge + 1, 200))
    assert ssim.ssim(small, small, shrink) is None
    assert ssim.ssim(enough, enough, shrink) == pytest.approx(1.0)


@pytest.mark.parametrize("size", [(64, 48), (5, 30)])
def test_the_ssim_map_has_a_value_for_every_pixel_and_the_mean_of_scikit_image(size: tuple[int, int]) -> None:
    before, after = picture(*size), _disturbed(picture(*size))
    full = ssim.ssim_map(_tensor(before), _tensor(after))
    assert full.shape == (size[1], size[0])
    if min(size) >= 11:
        assert full[5:-5, 5:-5].mean() == pytest.approx(_reference_ssim(before, after), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(before=pictures, levels=st.integers(1, 200))
def test_psnr_equals_scikit_image_and_is_symmetric(before: Picture, levels: int) -> None:
    after = _disturbed(before, levels)
    expected = peak_signal_noise_ratio(before.pixels, after.pixels, data_range=255)
    one, other = _tensor(before), _tensor(after)
    assert psnr_db(one, other) == pytest.approx(min(expected, MAX_PSNR_DB), abs=1e-3)
    assert psnr_db(one, other) == psnr_db(other, one)
    assert psnr_db(one, one) == MAX_PSNR_DB


def test_only_the_visible_part_is_compared_over_mid_grey() -> None:
    alpha = np.zeros((40, 50), np.uint8)
    alpha[10:30, 5:45] = 255
    alpha[10:30, 5:10] = 51
    seen = _tensor(Picture(np.full((40, 50, 3), 255, np.uint8), alpha))
    assert seen.shape == (1, 3, 20, 40)
    assert seen[0, 0, 0, 20] == 1.0
    assert float(seen[0, 0, 0, 0]) * 255 == pytest.approx(0.2 * 255 + 0.8 * 128, abs=0.01)
    assert visible(Picture(noise(50, 40), np.zeros((40, 50), np.uint8))) is None


class TestLpips:
    """There is no published value for the pictures at hand, so the distances are checked against torchvision's own
    networks, sliced and combined here a second time in the words of the paper."""

    @staticmethod
    def _slices(backbone: str) -> tuple[torch.nn.Sequential, tuple[int, ...]]:
        from stylecore.torchvision_bridge import ensure_importable

        ensure_importable()
        from torchvision import models

        if backbone == "squeeze":
            return models.squeezenet1_1(weights=None).features, (1, 4, 7, 9, 10, 11, 12)
        return models.alexnet(weights=None).features, (1, 4, 7, 9, 11)

    @classmethod
    def _distance(cls, backbone: str, before: Picture, after: Picture) -> float:
        network, wanted = cls._slices(backbone)
        folder = WeightsFolder(WEIGHTS)
        name = {"squeeze": "squeezenet1_1_features", "alex": "alexnet_features"}[backbone]
        network.load_state_dict({k.removeprefix("features."): v for k, v in folder.load(name).items()})
        linear = folder.load(f"lpips_lin_{backbone}")
        shift = torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1)
        scale = torch.tensor([0.458, 0.448, 0.450]).reshape(1, 3, 1, 1)
        total, layers = 0.0, []
        with torch.no_grad():
            one, other = (((2 * _tensor(shown) - 1) - shift) / scale for shown in (before, after))
            for index, layer in enumerate(network.eval()):
                one, other = layer(one), layer(other)
                if index in wanted:
                    layers.append((one.double().numpy()[0], other.double().numpy()[0]))
        for index, (first, second) in enumerate(layers):
            weights = linear[f"lin{index}.model.1.weight"].double().numpy().reshape(-1, 1, 1)
            directions = [values / (np.sqrt((values**2).sum(axis=0)) + 1e-10) for values in (first, second)]
            total += float((weights * (directions[0] - directions[1]) ** 2).sum(axis=0).mean())
        return total

    @needs_weights
    @needs_photos
    @pytest.mark.parametrize("backbone", ["squeeze", "alex"])
    def test_the_distance_equals_an_independent_computation(self, backbone: str) -> None:
        photos = [decode((KODAK / f"kodim{n}.png").read_bytes(), max_edge_px=320) for n in ("01", "02", "05")]
        metric = lpips.Lpips.load(WeightsFolder(WEIGHTS), (backbone,))
        assert metric is not None
        for before, after in ((photos[0], photos[1]), (photos[0], photos[2]), (photos[1], _disturbed(photos[1]))):
            if before.pixels.shape == after.pixels.shape:
                expected = self._distance(backbone, before, after)
                assert metric.distance(_tensor(before), _tensor(after)) == pytest.approx(expected, rel=1e-4)

    @needs_weights
    @pytest.mark.parametrize("backbone", ["squeeze", "alex"])
    def test_the_distance_is_zero_for_equals_symmetric_and_grows_with_noise(self, backbone: str) -> None:
        metric = lpips.Lpips.load(WeightsFolder(WEIGHTS), (backbone,))
        assert metric is not None
        before = _tensor(picture(128, 96))
        little, much = (_tensor(_disturbed(picture(128, 96), levels)) for levels in (5, 60))
        assert metric.distance(before, before) == 0.0
        assert metric.distance(before, much) == pytest.approx(metric.distance(much, before), rel=1e-5)
        assert 0.0 < metric.distance(before, little) < metric.distance(before, much)

    @needs_weights
    def test_squeeze_comes_first_and_alex_where_only_it_is_there(self, tmp_path: Path) -> None:
        assert lpips.Lpips.load(WeightsFolder(tmp_path)) is None
        for name in ("alexnet_features", "lpips_lin_alex", "lpips_lin_squeeze"):
            (tmp_path / f"{name}.safetensors").symlink_to(WEIGHTS / f"{name}.safetensors")
        only_alex, both = lpips.Lpips.load(WeightsFolder(tmp_path)), lpips.Lpips.load(WeightsFolder(WEIGHTS))
        assert only_alex is not None
        assert both is not None
        assert (only_alex.backbone, both.backbone) == ("alex", "squeeze")

    def test_large_pictures_are_measured_at_the_working_size(self) -> None:
        assert lpips.at_working_size(torch.rand(1, 3, 300, 1200)).shape == (1, 3, 128, 512)
        small = torch.rand(1, 3, 100, 512)
        assert lpips.at_working_size(small) is small


def _signature(shown: Picture) -> style_gap.Signature:
    signature = style_gap.signature(shown)
    assert signature is not None
    return signature


class TestStyleGap:
    def test_a_copy_closes_nothing_and_the_reference_itself_all(self) -> None:
        before, reference = _signature(picture(200, 150)), _signature(Picture(noise(120, 100)))
        assert style_gap.gap_closed(before, before, reference) == 0.0
        assert style_gap.gap_closed(before, reference, reference) == 1.0

    def test_going_the_other_way_is_negative(self) -> None:
        dark, middle, light = (Picture(np.full((64, 64, 3), level, np.uint8)) for level in (60, 120, 180))
        gap = style_gap.gap_closed(_signature(middle), _signature(dark), _signature(light))
        assert gap is not None
        assert gap < -0.5

    def test_where_there_was_no_gap_there_is_no_share_of_it(self) -> None:
        same = _signature(picture(100, 100))
        assert style_gap.gap_closed(same, same, same) is None

    def test_palette_alone_closes_less_than_palette_with_texture(self) -> None:
        lines = np.where(np.mgrid[:160, :160][1] % 6 < 3, 255, 0).astype(np.uint8)
        reference = _signature(Picture(np.dstack([lines] * 3)))
        before = _signature(picture(160, 160))
        flat = _signature(Picture(np.full((160, 160, 3), 127, np.uint8)))
        textured = _signature(Picture(np.dstack([np.roll(lines, 2, axis=1)] * 3)))
        with_palette, with_both = (style_gap.gap_closed(before, after, reference) for after in (flat, textured))
        assert with_palette is not None
        assert with_both is not None
        assert with_palette < 0.5
        assert with_both > 0.9

    @settings(max_examples=15, deadline=None)
    @given(one=st.integers(0, 99), other=st.integers(0, 99))
    def test_the_distance_is_deterministic_zero_for_equals_and_never_negative(self, one: int, other: int) -> None:
        first, second = _signature(Picture(noise(64, 48, one))), _signature(Picture(noise(50, 70, other)))
        assert style_gap.distance(first, _signature(Picture(noise(64, 48, one)))) == 0.0
        assert style_gap.distance(first, second) >= 0.0

    def test_hidden_colours_count_for_nothing(self) -> None:
        alpha = np.zeros((128, 128), np.uint8)
        alpha[:, 40:] = 255
        pixels = np.array(scene(128, 128))
        other = np.where(alpha[..., None] == 0, noise(128, 128), pixels)
        # Patches near the edge of what is visible may reach a little into what is not.
        apart = style_gap.distance(_signature(Picture(pixels, alpha)), _signature(Picture(other, alpha)))
        assert apart < 0.1 * style_gap.distance(_signature(Picture(pixels)), _signature(Picture(other)))

    @pytest.mark.parametrize("size", [(31, 200), (200, 31)])
    def test_too_small_a_picture_has_no_style_to_speak_of(self, size: tuple[int, int]) -> None:
        assert style_gap.signature(picture(*size)) is None

    def test_too_little_to_see_is_no_style_either(self) -> None:
        for visible_px in (0, 1000):
            alpha = np.zeros(200 * 200, np.uint8)
            alpha[:visible_px] = 255
            assert style_gap.signature(Picture(noise(200, 200), alpha.reshape(200, 200))) is None

    def test_thin_visible_lines_are_carried_although_no_block_of_them_is_visible(self) -> None:
        alpha = np.zeros((200, 200), np.uint8)
        alpha[::8, :] = 255
        assert style_gap.signature(Picture(noise(200, 200), alpha)) is None
