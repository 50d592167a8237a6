"""From a recipe to the content of a package: complete, resumable, judged on what was never trained on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from stylecore.data import Digest
from stylecore.errors import StyleError
from stylecore.image import Picture
from stylecore.styles.base import StyleSource
from stylecore.styles.build import build
from stylecore.styles.conditional import FAMILY
from stylecore.training import run as running
from stylecore.training.early_stopping import Check, Patience, best, is_over
from stylecore.training.errors import TrainingError
from stylecore.training.loop import Progress
from stylecore.training.measuring import measured
from stylecore.training.package_content import Right
from stylecore.training.recipe_file import read_recipe
from stylecore.training.run import LOSS_NETWORK, Outcome, Sampled, Workplace, train
from stylecore.training.samples import samples
from stylecore.training.start import KeptStyle, Start, take_over
from stylecore.training.task import Pixels
from stylecore.weights import WeightsFolder
from tests.stylecore.training_world import RECIPE, features, photo, recipe_folder, same


def photo_pixels() -> Pixels:
    return np.asarray(photo())


@pytest.fixture(autouse=True)
def untrained_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real weights are not at hand in a test; the losses do not mind."""
    monkeypatch.setattr(WeightsFolder, "load", lambda self, name: {LOSS_NETWORK: name})
    monkeypatch.setattr(running, "squeeze_features", lambda tensors: features())
    small = replace(samples()[0], picture=Picture(samples()[0].picture.pixels[100:260, 150:350].copy()))
    monkeypatch.setattr(running, "samples", lambda: (small,))


def trained(folder: Path, recipe: str = RECIPE, told: Callable[[object], None] = lambda _: None) -> Outcome:
    path = recipe_folder(folder, recipe)
    return train(read_recipe(path), Workplace(folder, folder / "out" / "tiny", WeightsFolder(folder)), told)


def test_a_recipe_becomes_the_whole_content_of_a_package(tmp_path: Path) -> None:
    content = trained(tmp_path).content

    names = {str(path.relative_to(content.folder)) for path in content.folder.rglob("*") if path.is_file()}
    pictures = {f"{part}/{name}.jpg" for part in ("references", "previews") for name in ("risograph", "own")}
    assert names == {"weights.safetensors", "rights.json", "CARD.md", "previews/before_coffee.jpg"} | pictures
    assert [(style.index, style.name) for style in content.styles] == [(0, "risograph"), (1, "own")]
    assert all({"ssim_eighth", "style_gap_closed"} <= set(style.measured) for style in content.styles)
    assert content.controls == frozenset({"strength", "regions", "protection", "colour", "palette", "blend", "stroke"})
    sources = [StyleSource(i, style.name, photo_pixels()) for i, style in enumerate(content.styles)]
    build(content.family, content.architecture, load_file(content.folder / "weights.safetensors"), sources)


def test_the_card_tells_of_data_licences_loss_network_environment_and_numbers(tmp_path: Path) -> None:
    content = trained(tmp_path).content

    card = (content.folder / "CARD.md").read_text()
    for word in ("2 photographs (2 under: CC0-1.0), 1 more held out", "SqueezeNet 1.1", "torch ", "style gap closed"):
        assert word in card
    assert "own: CC0-1.0, somebody" in card
    assert "previews/before_coffee.jpg" in card
    assert str(tmp_path) not in card


def test_every_ingredient_has_its_rights_and_the_digest_of_its_picture(tmp_path: Path) -> None:
    content = trained(tmp_path).content

    rights = json.loads((content.folder / "rights.json").read_text())
    own = next(right for right in rights if right["what"].startswith("style image of own"))
    assert own["digest"] == Digest.of((content.folder / "references" / "own.jpg").read_bytes())
    assert (own["licence"], own["holder"]) == ("CC0-1.0", "somebody")
    assert any("photographs trained on: 2" in right["what"] for right in rights)
    assert all({"what", "source", "licence", "holder"} <= set(right) for right in rights)


