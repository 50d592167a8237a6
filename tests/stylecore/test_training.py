"""Training: the loss falls, nothing is random, and stopping anywhere changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylecore.data import Digest
from stylecore.features import SqueezeFeatures
from stylecore.styles.build import build
from stylecore.styles.conditional import FAMILY, Architecture
from stylecore.training import bundled
from stylecore.training.bundled import INGREDIENTS, SHOWS, train
from stylecore.training.content import ContentSampler, invented_crop, photo_crop, read_photos
from stylecore.training.content_of_package import Right, only_styles, write_card, write_content, write_rights
from stylecore.training.loop import Trainer
from stylecore.training.recipe import BUNDLED, Pull, TrainingRecipe
from stylecore.training.style_images import PAINTERS, style_image
from stylecore.weights import load_safetensors

SHARED = Path(__file__).parents[3] / "shared"

TINY = TrainingRecipe(
    pulls={"risograph": Pull(), "paper-cut": Pull(palette=2.0)},
    iterations=12,
    crop_px=80,
    style_image_px=64,
    warm_up=1,
    architecture=Architecture(stem_channels=8, trunk_channels=8, blocks=1, styles=2),
)


def photo(seed: int = 1) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((120, 90), Image.Resampling.BICUBIC)


def trainer(recipe: TrainingRecipe = TINY) -> Trainer:
    torch.manual_seed(11)
    images = [style_image(name, recipe.style_image_px) for name in recipe.style_names]
    return Trainer(recipe, images, [photo()], SqueezeFeatures())


def weights_of(trained: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trained.network.state_dict().items()}


def test_the_loss_falls() -> None:
    totals: list[float] = []
    longer = replace(TINY, iterations=60, learning_rate=1e-2)

    trainer(longer).run(60, lambda progress: totals.append(progress.total))

    assert np.mean(totals[-10:]) < 0.8 * np.mean(totals[:5])


def test_the_same_seed_trains_the_same_weights_and_another_seed_others() -> None:
    first, second, other = trainer(), trainer(), trainer(replace(TINY, seed=21))
    for each in (first, second, other):
        each.run(3)

    assert all(torch.equal(value, weights_of(second)[name]) for name, value in weights_of(first).items())
    assert not torch.equal(first.network.stem.weight, other.network.stem.weight)


def test_stopped_and_resumed_training_equals_uninterrupted_training_bit_for_bit(tmp_path: Path) -> None:
    whole, stopped, resumed = trainer(), trainer(), trainer()
    whole.run(8)
    stopped.run(5)
    stopped.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(8)

    assert resumed.iteration == 8
    assert all(torch.equal(value, weights_of(resumed)[name]) for name, value in weights_of(whole).items())


def test_a_checkpoint_before_the_first_step_resumes_too(tmp_path: Path) -> None:
    fresh, resumed = trainer(), trainer()
    fresh.save(tmp_path / "c.safetensors")

    resumed.load(tmp_path / "c.safetensors")
    resumed.run(1)
    fresh.run(1)

    assert torch.equal(fresh.network.stem.weight, resumed.network.stem.weight)


def test_a_checkpoint_is_safetensors_and_leaves_no_partial_file(tmp_path: Path) -> None:
    stopped = trainer()
    stopped.run(1)

    stopped.save(tmp_path / "c.safetensors")

    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]
    assert "exp_avg.stem.weight" in load_safetensors(tmp_path / "c.safetensors", None)


def test_training_in_two_sittings_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    told: list[int] = []
    checkpoint = tmp_path / "new" / "c.safetensors"
    train(trainer(replace(TINY, iterations=2)), checkpoint, lambda progress: told.append(progress.iteration))

    train(trainer(replace(TINY, iterations=5)), checkpoint, lambda progress: told.append(progress.iteration))

    assert told == [1, 2, 3, 4, 5]


def test_progress_names_every_style_and_loss() -> None:
    progress = trainer().step()

    assert set(progress.by_style) == {"risograph", "paper-cut"}
    assert set(progress.by_style["risograph"]) == {"style", "palette", "content", "structure", "tone", "smoothness"}


@pytest.mark.parametrize("name", sorted(PAINTERS))
def test_a_style_image_is_the_same_every_time_and_spans_dark_to_light(name: str) -> None:
    image = style_image(name, 192)

    assert image.shape == (192, 192, 3)
    assert np.array_equal(image, style_image(name, 192))
    light = image.mean(axis=2)
    assert np.quantile(light, 0.02) < 90
    assert np.quantile(light, 0.98) > 160


def test_another_seed_draws_another_image() -> None:
    assert not np.array_equal(style_image("paper-cut", 64), style_image("paper-cut", 64, seed=8))


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


def test_photographs_are_read_in_the_order_of_their_names_and_nothing_else_is(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 10).save(tmp_path / "b.png")
    Image.new("RGB", (9, 8)).save(tmp_path / "a.JPG")
    (tmp_path / "notes.txt").write_text("no photograph")

    assert [(image.size, image.mode) for image in read_photos(tmp_path)] == [((9, 8), "RGB"), ((8, 8), "RGB")]


def test_the_package_content_is_complete_and_its_weights_load(tmp_path: Path) -> None:
    trained = trainer()
    references = {name: style_image(name, 64) for name in TINY.style_names}
    shows = dict.fromkeys(TINY.style_names, "dots and layers")

    write_content(tmp_path, TINY, dict(trained.network.named_parameters()), references, np.zeros((20, 30, 3), np.uint8))
    write_rights(tmp_path, shows, list(INGREDIENTS))
    write_card(tmp_path, TINY, shows)

    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    pictures = {f"{part}/{name}.jpg" for part in ("references", "previews") for name in TINY.style_names}
    assert names == {"weights.safetensors", "rights.json", "CARD.md"} | pictures
    tensors = load_safetensors(tmp_path / "weights.safetensors", None)
    build(FAMILY, TINY.architecture.describe(), tensors, 1, "paper-cut", references["paper-cut"])
    assert Digest.of((tmp_path / "references" / "risograph.jpg").read_bytes()) in (tmp_path / "rights.json").read_text()


def test_a_right_without_a_digest_names_none() -> None:
    assert "digest" not in Right("a", "b", "c", "d").as_dict()


def test_the_bundled_recipe_has_a_painter_and_a_place_for_every_style_and_packs_only_styles_it_trains() -> None:
    assert set(BUNDLED.style_names) == set(PAINTERS)
    assert BUNDLED.architecture.styles == len(BUNDLED.style_names)
    assert set(SHOWS) <= set(BUNDLED.style_names)


def test_a_style_packed_without_its_neighbours_renders_as_it_did_beside_them() -> None:
    trained = trainer()
    trained.run(2)
    beside, picture = weights_of(trained), torch.rand(1, 3, 32, 32)
    reference = style_image("paper-cut", 64)

    alone, kept = only_styles(TINY, beside, ["paper-cut"])

    assert alone.style_names == ("paper-cut",)
    once = build(FAMILY, TINY.architecture.describe(), beside, 1, "paper-cut", reference)
    again = build(FAMILY, alone.architecture.describe(), kept, 0, "paper-cut", reference)
    assert torch.equal(once.render(picture), again.render(picture))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reference weights and photographs are not beside the project")
def test_the_command_trains_and_fills_a_folder(tmp_path: Path) -> None:
    asked = ["--photos", str(SHARED / "photos" / "kodak"), "--weights", str(SHARED / "weights")]

    assert bundled.main([*asked, "--out", str(tmp_path / "atelier"), "--iterations", "1"]) == 0

    assert (tmp_path / "atelier" / "weights.safetensors").stat().st_size < 1_200_000
    assert (tmp_path / "atelier.checkpoint.safetensors").exists()


def test_a_crop_without_any_contrast_leaves_every_weight_finite() -> None:
    """Normalising nothing divides by almost nothing: in a deep network the gradient overflows."""
    flat = replace(TINY, synthetic_share=0.0, architecture=Architecture(8, 8, blocks=8, styles=2))
    images = [style_image(name, flat.style_image_px) for name in flat.style_names]
    trained = Trainer(flat, images, [Image.new("RGB", (120, 90), (90, 90, 90))], SqueezeFeatures())

    trained.run(6)

    assert all(bool(torch.isfinite(value).all()) for value in weights_of(trained).values())
