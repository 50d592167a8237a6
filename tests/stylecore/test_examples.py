"""Styles learnt from pairs before and after, or from a folder of pictures: each with its rights, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from skimage.data import coffee

from stylecore.colour_spaces import delta_e, to_lab
from stylecore.features import SqueezeFeatures
from stylecore.training.errors import TrainingError
from stylecore.training.examples import RIGHTS_FILE
from stylecore.training.graders import grader
from stylecore.training.material_of import Gathered, gathered
from stylecore.training.painters.graded_chart import graded, graded_chart
from stylecore.training.recipe import TrainingRecipe
from stylecore.training.recipe_file import parse_recipe
from stylecore.training.run import Workplace, train
from stylecore.training.task import Pixels
from stylecore.training.tasks.colour_grade import graded as through
from stylecore.training.tasks.unpaired import Settings, UnpairedTask
from stylecore.weights import WeightsFolder

LOOK = grader("matte-film")
PAIRS = """
package: house
family: colour-grade
description: What our retoucher does.
styles:
  - name: house
    title: House
    description: Faded.
    pairs: {pairs}
style_image_px: 96
content: {{synthetic_share: 1, crop_px: 48}}
settings: {{size: 9, learning_rate: 0.02, colours: 512}}
schedule: {{iterations: {iterations}, warm_up: 10}}
"""
LISTED = "[{before: plain.png, after: toned.png, rights: {source: our studio, licence: own, holder: the brand}}]"
TARGETS = """
package: painted
family: image-to-image
description: Like those painters.
styles:
  - name: painted
    title: Painted
    description: Paint.
    targets: monets
