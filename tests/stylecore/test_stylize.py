"""Stylizing pictures: what changes, what is carried, and that a result never depends on its neighbours."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.controls import Styling
from stylecore.data import ColourKeeping, Recipe, Zone
from stylecore.engine import Engine, EngineError
from stylecore.errors import ControlError, StyleError
from stylecore.image import Picture
from stylecore.palette import worst_delta_e
from stylecore.protect import areas_of
from stylecore.styles.base import CONTROLS, MIN_EDGE_PX, PLAIN, Brush, StyleModel
from stylecore.stylize import stylize
from tests.stylecore.sample_images import Inverted, noise, picture, small_style, with_alpha

FULL = Recipe()
IN_FOURS = Engine(batch_size=4)


@pytest.fixture(scope="module")
def style() -> StyleModel:
    return small_style()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def one(model: StyleModel, before: Picture, strength: float = 1.0, engine: Engine | None = None) -> Picture:
    return stylize(model, [before], Recipe(strength=strength), engine or Engine())[0]


def speckled(width: int, height: int, seed: int) -> Picture:
    return Picture(noise(width, height, seed))


def translucent(width: int = 64, height: int = 48) -> Picture:
    """Transparent on the left, opaque on the right, a ramp between, and noise under all of it."""
    return Picture(noise(width, height, 5), np.array(with_alpha(width, height))[..., 3])


def levels(model: StyleModel, before: Picture) -> npt.NDArray[np.float32]:
    batch = torch.from_numpy(before.pixels).permute(2, 0, 1)[None] / 255
    return (model.render(batch)[0].permute(1, 2, 0) * 255).numpy()


# --- strength --------------------------------------------------------------------------------------------------------


def test_at_strength_zero_the_very_same_pictures_come_back(style: StyleModel) -> None:
    given_pictures = [picture(), translucent(), picture(3, 2)]

    returned = stylize(style, given_pictures, Recipe(strength=0.0))

    assert all(after is before for before, after in zip(given_pictures, returned, strict=True))


def test_at_full_strength_a_picture_becomes_what_the_network_renders(style: StyleModel) -> None:
    before = speckled(61, 47, 1)

    after = one(style, before)

    assert np.abs(after.pixels - levels(style, before)).max() <= 0.5 + 1e-3
    assert np.abs(after.pixels.astype(int) - before.pixels).mean() > 20


@settings(max_examples=30)
@given(strength=st.floats(0, 1), seed=st.integers(0, 50))
def test_a_strength_between_lies_as_far_between_the_picture_and_the_full_style(strength: float, seed: int) -> None:
    style, before = small_style(), speckled(24, 20, seed)

    between = one(style, before, strength).pixels

    expected = (1 - strength) * before.pixels + strength * levels(style, before)
    assert np.abs(between - expected).max() <= 0.5 + 1e-3


@settings(max_examples=30)
@given(strengths=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_more_strength_is_never_less_change(strengths: list[float]) -> None:
    before = speckled(24, 20, 0)

    weak, strong = (np.abs(one(Inverted(), before, s).pixels.astype(int) - before.pixels) for s in strengths)

    assert (weak <= strong).all()


@pytest.mark.parametrize("strength", [-0.01, 1.01, math.nan, math.inf])
def test_a_strength_outside_zero_to_one_is_refused(style: StyleModel, strength: float) -> None:
    with pytest.raises(ValueError, match="expected 0 to 1"):
        one(style, picture(), strength)


# --- what is carried -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_alpha_is_carried_bit_for_bit_and_hidden_colours_are_untouched(style: StyleModel, strength: float) -> None:
    before = translucent()
    assert before.alpha is not None

    after = one(style, before, strength)

    hidden = before.alpha == 0
    assert hidden.any()
    assert np.array_equal(after.alpha, before.alpha)  # type: ignore[arg-type]
    assert np.array_equal(after.pixels[hidden], before.pixels[hidden])
    assert (after.pixels[~hidden] != before.pixels[~hidden]).any(axis=1).mean() > 0.9


def test_what_lies_under_transparent_pixels_does_not_show_in_the_others(style: StyleModel) -> None:
    before = translucent()
    assert before.alpha is not None
    hidden = before.alpha == 0
    otherwise = replace(before, pixels=np.where(hidden[..., None], np.uint8(0), before.pixels))

    after, after_otherwise = one(style, before), one(style, otherwise)

    assert np.array_equal(after.pixels[~hidden], after_otherwise.pixels[~hidden])


def test_a_fully_transparent_picture_is_untouched_beside_others_of_its_shape(style: StyleModel) -> None:
    invisible = Picture(noise(32, 24), np.zeros((24, 32), dtype=np.uint8))

    returned = stylize(style, [picture(32, 24), invisible, picture(32, 24)], FULL, IN_FOURS)

    assert returned[1] is invisible
    assert returned[0].pixels.tobytes() == returned[2].pixels.tobytes() != picture(32, 24).pixels.tobytes()


def test_an_opaque_alpha_changes_no_colour(style: StyleModel) -> None:
    plain = speckled(40, 30, 3)
    opaque = replace(plain, alpha=np.full((30, 40), 255, dtype=np.uint8))

    assert np.array_equal(one(style, plain).pixels, one(style, opaque).pixels)


def test_format_exif_and_notes_are_carried(style: StyleModel) -> None:
    before = picture(format="tiff", exif=b"Exif\0\0made up", notes=("no profile: taken as sRGB",))

    after = one(style, before)

    assert (after.format, after.exif, after.notes) == (before.format, before.exif, before.notes)


def test_the_pictures_that_went_in_are_not_changed(style: StyleModel) -> None:
    before = translucent()
    copy = before.pixels.copy()

    one(style, before)

    assert np.array_equal(before.pixels, copy)


# --- neighbours, order, shapes ---------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    neighbours=st.lists(st.integers(0, 9), max_size=6),
    place=st.integers(0, 6),
    batch_size=st.sampled_from([1, 3, 4]),
    shape=st.sampled_from([(37, 29), (64, 48), (17, 90)]),
)
def test_a_picture_gives_the_same_bytes_whatever_its_neighbours(
    neighbours: list[int], place: int, batch_size: int, shape: tuple[int, int]
) -> None:
    style, engine = small_style(), Engine(batch_size=batch_size)
    watched = speckled(*shape, seed=99)
    crowd = [speckled(*shape, seed=seed) for seed in neighbours]
    place = min(place, len(crowd))

    among = stylize(style, [*crowd[:place], watched, *crowd[place:]], FULL, engine)[place]

    assert among.pixels.tobytes() == one(style, watched, engine=engine).pixels.tobytes()


class Crowded(Inverted):
    """What some processors do in the last bits, for all to see: the result depends on the size of the batch."""

    def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
        return batch / len(batch)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8])
def test_a_batch_always_has_the_engines_size_however_many_pictures_there_are(count: int) -> None:
    crowd = [speckled(20, 20, seed) for seed in range(count)]

    for before, after in zip(crowd, stylize(Crowded(), crowd, FULL, IN_FOURS), strict=True):
        assert np.array_equal(after.pixels, np.rint(before.pixels / 4))


def test_another_batch_size_changes_at_most_the_rounding(style: StyleModel) -> None:
    # The last bits of a convolution may depend on the shape of its batch. That is why an engine keeps one shape for a
    # whole job and names it in the provenance: bytes are promised within an engine, and this much between engines.
    crowd = [speckled(53, 41, seed) for seed in range(5)]

    alone, together = stylize(style, crowd, FULL), stylize(style, crowd, FULL, IN_FOURS)

    for first, second in zip(alone, together, strict=True):
        assert np.abs(first.pixels.astype(int) - second.pixels).max() <= 1


def test_pictures_of_mixed_shapes_come_back_in_their_order() -> None:
    shapes = [(20, 30), (30, 20), (20, 30), (16, 16), (30, 20), (20, 30), (5, 5), (20, 30)]
    crowd = [speckled(*shape, seed=seed) for seed, shape in enumerate(shapes)]

    returned = stylize(Inverted(), crowd, FULL, Engine(batch_size=3))

    for before, after in zip(crowd, returned, strict=True):
        assert np.array_equal(after.pixels, 255 - before.pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 5), (15, 17), (MIN_EDGE_PX, MIN_EDGE_PX)])
@pytest.mark.parametrize("engine", [Engine(), IN_FOURS], ids=["alone", "in-fours"])
def test_tiny_pictures_are_styled_at_their_own_size(style: StyleModel, shape: tuple[int, int], engine: Engine) -> None:
    before = Picture(np.full((shape[1], shape[0], 3), 90, dtype=np.uint8))

    after = one(style, before, engine=engine)

    assert after.pixels.shape == before.pixels.shape
    assert (after.pixels != before.pixels).any()


def test_no_pictures_give_no_pictures(style: StyleModel) -> None:
    assert stylize(style, [], FULL) == []


def test_threads_that_share_a_style_give_the_bytes_of_one_thread_alone(style: StyleModel) -> None:
    crowd = [speckled(96, 80, seed) for seed in range(8)]
    expected = [one(style, each).pixels.tobytes() for each in crowd]

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda each: one(style, each).pixels.tobytes(), crowd))

    assert found == expected


# --- controls around the model ---------------------------------------------------------------------------------------


LOGO = Zone("logo", box=(0.25, 0.25, 0.5, 0.75))
CORE = np.s_[12:36, 16:32]
"""The box, on a picture of 64 x 48."""


class Greyed(Inverted):
    """Another style that anybody can check: mid-grey everywhere."""

    name = "greyed"

    def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
        return torch.full_like(batch, 128 / 255)


@settings(max_examples=40)
@given(
    strength=st.floats(0, 1),
    feather=st.floats(0, 0.3),
    how=st.sampled_from(["none", "luminance", "histogram", "covariance"]),
    colours=st.sampled_from([(), ("ff0000", "00ff00")]),
    edges=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.51, 1), st.floats(0.51, 1)),
)
def test_whatever_else_is_asked_for_the_core_of_a_protected_zone_is_the_original_bit_for_bit(
    strength: float, feather: float, how: ColourKeeping, colours: tuple[str, ...], edges: tuple[float, ...]
) -> None:
    before = translucent()
    zone = Zone("logo", box=edges)  # type: ignore[arg-type]
    recipe = Recipe(strength, protect=("logo",), zones=(zone,), feather=feather, keep_colour=how, palette=colours)

    (after,) = stylize(Inverted(), [before], recipe)

    left, top, right, bottom = (edge * size for edge, size in zip(edges, (64, 48, 64, 48), strict=True))
    core = np.s_[int(top) : math.ceil(bottom), int(left) : math.ceil(right)]
    assert np.array_equal(after.pixels[core], before.pixels[core])


def test_outside_of_a_protected_zone_and_its_rim_nothing_is_held_back(style: StyleModel) -> None:
    before = speckled(64, 48, 1)

    (after,) = stylize(style, [before], Recipe(protect=("logo",), zones=(LOGO,), feather=0.05))

    assert np.array_equal(after.pixels[:, 40:], one(style, before).pixels[:, 40:])
    assert np.array_equal(after.pixels[CORE], before.pixels[CORE])


def test_a_region_gets_its_style_and_the_rest_keeps_its_own() -> None:
    before = speckled(64, 48, 1)
    recipe = Recipe(regions=(("logo", "greyed"),), zones=(LOGO,), feather=0.0)
    styling = Styling.of(Inverted(), recipe, {"greyed": Greyed()})

    (after,) = stylize(styling, [before], recipe)

    assert (after.pixels[CORE] == 128).all()
    assert np.array_equal(after.pixels[:, 40:], 255 - before.pixels[:, 40:])


def test_the_rim_of_a_region_goes_over_into_the_rest() -> None:
    white = Picture(np.full((48, 64, 3), 255, dtype=np.uint8))
    recipe = Recipe(regions=(("logo", "greyed"),), zones=(LOGO,), feather=0.2)

    (after,) = stylize(Styling.of(Inverted(), recipe, {"greyed": Greyed()}), [white], recipe)

    along = after.pixels[24, 24:, 0].astype(int)
    assert along[0] == 128
    assert along[-1] == 0
    assert (np.diff(along) <= 0).all()
    assert len(set(along)) > 5


def test_a_picture_without_the_zone_is_as_if_there_were_no_region(style: StyleModel) -> None:
    before = speckled(64, 48, 1)
    recipe = Recipe(regions=(("logo", "greyed"),))

    (after,) = stylize(Styling.of(style, recipe, {"greyed": Greyed()}), [before], recipe)

    assert np.array_equal(after.pixels, one(style, before).pixels)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_each_picture_of_a_batch_keeps_its_own_zones(style: StyleModel, batch_size: int) -> None:
    recipe = Recipe(protect=("logo",), regions=(("sky", "greyed"),), keep_colour="histogram", feather=0.03)
    styling, engine = Styling.of(style, recipe, {"greyed": Greyed()}), Engine(batch_size=batch_size)
    crowd = [speckled(64, 48, seed) for seed in range(4)]
    zones = [(), (LOGO,), (Zone("sky", box=(0, 0, 1, 0.5)),), (LOGO, Zone("sky", polygon=((0, 0), (1, 0), (1, 1))))]
    areas = [areas_of(before, recipe.on(its)) for before, its in zip(crowd, zones, strict=True)]

    together = stylize(styling, crowd, recipe, engine, areas)

    for before, its, after in zip(crowd, areas, together, strict=True):
        (alone,) = stylize(styling, [before], recipe, engine, [its])
        assert alone.pixels.tobytes() == after.pixels.tobytes()


@pytest.mark.parametrize("bound", [3.0, 15.0])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_every_pixel_keeps_to_the_palette_at_any_strength(style: StyleModel, bound: float, strength: float) -> None:
    palette = ("1d3557", "e63946", "f1faee")

    (after,) = stylize(style, [speckled(64, 48, 1)], Recipe(strength, palette=palette, palette_delta_e=bound))

    assert worst_delta_e(after.pixels, palette) <= bound


def test_colours_that_are_kept_do_not_depend_on_what_is_hidden(style: StyleModel) -> None:
    before = translucent()
    assert before.alpha is not None
    hidden = before.alpha == 0
    otherwise = replace(before, pixels=np.where(hidden[..., None], np.uint8(0), before.pixels))

    first, second = (stylize(style, [each], Recipe(keep_colour="covariance"))[0] for each in (before, otherwise))

    assert np.array_equal(first.pixels[~hidden], second.pixels[~hidden])


def test_the_brush_reaches_the_style() -> None:
    seen: list[Brush] = []

    class Watching(Inverted):
        family = replace(Inverted.family, controls=CONTROLS)

        def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
            seen.append(brush)
            return batch

    stylize(Watching(), [picture()], Recipe(stroke=2.0, seed=7))

    assert seen == [Brush(2.0, 7)]


@pytest.mark.parametrize("recipe", [Recipe(stroke=2.0), Recipe(seed=1), Recipe(regions=(("sky", "other"),))])
def test_a_recipe_that_the_style_cannot_honour_is_an_error_even_at_strength_zero(recipe: Recipe) -> None:
    for strength in (0.0, 1.0):
        with pytest.raises(ControlError):
            stylize(Inverted(), [picture()], replace(recipe, strength=strength))


# --- a style that misbehaves -----------------------------------------------------------------------------------------


class Poisoned(Inverted):
    def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
        return torch.where(batch > 0.5, torch.nan, batch)


class Cropping(Inverted):
    def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
        return batch[..., 4:]


class Overflowing(Inverted):
    def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
        return batch * 8 - 4


def test_a_style_that_gives_no_numbers_is_an_error_and_no_picture() -> None:
    with pytest.raises(StyleError, match="not numbers"):
        one(Poisoned(), picture())


def test_a_style_that_gives_another_size_is_an_error_and_no_picture() -> None:
    with pytest.raises(StyleError, match="gave"):
        one(Cropping(), picture())


def test_values_out_of_range_are_clipped_and_do_not_wrap_round() -> None:
    after = one(Overflowing(), Picture(np.array([[[0, 128, 255]]], dtype=np.uint8)))

    assert after.pixels[0, 0].tolist() == [0, 4, 255]


# --- the engine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [1, 2])
def test_each_calling_thread_computes_on_the_cores_it_was_given(wanted: int) -> None:
    seen: list[int] = []

    class Watching(Inverted):
        def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
            seen.append(torch.get_num_threads())
            return batch

    def work() -> None:
        torch.set_num_threads(3)  # what something else has left this thread with
        one(Watching(), picture(), engine=Engine(threads=wanted))

    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result()

    assert seen == [wanted]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_gpu_gives_the_picture_of_a_cpu_within_a_level(style: StyleModel) -> None:
    here, there = (one(style, speckled(64, 48, 1), engine=Engine.choose(name)) for name in ("cpu", "cuda"))  # type: ignore[arg-type]

    assert np.abs(here.pixels.astype(int) - there.pixels).max() <= 1


def test_the_cpu_engine_tells_what_it_computes_with() -> None:
    told = Engine.choose("cpu").describe()

    assert told["device"].startswith("cpu (")
    assert (told["torch"], told["precision"], told["batch_size"]) == (torch.__version__, "float32", "1")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_cuda_device_auto_takes_the_cpu_and_cuda_is_refused() -> None:
    assert Engine.choose("auto").device == "cpu"
    with pytest.raises(EngineError, match="Use the engine 'auto' or 'cpu'"):
        Engine.choose("cuda")


@pytest.mark.parametrize("settings_of_it", [{"threads": 0}, {"batch_size": 0}, {"precision": "bfloat16"}])
def test_an_engine_that_cannot_be_is_refused(settings_of_it: dict[str, object]) -> None:
    with pytest.raises(EngineError):
        Engine(**settings_of_it)  # type: ignore[arg-type]


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(EngineError, match="auto, cpu or cuda"):
        Engine.choose("tpu")  # type: ignore[arg-type]
