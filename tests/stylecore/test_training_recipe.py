"""Recipes and listings: what is misspelt, unlicensed or out of bounds is refused, by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylecore.training import recipes
from stylecore.training.augmentation import Augmentation
from stylecore.training.content import ContentSampler, invented_crop, photo_crop
from stylecore.training.errors import TrainingError
from stylecore.training.families import TRAINABLE, settings_of
from stylecore.training.listing import Listed, Photos, below, decoded, read_listing, split
from stylecore.training.material_of import gathered
from stylecore.training.painters.registry import PAINTERS
from stylecore.training.recipe_file import MAX_BYTES, parse_recipe, read_recipe
from stylecore.training.teachers import TEACHERS
from tests.stylecore.training_world import RECIPE, features, photo, recipe_folder

HEAD = "path,licence,holder,source\n"


def test_a_recipe_is_read_with_its_defaults() -> None:
    recipe = parse_recipe(RECIPE.encode())

    assert [style.name for style in recipe.styles] == ["risograph", "own"]
    assert recipe.content.held_out == ("c.png",)
    assert recipe.content.augmentation.mirror == 0.5
    assert recipe.pace.iterations == 4
    assert recipe.patience is None


def test_another_recipe_has_another_digest_and_a_comment_changes_nothing() -> None:
    one = parse_recipe(RECIPE.encode())

    assert parse_recipe(b"# trained at night\n" + RECIPE.encode()).digest == one.digest
    assert parse_recipe(RECIPE.replace("iterations: 4", "iterations: 5").encode()).digest != one.digest


@pytest.mark.parametrize(
    ("instead_of", "written", "told"),
    [
        ("warm_up: 1", "warmup: 1", "schedule.warmup"),
        ("iterations: 4", "iterations: 0", "schedule.iterations"),
        ("image: {drawn: risograph}", "image: {}", "either drawn: PAINTER or file: PATH"),
        ("image: {drawn: risograph}", "image: {file: a.png}", "needs rights"),
        ("file: own.png", "file: ../own.png", "inside the recipe's folder"),
        ("file: own.png", "file: /etc/passwd", "inside the recipe's folder"),
        ("listing: photos.csv", "listing: 'c:\\photos.csv'", "inside the recipe's folder"),
        ("licence: CC0-1.0, ", "", "styles.1.image.rights.licence"),
        ("name: own", "name: risograph", "risograph is there twice"),
        ("name: own", "name: Own Style", "styles.1.name"),
        ("crop_px: 64", "crop_px: 66", "content.crop_px"),
        ("listing: photos.csv, ", "", "synthetic_share: 1"),
        ("held_out: [c.png]", "held_out: 0.9", "content.held_out"),
        ("package: tiny", "package: tiny\npackage: tiny", "twice"),
        ("package: tiny", "package: &name tiny\nlicence: *name", "aliases"),
        ("package: tiny", "package: !!python/object/apply:os.system [ls]", "not a recipe"),
        ("package: tiny", "package: [", "line"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_told_by_its_place(instead_of: str, written: str, told: str) -> None:
    assert instead_of in RECIPE

    with pytest.raises(TrainingError, match=told):
        parse_recipe(RECIPE.replace(instead_of, written, 1).encode())


def test_a_recipe_that_is_no_file_too_long_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_bytes(b"#" * (MAX_BYTES + 1))

    for path, told in ((tmp_path / "none.yaml", "cannot be read"), (tmp_path / "long.yaml", "over")):
        with pytest.raises(TrainingError, match=told):
            read_recipe(path)
    with pytest.raises(TrainingError, match="not a recipe"):
        parse_recipe(b"\xff\xfe")


@given(st.binary(max_size=200))
def test_whatever_a_recipe_holds_only_a_training_error_comes_of_it(content: bytes) -> None:
    with pytest.raises(TrainingError):
        parse_recipe(content)


@pytest.mark.parametrize("name", ["atelier-draft.yaml", "atelier.yaml"])
def test_the_bundled_recipes_name_painters_and_teachers_that_there_are_and_listed_pictures(name: str) -> None:
    path = Path(recipes.__file__).with_name(name)
    recipe = read_recipe(path)

    assert {style.image.drawn for style in recipe.styles} <= set(PAINTERS)
    assert {style.taught_by for style in recipe.styles} - {None} <= set(TEACHERS)
    assert {"stained-glass", "risograph", "ink-hatching"} <= {style.name for style in recipe.styles}
    kept, held = split(read_listing(path.with_name(recipe.content.listing or "")), recipe.content.held_out, recipe.seed)
    assert (len(kept), len(held)) == (16, 2)


def test_settings_are_filled_from_plain_values_and_unknown_or_wrong_ones_refused() -> None:
    assert settings_of("conditional-instance-norm", {"blocks": 3}).blocks == 3
    with pytest.raises(TrainingError, match="setting 'depth'"):
        settings_of("conditional-instance-norm", {"depth": 3})
    with pytest.raises(TrainingError, match="setting blocks"):
        settings_of("conditional-instance-norm", {"blocks": "many"})
    with pytest.raises(TrainingError, match="training of the family 'optimisation'"):
        settings_of("optimisation", {})


@pytest.mark.parametrize("family", TRAINABLE)
def test_every_family_that_can_be_trained_has_settings_with_defaults(family: str) -> None:
    settings_of(family, {})


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("path,licence,holder\na.png,CC0,x\n", "has the columns"),
        (HEAD + "a.png,,x,y\n", "a.png' has no licence"),
        (HEAD + "a.png,CC0,  ,y\n", "a.png' has no holder"),
        (HEAD + "a.png,CC0,x,\n", "a.png' has no source"),
        (HEAD + "a.png,CC0\n", "too few or too many"),
        (HEAD + "a.png,CC0,x,y,z,w\n", "too few or too many"),
        (HEAD + "a.png,CC0,x,y\na.png,CC0,x,y\n", "twice"),
        (HEAD, "lists 0 pictures"),
        (HEAD + "a\x07.png,CC0,x,y\n", "unprintable"),
        (HEAD + 'a.png,"CC0,x,y\n', "line"),
    ],
)
def test_a_listing_without_a_licence_for_every_picture_is_refused_by_name(tmp_path: Path, rows: str, told: str) -> None:
    (tmp_path / "photos.csv").write_text(rows)

    with pytest.raises(TrainingError, match=told):
        read_listing(tmp_path / "photos.csv")


def test_a_listing_is_read_with_its_consents_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "path,licence,holder,source,consent\na.png,CC0,x,y,form 7\nb.png,CC0,x,y,\n"
    (tmp_path / "photos.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert read_listing(tmp_path / "photos.csv") == (
        Listed("a.png", "CC0", "x", "y", "form 7"),
        Listed("b.png", "CC0", "x", "y"),
    )


LISTED = tuple(Listed(f"{i}.png", "CC0", "x", "y") for i in range(20))


def test_a_share_is_held_out_by_the_seed_and_never_trained_on() -> None:
    kept, held = split(LISTED, 0.25, seed=3)

    assert len(held) == 5
    assert not set(kept) & set(held)
    assert (kept, held) == split(LISTED, 0.25, seed=3)
    assert (kept, held) != split(LISTED, 0.25, seed=4)
    assert split(LISTED, 0.0, seed=3) == (list(LISTED), [])


def test_held_out_pictures_have_to_be_listed_and_leave_some() -> None:
    with pytest.raises(TrainingError, match="not listed"):
        split(LISTED, ("99.png",), seed=3)
    with pytest.raises(TrainingError, match="every picture is held out"):
        split(LISTED[:2], ("0.png", "1.png"), seed=3)


@pytest.mark.parametrize("path", ["../outside.png", "/etc/passwd", "link.png", "in/../../outside.png"])
def test_a_path_out_of_the_folder_is_refused_however_it_is_written(tmp_path: Path, path: str) -> None:
    inside = tmp_path / "photos"
    inside.mkdir()
    photo().save(tmp_path / "outside.png")
    (inside / "link.png").symlink_to(tmp_path / "outside.png")

    with pytest.raises(TrainingError, match="lies outside"):
        below(inside, path)


def test_a_listed_picture_that_is_not_there_is_missed_before_training_begins(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no picture 'a\.png'"):
        Photos(tmp_path, [Listed("a.png", "CC0", "x", "y")])


def test_pictures_are_decoded_within_bounds_and_transparency_is_laid_over_white(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")

    assert decoded(tmp_path / "clear.png").pixels.min() == 255
    with pytest.raises(TrainingError, match=r"broken\.png"):
        decoded(tmp_path / "broken.png")


def test_what_is_held_out_is_no_content_and_style_images_from_files_are_squared(tmp_path: Path) -> None:
    path = recipe_folder(tmp_path)

    given = gathered(read_recipe(path), tmp_path, None, features())

    assert [each.path for each in given.trained_on.listed] == ["a.png", "b.png"]
    assert [each.path for each in given.held_out] == ["c.png"]
    assert len(given.judged_by) == 1
    assert [style.pixels.shape for style in given.material.styles] == [(64, 64, 3)] * 2


def test_a_style_image_that_is_too_small_to_hold_a_texture_is_refused(tmp_path: Path) -> None:
    path = recipe_folder(tmp_path)
    Image.new("RGB", (90, 200)).save(tmp_path / "own.png")

    with pytest.raises(TrainingError, match="style image of own has 90 x 200"):
        gathered(read_recipe(path), tmp_path, None, features())


def test_content_is_a_pure_function_of_seed_and_iteration() -> None:
    first, second = (ContentSampler([photo()], 32, 0.3, seed=4) for _ in range(2))
    first.batch(0, 3)

    assert np.array_equal(first.batch(7, 3), second.batch(7, 3))
    assert not np.array_equal(first.batch(7, 3), first.batch(8, 3))


def test_content_is_float_pictures_of_the_crop_size_between_nought_and_one() -> None:
    batch = ContentSampler([photo()], 32, 0.5, seed=4).batch(1, 6)

    assert batch.shape == (6, 3, 32, 32)
    assert batch.dtype == np.float32
    assert batch.min() >= 0
    assert batch.max() <= 1


def test_without_photographs_all_content_is_invented() -> None:
    assert ContentSampler([], 24, 0.0, seed=1).batch(0, 2).shape == (2, 3, 24, 24)


def test_a_photograph_smaller_than_the_crop_is_enlarged() -> None:
    assert photo_crop(photo().resize((9, 7)), 64, np.random.default_rng(1)).size == (64, 64)


def test_invented_pictures_are_square_and_vary() -> None:
    rng = np.random.default_rng(2)
    first, second = invented_crop(48, rng), invented_crop(48, rng)

    assert first.size == second.size == (48, 48)
    assert first.tobytes() != second.tobytes()


OFF = Augmentation(0.0, (1.0, 1.0), (1.0, 1.0), (1.0, 1.0), 0.0, 0.0)


def test_an_augmentation_that_is_off_draws_nothing_and_changes_nothing() -> None:
    rng = np.random.default_rng(5)

    assert OFF(photo(), rng).tobytes() == photo().tobytes()
    assert rng.random() == np.random.default_rng(5).random()


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(1.0, (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)),
        Augmentation(0.0, (0.5, 0.6), (1.0, 1.0), (1.0, 1.0)),
        Augmentation(0.0, (1.0, 1.0), (0.5, 0.6), (1.0, 1.0)),
        Augmentation(0.0, (1.0, 1.0), (1.0, 1.0), (0.0, 0.1)),
        Augmentation(0.0, (1.0, 1.0), (1.0, 1.0), (1.0, 1.0), blur=1.0),
        Augmentation(0.0, (1.0, 1.0), (1.0, 1.0), (1.0, 1.0), jpeg=1.0),
    ],
)
def test_each_augmentation_changes_the_crop_and_is_repeatable(augmentation: Augmentation) -> None:
    changed = augmentation(photo(), np.random.default_rng(5))

    assert changed.size == photo().size
    assert changed.tobytes() != photo().tobytes()
    assert changed.tobytes() == augmentation(photo(), np.random.default_rng(5)).tobytes()


def test_brightness_is_a_factor_on_every_level() -> None:
    darker = Augmentation(0.0, (0.5, 0.5), (1.0, 1.0), (1.0, 1.0))(photo(), np.random.default_rng(5))

    assert np.abs(np.asarray(darker) - 0.5 * np.asarray(photo(), dtype=float)).max() <= 1