style_image_px: 96
content: {synthetic_share: 1, crop_px: 32}
settings: {channels: 4, blocks: 1, critic_channels: 4, critic_layers: 2, head_width: 16, patches: 16}
schedule: {iterations: 1}
"""


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def list_rights(folder: Path, *names: str, licence: str = "CC0-1.0") -> None:
    lines = [f"{name},{licence},the brand,our studio" for name in names]
    (folder / RIGHTS_FILE).write_text("\n".join(["path,licence,holder,source", *lines]) + "\n")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """The same pair twice: beside the recipe, and in a folder with its rights."""
    plain, toned = graded_chart(128, 7), graded(graded_chart(128, 7), LOOK)
    for folder, before, after in ((tmp_path, "plain", "toned"), (tmp_path / "graded", "before/one", "after/one")):
        save(folder / f"{before}.png", plain)
        save(folder / f"{after}.png", toned)
    list_rights(tmp_path / "graded", "one.png", licence="own")
    return tmp_path


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    for number, colour in enumerate(((250, 20, 20), (20, 250, 20), (20, 20, 250))):
        grain = np.random.default_rng(number).normal(0, 6, (120, 140, 3))
        save(tmp_path / "monets" / f"{number}.png", (np.array(colour) + grain).clip(0, 255).astype(np.uint8))
    list_rights(tmp_path / "monets", "0.png", "1.png", "2.png")
    (tmp_path / "monets" / ".DS_Store").write_bytes(b"left behind")
    return tmp_path


def recipe(text: str, pairs: str = LISTED, iterations: int = 1) -> TrainingRecipe:
    return parse_recipe((text.format(pairs=pairs, iterations=iterations) if text is PAIRS else text).encode())


def given(folder: Path, told: TrainingRecipe) -> Gathered:
    return gathered(told, folder, None, SqueezeFeatures())


@pytest.mark.parametrize("told", [LISTED, "graded"], ids=["list", "folder"])
def test_a_grade_is_learnt_from_pictures_before_and_after(pairs: Path, told: str) -> None:
    place = Workplace(pairs, pairs / "out", WeightsFolder(pairs))

    content = train(recipe(PAIRS, told, iterations=150), place).content

    lattice = load_file(content.folder / "weights.safetensors")["lut"][0].float()
    photo = torch.from_numpy(coffee()[::4, ::4].reshape(-1, 3).copy()).float() / 255  # type: ignore[no-untyped-call]
    found, wanted = (to_lab(each.numpy()) for each in (through(lattice, photo), LOOK(photo)))
    assert float(delta_e(found, wanted).mean()) < 2.5
    rights = json.loads((content.folder / "rights.json").read_text())
    (right,) = [each for each in rights if "learnt from: 1" in each["what"]]
    assert (right["licence"], right["holder"]) == ("own", "the brand")
    assert "house: 1 pairs of pictures before and after" in (content.folder / "CARD.md").read_text()


def test_the_first_picture_after_stands_for_a_style_without_an_image(pairs: Path) -> None:
    (style,) = given(pairs, recipe(PAIRS)).material.styles

    shown = np.asarray(Image.open(pairs / "toned.png").resize((96, 96), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(style.pixels.astype(int) - shown).mean() < 3


def test_large_pairs_are_picked_from_and_never_averaged(tmp_path: Path) -> None:
    """Stripes of a pixel: averaged, they would be greys that neither picture has."""
    stripes = np.zeros((1700, 1700, 3), dtype=np.uint8)
    stripes[:, ::3] = 255
    for name in ("plain", "toned"):
        save(tmp_path / f"{name}.png", stripes)
    several = f"[{', '.join([LISTED[1:-1]] * 4)}]"

    (style,) = given(tmp_path, recipe(PAIRS, several)).material.styles

    assert sum(before.shape[0] * before.shape[1] for before, _ in style.pairs) <= 4_000_000
    assert all(set(np.unique(each)) == {0, 255} for pair in style.pairs for each in pair)


def test_every_target_is_learnt_from_and_named_with_its_rights(targets: Path) -> None:
    found = given(targets, recipe(TARGETS))
    task = UnpairedTask(Settings(channels=4, blocks=1, critic_channels=4, critic_layers=2, batch=24), found.material)

    strongest = set(task._style_crops(0, 16).mean((2, 3)).argmax(dim=1).tolist())
    content = train(recipe(TARGETS), Workplace(targets, targets / "out", WeightsFolder(targets))).content

    assert strongest == {0, 1, 2}
    rights = json.loads((content.folder / "rights.json").read_text())
    (many,) = [each for each in rights if "learnt from: 3" in each["what"]]
    assert (many["licence"], many["source"], "digest" in many) == ("CC0-1.0", "our studio", True)
    (shown,) = [each for each in rights if each["what"].startswith("style image of painted")]
    assert shown["holder"] == "the brand"
    assert "painted: 3 pictures of the wanted kind" in (content.folder / "CARD.md").read_text()


def test_targets_under_two_licences_are_told_apart(targets: Path) -> None:
    lines = (targets / "monets" / RIGHTS_FILE).read_text().replace("2.png,CC0-1.0", "2.png,public domain")
    (targets / "monets" / RIGHTS_FILE).write_text(lines)

    content = train(recipe(TARGETS), Workplace(targets, targets / "out", WeightsFolder(targets))).content

    rights = json.loads((content.folder / "rights.json").read_text())
    assert {each["licence"] for each in rights if "learnt from" in each["what"]} == {"CC0-1.0", "public domain"}


def _unlisted_target(folder: Path) -> None:
    save(folder / "monets" / "more" / "stray.png", graded_chart(128, 7))


def _target_without_licence(folder: Path) -> None:
    list_rights(folder / "monets", "0.png", "1.png", "2.png", licence="")


def _no_listing(folder: Path) -> None:
    (folder / "monets" / RIGHTS_FILE).unlink()


def _missing_target(folder: Path) -> None:
    (folder / "monets" / "1.png").unlink()


def _target_outside(folder: Path) -> None:
    save(folder / "outside.png", graded_chart(128, 7))
    list_rights(folder / "monets", "0.png", "1.png", "2.png", "../outside.png")


def _folder_is_a_way_out(folder: Path) -> None:
    (folder / "monets").rename(folder.parent / f"{folder.name}-elsewhere")
    (folder / "monets").symlink_to(folder.parent / f"{folder.name}-elsewhere")


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (_unlisted_target, "more/stray.png.*no line in its rights.csv"),
        (_target_without_licence, "0.png.* has no licence"),
        (_no_listing, "no picture 'rights.csv'"),
        (_missing_target, "no picture '1.png'"),
        (_target_outside, "outside"),
        (_folder_is_a_way_out, "outside of the recipe's folder"),
    ],
)
def test_a_target_without_rights_or_outside_of_its_folder_is_refused_by_name(
    targets: Path, spoilt: Callable[[Path], None], said: str
) -> None:
    spoilt(targets)

    with pytest.raises(TrainingError, match=said):
        given(targets, recipe(TARGETS))


def test_pairs_of_two_sizes_or_with_a_side_missing_or_unlisted_are_refused(pairs: Path) -> None:
    save(pairs / "graded" / "after" / "two.png", graded_chart(128, 7))
    with pytest.raises(TrainingError, match=r"after/two.png.* has no line"):
        given(pairs, recipe(PAIRS, "graded"))

    list_rights(pairs / "graded", "one.png", "two.png")
    with pytest.raises(TrainingError, match=r"no picture 'two.png'"):
        given(pairs, recipe(PAIRS, "graded"))

    save(pairs / "graded" / "before" / "two.png", graded_chart(120, 7))
    with pytest.raises(TrainingError, match=r"of one size"):
        given(pairs, recipe(PAIRS, "graded"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("rights: {source: our studio, licence: own, holder: the brand}", "x: 1"), "rights: Field required"),
        (("after: toned.png", "after: ../toned.png"), "inside the recipe's folder"),
        (("    pairs: [", "    targets: monets\n    pairs: ["), "one of taught_by, pairs and targets"),
        (("family: colour-grade", "family: feed-forward"), "pairs are for the family colour-grade"),
        ((f"    pairs: {LISTED}\n", ""), "image is expected"),
    ],
)
def test_a_recipe_that_cannot_mean_its_pairs_is_refused_with_the_reason(change: tuple[str, str], said: str) -> None:
    text = PAIRS.format(pairs=LISTED, iterations=1).replace(*change)

    with pytest.raises(TrainingError, match=said):
        parse_recipe(text.encode())


def test_a_recipe_without_examples_keeps_the_digest_it_always_had() -> None:
    """Checkpoints and cards name it."""
    told = recipe(PAIRS).model_dump(mode="json")["styles"][0]
    plain = PAIRS.format(pairs="x", iterations=1).replace("pairs: x", "image: {drawn: risograph}")

    assert "targets" not in told
    assert not {"pairs", "targets"} & set(parse_recipe(plain.encode()).model_dump(mode="json")["styles"][0])
    assert recipe(PAIRS).digest != recipe(PAIRS, LISTED.replace("the brand", "another")).digest


def test_consent_of_people_in_a_pair_stands_in_the_rights(pairs: Path) -> None:
    told = recipe(PAIRS, LISTED.replace("holder: the brand", "holder: the brand, consent: release 7"))

    (example,) = given(pairs, told).examples.values()

    assert [each.consent for each in example.listed] == ["release 7"]
