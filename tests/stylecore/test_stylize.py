"""Restyling: what strength and alpha mean, and that no picture depends on its neighbours."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.data import Recipe
from stylecore.engine import Engine, EngineError
from stylecore.errors import StyleError
from stylecore.image import Picture
from stylecore.stylize import stylize
from tests.stylecore.sample_images import Inverted, SmallNetwork, noise, picture


def _equal(one: Picture, other: Picture) -> bool:
    return np.array_equal(one.pixels, other.pixels) and (
        one.alpha is other.alpha or np.array_equal(one.alpha, other.alpha)
    )


def test_strength_zero_returns_the_input_bit_for_bit() -> None:
    pictures = [picture(), Picture(noise(20, 30), noise(20, 30)[..., 0])]
    results = stylize(Inverted(), pictures, Recipe(strength=0.0))
    assert all(after is before for before, after in zip(pictures, results, strict=True))


def test_strength_one_is_the_style_and_half_is_halfway() -> None:
    before = picture()
    full, half = (stylize(Inverted(), [before], Recipe(strength=s))[0].pixels for s in (1.0, 0.5))
    assert np.array_equal(full, 255 - before.pixels)
    assert np.abs(half.astype(int) - 127.5).max() <= 0.5


@settings(max_examples=30, deadline=None)
@given(weak=st.floats(0, 1), strong=st.floats(0, 1))
def test_more_strength_is_never_less_change(weak: float, strong: float) -> None:
    before = picture(24, 20)
    weak, strong = sorted((weak, strong))
    changes = [
        np.abs(stylize(Inverted(), [before], Recipe(strength=s))[0].pixels.astype(int) - before.pixels)
        for s in (weak, strong)
    ]
    assert (changes[0] <= changes[1]).all()


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_its_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        stylize(Inverted(), [picture()], Recipe(strength=strength))


def test_alpha_is_carried_and_hidden_colours_stay_untouched() -> None:
    alpha = np.tile(np.array([0, 0, 7, 128, 255, 255], np.uint8).repeat(5), (20, 1))
    before = Picture(noise(30, 20), alpha)
    after = stylize(SmallNetwork(), [before], Recipe())[0]
    assert np.array_equal(after.alpha, alpha)
    assert np.array_equal(after.pixels[alpha == 0], before.pixels[alpha == 0])
    assert not np.array_equal(after.pixels[alpha > 0], before.pixels[alpha > 0])


@settings(max_examples=20, deadline=None)
@given(hidden=st.integers(0, 99))
def test_what_lies_under_transparency_does_not_change_what_is_seen(hidden: int) -> None:
    alpha = np.full((20, 30), 255, np.uint8)
    alpha[:, :9] = 0
    seen = noise(30, 20)
    other = np.where(alpha[..., None] == 0, noise(30, 20, hidden), seen)
    results = stylize(SmallNetwork(), [Picture(seen, alpha), Picture(other, alpha)], Recipe())
    assert np.array_equal(results[0].pixels[alpha > 0], results[1].pixels[alpha > 0])


def test_a_picture_that_nobody_can_see_is_returned_as_it_is() -> None:
    before = Picture(noise(20, 20), np.zeros((20, 20), np.uint8))
    assert stylize(Inverted(), [before], Recipe())[0] is before


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_lone_picture_gives_the_same_bytes_whatever_its_neighbours(batch_size: int) -> None:
    engine = Engine(batch_size=batch_size)
    pictures = [Picture(noise(48, 40, seed)) for seed in range(6)] + [Picture(noise(40, 48)), picture(7, 5)]
    together = stylize(SmallNetwork(), pictures, Recipe(), engine)
    alone = [stylize(SmallNetwork(), [one], Recipe(), engine)[0] for one in pictures]
    backwards = stylize(SmallNetwork(), pictures[::-1], Recipe(), engine)[::-1]
    assert all(_equal(one, other) for one, other in zip(together, alone, strict=True))
    assert all(_equal(one, other) for one, other in zip(together, backwards, strict=True))


def test_pictures_smaller_than_a_style_can_render_are_carried_by_padding() -> None:
    for width, height in ((1, 1), (3, 40), (15, 16)):
        after = stylize(SmallNetwork(), [picture(width, height)], Recipe())[0]
        assert after.pixels.shape == (height, width, 3)


def test_what_is_known_of_a_picture_travels_with_it() -> None:
    before = replace(picture(), format="webp", exif=b"exif", notes=("a note",))
    after = stylize(Inverted(), [before], Recipe())[0]
    assert (after.format, after.exif, after.notes) == ("webp", b"exif", ("a note",))


class _NotNumbers(Inverted):
    def render(self, batch: torch.Tensor) -> torch.Tensor:
        return batch / 0.0 - batch / 0.0


class _WrongShape(Inverted):
    def render(self, batch: torch.Tensor) -> torch.Tensor:
        return batch[..., :-1]


@pytest.mark.parametrize("style", [_NotNumbers(), _WrongShape()])
def test_a_style_that_gives_no_picture_is_an_error_and_not_a_black_picture(style: Inverted) -> None:
    with pytest.raises(StyleError, match="inverted"):
        stylize(style, [picture()], Recipe())


def test_each_calling_thread_computes_on_the_cores_it_was_given() -> None:
    seen: dict[str, int] = {}

    class Watching(Inverted):
        def render(self, batch: torch.Tensor) -> torch.Tensor:
            seen[threading.current_thread().name] = torch.get_num_threads()
            return batch

    def work(threads: int) -> None:
        torch.set_num_threads(3)  # what the thread was left with by something else
        stylize(Watching(), [picture()], Recipe(), Engine(threads=threads))

    workers = [threading.Thread(target=work, args=(count,), name=f"wants {count}") for count in (1, 2)]
    for worker in workers:
        worker.start()
        worker.join()
    torch.set_num_threads(1)
    assert seen == {"wants 1": 1, "wants 2": 2}


def test_an_engine_says_what_it_is_and_refuses_what_is_not_here() -> None:
    described = Engine.choose("cpu").describe()
    assert described["device"].startswith("cpu")
    assert (described["precision"], described["torch"]) == ("float32", torch.__version__)
    assert Engine.choose("auto").device == ("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="CUDA"):
            Engine.choose("cuda")
    with pytest.raises(EngineError):
        Engine.choose("abacus")  # type: ignore[arg-type]
    with pytest.raises(EngineError):
        Engine(batch_size=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_the_same_style_on_a_gpu_gives_the_same_picture_within_a_level() -> None:
    class OnDevice(SmallNetwork):
        def render(self, batch: torch.Tensor) -> torch.Tensor:
            self.kernel, self.mix = self.kernel.to(batch.device), self.mix.to(batch.device)
            return super().render(batch)

    before = Picture(noise(64, 48))
    here, there = (stylize(OnDevice(), [before], Recipe(), Engine.choose(d))[0].pixels for d in ("cpu", "cuda"))
    assert np.abs(here.astype(int) - there).max() <= 1
