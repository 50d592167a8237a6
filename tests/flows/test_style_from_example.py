"""A new style from an example picture: a whole package, with rights, and nothing hostile gets through."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from flows.cli.styles import styles
from flows.errors import UsageError
from flows.style_from_example import Example, style_from_example
from registry.errors import IntegrityError
from registry.manifest import StyleEntry
from registry.package import StylePackage, load_style
from registry.packing import write_package
from stylecore.data import RestyleError
from stylecore.image_problems import ImageProblem
from stylecore.styles.adaptive import FAMILY, AdaptiveNetwork, Architecture
from stylecore.training.tasks.adaptive import attune, begin

TINY = Architecture(stem_channels=4, trunk_channels=4, blocks=1, embedding=4, encoder_channels=4, hidden=4)
EXAMPLE = Example("sea", "Sea and foam", "painted by us", "CC0-1.0", "the painter")


def picture(width: int = 200, height: int = 160, mode: str = "RGB", seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (9, 9, len(mode)), dtype=np.uint8)
    return Image.fromarray(small, mode).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "sea.png"
    picture().save(path)
    return path


@pytest.fixture
def package(tmp_path: Path) -> StylePackage:
    folder = tmp_path / "any"
    for part in ("references", "previews"):
        (folder / part).mkdir(parents=True)
    torch.manual_seed(3)
    network = AdaptiveNetwork(TINY)
    begin(network, {})
    attune(network, torch.rand(8, 3, 64, 64), ())  # a network fresh from its maker paints all styles alike
    save_file(dict(network.state_dict()), folder / "weights.safetensors")
    picture(seed=5).save(folder / "references" / "dots.jpg")
    picture(seed=5).save(folder / "previews" / "dots.jpg")
    shown = "# any\n\n| ![before](previews/before_coffee.jpg) |\n\n## How it was made\n\nTrained for long.\n"
    (folder / "CARD.md").write_text(shown, encoding="utf-8")
    rights = [{"what": "photographs trained on", "source": "us", "licence": "CC0-1.0", "holder": "us"}]
    (folder / "rights.json").write_text(json.dumps(rights), encoding="utf-8")
    return write_package(
        folder,
        package="any",
        family=FAMILY.name,
        architecture=TINY.describe(),
        styles=[StyleEntry("dots", 0, "Dots", "Dots.", "references/dots.jpg", "previews/dots.jpg")],
        controls=FAMILY.controls,
        licence="Apache-2.0",
    )


def test_the_new_package_has_the_same_network_another_style_and_all_the_rights(
    package: StylePackage, example: Path, tmp_path: Path
) -> None:
    made = style_from_example(package, example, EXAMPLE, tmp_path / "sea")

    assert made.files["weights.safetensors"] == package.files["weights.safetensors"]
    assert [style.name for style in made.styles] == ["sea"]
    assert made.licence == "CC0-1.0"
    own = next(right for right in made.rights if right.digest == made.files["references/sea.jpg"])
    assert (own.source, own.licence, own.holder) == ("painted by us", "CC0-1.0", "the painter")
    assert any(right.what == "photographs trained on" for right in made.rights)
    assert "Trained for long." in made.card
    assert package.digest in made.card
    assert made.styles[0].measured
    model = load_style(made, "sea")
    batch = torch.rand(1, 3, 32, 32)
    assert not torch.allclose(model.render(batch), load_style(package, "dots").render(batch))


def test_the_same_example_makes_the_same_package(package: StylePackage, example: Path, tmp_path: Path) -> None:
    one, two = (style_from_example(package, example, EXAMPLE, tmp_path / name) for name in ("one", "two"))

    assert one.digest == two.digest


def test_a_style_can_be_read_off_with_a_package_that_was_made_from_an_example(
    package: StylePackage, example: Path, tmp_path: Path
) -> None:
    first = style_from_example(package, example, EXAMPLE, tmp_path / "sea")
    picture(seed=9).save(example)

    second = style_from_example(first, example, Example("sky", "Sky", "us", "CC0-1.0", "us"), tmp_path / "sky")

    assert [right.what for right in second.rights if "style image" in right.what] == ["style image of sky: Sky"]
    assert len({right.what for right in second.rights}) == len(second.rights)


def test_nothing_hidden_in_the_file_travels_on(package: StylePackage, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x9286] = "where the painter lives"
    path = tmp_path / "told.jpg"
    picture().save(path, exif=exif, comment=b"secret")

    made = style_from_example(package, path, EXAMPLE, tmp_path / "sea")

    stored = made.file("references/sea.jpg")
    assert b"painter lives" not in stored
    assert b"secret" not in stored


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture at all",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    ],
)
def test_a_file_that_is_no_picture_is_refused_and_leaves_nothing(
    package: StylePackage, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.png"
    path.write_bytes(content)

    with pytest.raises(ImageProblem):
        style_from_example(package, path, EXAMPLE, tmp_path / "out" / "sea")

    assert not list((tmp_path / "out").glob("*"))


def test_a_bomb_is_refused_before_it_is_decoded(package: StylePackage, tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(content, "png")
    path = tmp_path / "bomb.png"
    path.write_bytes(content.getvalue())

    with pytest.raises(ImageProblem, match="pixels"):
        style_from_example(package, path, EXAMPLE, tmp_path / "sea")


def test_pictures_that_show_no_style_are_refused(package: StylePackage, tmp_path: Path) -> None:
    small, glass = tmp_path / "small.png", tmp_path / "glass.png"
    picture(200, 90).save(small)
    picture(mode="RGBA").save(glass)

    with pytest.raises(UsageError, match="at least 128"):
        style_from_example(package, small, EXAMPLE, tmp_path / "sea")
    with pytest.raises(UsageError, match="opaque"):
        style_from_example(package, glass, EXAMPLE, tmp_path / "sea")
    with pytest.raises(UsageError, match="cannot be read"):
        style_from_example(package, tmp_path / "nowhere.png", EXAMPLE, tmp_path / "sea")


@pytest.mark.parametrize("name", ["../up", "UP", "", "a/b", "sea\n", "x" * 80])
def test_a_name_that_could_lead_elsewhere_is_refused(
    package: StylePackage, example: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match="named"):
        style_from_example(package, example, Example(name, "Sea", "us", "CC0-1.0", "us"), tmp_path / "sea")
    assert not (tmp_path / "sea").exists()


def test_unprintable_words_are_refused_and_leave_nothing(package: StylePackage, example: Path, tmp_path: Path) -> None:
    with pytest.raises(RestyleError):
        style_from_example(package, example, Example("sea", "Sea\x1b[31m", "us", "CC0-1.0", "us"), tmp_path / "sea")
    assert not (tmp_path / "sea").exists()


def test_what_exists_is_never_written_over(package: StylePackage, example: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        style_from_example(package, example, EXAMPLE, package.folder)


def test_a_family_that_learns_by_training_is_refused(example: Path, tmp_path: Path) -> None:
    from registry.bundled import bundled_packages

    (atelier,) = (folder for folder in bundled_packages() if folder.name == "atelier")
    with pytest.raises(UsageError, match="conditional-instance-norm"):
        style_from_example(StylePackage.read(atelier), example, EXAMPLE, tmp_path / "sea")


def test_weights_that_changed_since_the_package_was_read_are_refused(
    package: StylePackage, example: Path, tmp_path: Path
) -> None:
    (package.folder / "weights.safetensors").write_bytes(b"other")

    with pytest.raises(IntegrityError):
        style_from_example(package, example, EXAMPLE, tmp_path / "sea")


def test_the_command_makes_the_package_and_says_what_comes_next(
    package: StylePackage, example: Path, tmp_path: Path
) -> None:
    words = [
        "from-example",
        str(package.folder),
        str(example),
        "--name",
        "sea",
        "--title",
        "Sea",
        "--licence",
        "CC0-1.0",
    ]
    words += ["--source", "us", "--holder", "us", "--to", str(tmp_path / "sea")]

    answer = CliRunner().invoke(styles, words)

    assert answer.exit_code == 0, answer.output
    assert StylePackage.read(tmp_path / "sea").name == "sea"