def test_a_right_without_a_digest_names_none() -> None:
    assert "digest" not in Right("a", "b", "c", "d").as_dict()


def test_training_stopped_and_started_again_gives_the_same_package_bit_for_bit(tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    for folder in (whole, halves):
        folder.mkdir()
    trained(whole)

    def stop_at_three(told: object) -> None:
        if isinstance(told, Progress) and told.iteration == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(halves, told=stop_at_three)
    again: list[int] = []
    trained(halves, told=lambda told: again.append(told.iteration) if isinstance(told, Progress) else None)

    assert again == [3, 4]
    weights = "out/tiny/weights.safetensors"
    assert (whole / weights).read_bytes() == (halves / weights).read_bytes()


def test_what_is_told_along_the_way_are_losses_samples_and_checks(tmp_path: Path) -> None:
    told: list[object] = []
    recipe = RECIPE.replace("checkpoint_every: 2}", "checkpoint_every: 2, sample_every: 2}")
    recipe += "early_stopping: {check_every: 2, patience: 5, least_content: 0, least_style: 0}\n"

    outcome = trained(tmp_path, recipe, told.append)

    assert [each.iteration for each in told if isinstance(each, Progress)] == [1, 2, 3, 4]
    assert {each.style for each in told if isinstance(each, Sampled)} == {"risograph", "own"}
    assert [each.iteration for each in told if isinstance(each, Check)] == [2, 4]
    assert [each.iteration for each in outcome.checks] == [2, 4]


def test_training_that_gets_no_better_stops_early_and_goes_back_to_its_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = {1: 0.6, 2: 0.7, 3: 0.5, 4: 0.4, 5: 0.9}
    monkeypatch.setattr(running, "check", lambda i, *_: Check(i, worth[i], worth[i], "balanced", {}))
    recipe = RECIPE.replace("iterations: 4", "iterations: 9")
    recipe += "early_stopping: {check_every: 1, patience: 2}\n"

    outcome = trained(tmp_path, recipe)

    assert [each.iteration for each in outcome.checks] == [1, 2, 3, 4]
    assert outcome.iterations == 2


def test_a_stopped_training_that_is_run_again_trains_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "check", lambda i, *_: Check(i, 0.9 / i, 0.9 / i, "balanced", {}))
    recipe = RECIPE + "early_stopping: {check_every: 1, patience: 1}\n"
    first = trained(tmp_path, recipe)
    before = load_file(first.content.folder / "weights.safetensors")
    told: list[object] = []

    again = trained(tmp_path, recipe, told.append)

    assert not told
    assert again.iterations == first.iterations == 1
    assert same(before, load_file(again.content.folder / "weights.safetensors"))


def _check(iteration: int, content: float, style: float) -> Check:
    return Check(iteration, content, style, Patience().verdict(content, style), {})


@pytest.mark.parametrize(
    ("content", "style", "verdict"),
    [(0.8, 0.2, "under-stylised"), (0.3, 0.8, "over-stylised"), (0.8, 0.99, "over-stylised"), (0.8, 0.8, "balanced")],
)
def test_a_style_that_has_not_come_through_or_has_eaten_the_picture_is_called_so(
    content: float, style: float, verdict: str
) -> None:
    assert Patience().verdict(content, style) == verdict


def test_a_balanced_check_is_better_than_any_that_is_not() -> None:
    patience = Patience()
    checks = [_check(1, 0.51, 0.41), _check(2, 0.95, 0.39), _check(3, 0.49, 0.95)]

    assert best(checks, patience) is checks[0]


def test_patience_ends_after_so_many_checks_without_a_better_one() -> None:
    patience = replace(Patience(), patience=2)
    rising = [_check(i, 0.5 + i / 100, 0.6) for i in range(1, 6)]

    assert not is_over(rising, patience)
    assert is_over([*rising, _check(6, 0.5, 0.6), _check(7, 0.5, 0.6)], patience)
    assert not is_over([], patience)


