"""Colours that sRGB does not have come back: measured as ΔE2000 on charts of Display P3, Adobe RGB and a press."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import color
from torch import Tensor

from stylecore.colour import srgb_profile
from stylecore.colour_spaces import Colours, delta_e
from stylecore.data import Recipe
from stylecore.image import Picture, Reading, decode, encode
from stylecore.own_colours import to_wide
from stylecore.styles.base import PLAIN, Brush
from stylecore.stylize import stylize
from tests.stylecore.colour_profiles import adobe_rgb, display_p3, press
from tests.stylecore.sample_files import deep, profile_tag, tiff
from tests.stylecore.sample_images import Inverted, saved

_TO_XYZ = np.array(((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.072175), (0.0193339, 0.119192, 0.9503)))


class Dimmed(Inverted):
    """A style that changes next to nothing, but touches every pixel."""

    def render(self, batch: Tensor, brush: Brush = PLAIN) -> Tensor:
        return batch * 0.998 + 0.001


def chart(channels: int = 3) -> Image.Image:
    """Every mixture in steps of an eighth (inks: of a quarter), as blocks of 2 x 2 pixels."""
    steps = np.linspace(0, 255, 9 if channels == 3 else 5)
    patches = np.array(list(product(steps, repeat=channels))).astype(np.uint8)
    sheet = np.zeros((27 * 27, channels), np.uint8)
    sheet[: len(patches)] = patches
    blocks = sheet.reshape(27, 27, channels).repeat(2, axis=0).repeat(2, axis=1)
    return Image.fromarray(blocks, mode="CMYK") if channels == 4 else Image.fromarray(blocks)


def lab(wide: Colours) -> Colours:
    """CIELAB of colours that may lie outside of sRGB."""
    size = np.abs(wide)
    light = np.sign(wide) * np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return np.asarray(color.xyz2lab(np.maximum(light @ _TO_XYZ.T, 0)), dtype=np.float32)


def beyond_srgb(wide: Colours) -> npt.NDArray[np.bool_]:
    return np.asarray(((wide < -0.02) | (wide > 1.02)).any(axis=-1))


def restyled_chart(
    profile: bytes, container: str, reading: Reading, channels: int = 3
) -> tuple[Colours, Colours, Picture]:
    """The chart's true colours, those of the file that came out, and what was read."""
    content = saved(chart(channels), container, icc_profile=profile)
    truth = to_wide(np.array(chart(channels)), profile)
    before = decode(content, reading=reading)
    after = stylize(Dimmed(), [before], Recipe())[0]
    again = decode(encode(after, "like-input", 95, like=container).content, reading=Reading("keep"))
    return truth, again.colours if again.own is None else again.own.wide, again


@pytest.mark.parametrize("profile", [display_p3, adobe_rgb])
@pytest.mark.parametrize("container", ["png", "tiff"])
def test_a_wide_gamut_comes_back_and_would_be_lost_in_srgb(profile: Callable[[], bytes], container: str) -> None:
    truth, kept, again = restyled_chart(profile(), container, Reading("keep"))
    _, clipped, plain = restyled_chart(profile(), container, Reading("srgb"))
    wide = beyond_srgb(truth)
    assert wide.mean() > 0.1
    assert again.own is not None
    assert again.own.profile == profile()
    assert plain.own is None
    off_kept, off_clipped = (delta_e(lab(truth), lab(each)) for each in (kept, clipped))
    assert float(np.mean(off_kept)) < 0.5
    assert float(np.percentile(off_kept[wide], 95)) < 1.5
    assert float(np.mean(off_clipped[wide])) > 4 * float(np.mean(off_kept[wide]))


def test_a_press_gets_its_own_inks_back() -> None:
    truth, kept, again = restyled_chart(press(), "tiff", Reading("keep"), channels=4)
    assert again.own is not None
    assert again.own.is_cmyk
    assert again.own.profile == press()
    assert float(np.mean(delta_e(lab(truth), lab(kept)))) < 2.5


def purest_green() -> Picture:
    content = saved(Image.new("RGB", (16, 16), (0, 255, 0)), "png", icc_profile=adobe_rgb())
    return decode(content, reading=Reading("keep"))


def test_a_style_may_take_a_colour_out_of_the_wide_gamut() -> None:
    green = purest_green()
    assert green.own is not None
    assert green.own.wide.min() < -0.3
    after = stylize(Inverted(), [green], Recipe())[0]  # its opposite is magenta, which is none of the wide colours
    assert after.own is not None
    assert abs(after.own.wide[8, 8] - after.pixels[8, 8] / np.float32(255)).max() < 0.02


def test_a_palette_is_kept_to_in_a_wide_gamut_too() -> None:
    green = purest_green()
    after = stylize(Dimmed(), [green], Recipe(palette=("1d3557",), palette_delta_e=2.0))[0]
    assert after.own is not None
    assert abs(after.own.wide - after.pixels / np.float32(255)).max() < 0.01


def test_a_profile_that_cannot_be_kept_is_told_of() -> None:
    one_way = press().replace(b"B2A0", b"B2X0")
    inks = saved(chart(4), "tiff", icc_profile=one_way)
    read = decode(inks, reading=Reading("keep"))
    assert read.own is None
    assert read.notes == ("nothing can be converted back to the colour profile, so the result is sRGB",)
    broken = tiff(deep(), extratags=profile_tag(b"no profile"))
    assert decode(broken, reading=Reading("keep")).notes == ("the colour profile cannot be used and was ignored",)
    for kept in (display_p3(), srgb_profile()):
        assert decode(tiff(deep(), extratags=profile_tag(kept)), reading=Reading("keep")).notes == ()