class _Copy:
    """A style that leaves pictures as they are: it has no effect to be measured."""

    def __init__(self) -> None:
        self.name, self.family, self.reference = "copy", FAMILY, photo_pixels()

    def render(self, batch: torch.Tensor, brush: object = None) -> torch.Tensor:
        return batch


def test_a_style_that_does_nothing_keeps_everything_and_closes_no_gap() -> None:
    pictures = [Picture(samples()[0].picture.pixels[:128, :160].copy())]

    found = measured(_Copy(), pictures)  # type: ignore[arg-type]

    assert found.medians["ssim_eighth"] == pytest.approx(1.0)
    assert found.medians["style_gap_closed"] == pytest.approx(0.0, abs=1e-6)
    assert found.bounds() == {"ssim_eighth": 0.9, "style_gap_closed": 0.0}


def test_going_on_from_a_package_needs_one_exactly_where_the_recipe_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="start_from"):
        trained(tmp_path, RECIPE + "start_from: elsewhere\n")


def test_a_package_with_added_styles_describes_the_old_ones_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    first = trained(tmp_path / "first").content
    tensors = load_file(first.folder / "weights.safetensors")
    kept = tuple(KeptStyle(s.name, s.title, s.description, photo_pixels()) for s in first.styles)
    start = Start("tiny", Digest.of(b"tiny"), first.family, first.architecture, tensors, kept)
    (tmp_path / "more").mkdir()
    text = RECIPE.replace("name: risograph", "name: mosaic").replace("drawn: risograph", "drawn: mosaic")
    text = text.replace("name: own", "name: other").replace("blocks: 1}", "blocks: 1, add_styles: true}")
    path = recipe_folder(tmp_path / "more", text + "start_from: first\n")

    place = Workplace(path.parent, tmp_path / "more" / "out", WeightsFolder(tmp_path))
    content = train(read_recipe(path), place, start=start).content

    assert [style.name for style in content.styles] == ["risograph", "own", "mosaic", "other"]
    assert content.styles[0].title == "Risograph"
    assert any("went on from" in right["what"] for right in json.loads((content.folder / "rights.json").read_text()))


def test_taking_over_skips_what_has_another_shape() -> None:
    network = torch.nn.Linear(2, 3)

    taken = take_over(network, {"weight": torch.ones(3, 2), "bias": torch.ones(4), "other": torch.ones(1)})

    assert taken == ("weight",)
    assert bool((network.weight == 1).all())


def test_a_checkpoint_that_was_tampered_with_is_no_checkpoint(tmp_path: Path) -> None:
    trained(tmp_path)
    checkpoint = tmp_path / "out" / "tiny.checkpoint.safetensors"
    save_file(load_file(checkpoint), checkpoint)

    with pytest.raises(StyleError, match="another recipe"):
        trained(tmp_path)


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("feed-forward", "{channels: 4, blocks: 1}"),
        ("colour-grade", "{}"),
        ("image-to-image", "{channels: 4, blocks: 1}"),
    ],
)
def test_every_family_goes_the_same_way_from_a_recipe_to_a_package(tmp_path: Path, family: str, settings: str) -> None:
    first, second = RECIPE.index("  - name: own"), RECIPE.index("style_image_px")
    text = RECIPE[:first] + RECIPE[second:]  # one style: the first two families have no more
    text = text.replace("conditional-instance-norm", family).replace("iterations: 4", "iterations: 1")
    text = text.replace("{stem_channels: 8, trunk_channels: 8, blocks: 1}", settings)

    content = trained(tmp_path, text).content

    assert content.family == family
    assert (content.folder / "previews" / "risograph.jpg").stat().st_size > 1000
    sources = [StyleSource(0, "risograph", photo_pixels())]
    build(family, content.architecture, load_file(content.folder / "weights.safetensors"), sources)
