"""Others' checkpoints as style packages: read safely, with rights and a picture, whole or not at all."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from flows.cli.app import app
from flows.errors import UsageError
from flows.import_checkpoint import Origin, Wanted, import_checkpoint
from registry.errors import PackageError
from registry.package import StylePackage, load_style
from stylecore.data import Digest, RestyleError
from stylecore.errors import StyleError, WeightsError
from stylecore.image_problems import ImageProblem
from stylecore.styles.feed_forward import Architecture, TransformNetwork

ORIGIN = Origin("https://example.org/candy.pth", "BSD-3-Clause", "its authors")
PAINTING = Origin("https://example.org/candy.jpg", "public domain", "a painter long dead")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A small network as others save theirs: the old format, from several devices, with idle statistics."""
    torch.manual_seed(2)
    tensors = TransformNetwork(Architecture(2, 1)).state_dict()
    tensors["deconv3.conv2d.weight"] *= 100
    tensors["in1.running_mean"] = torch.zeros(2)
    path = tmp_path / "candy.pth"
    told = {"epoch": 2, "state_dict": {f"module.{name}": value for name, value in tensors.items()}}
    torch.save(told, path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    path = tmp_path / "reference.png"
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((200, 160), Image.Resampling.BICUBIC).save(path)
    return Wanted("candy", "Candy", "Sweet colours.", path, ORIGIN, PAINTING)


def test_a_checkpoint_becomes_a_package_that_loads_and_renders(
    checkpoint: Path, wanted: Wanted, tmp_path: Path
) -> None:
    package = import_checkpoint(checkpoint, wanted, tmp_path / "new" / "candy")

    again = StylePackage.read(tmp_path / "new" / "candy", package.digest)
    style = load_style(again, "candy")
    assert (again.family, dict(again.architecture)) == ("feed-forward", {"channels": 2, "blocks": 1})
    assert again.controls == style.family.controls
    assert style.render(torch.rand(1, 3, 20, 22)).shape == (1, 3, 20, 22)
    assert style.reference.shape == (160, 200, 3)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["candy"]


def test_the_package_says_where_everything_comes_from_and_what_it_does(
    checkpoint: Path, wanted: Wanted, tmp_path: Path
) -> None:
    package = import_checkpoint(checkpoint, wanted, tmp_path / "candy")

    network, shown, *photos = package.rights
    assert (network.source, network.licence, network.holder) == (ORIGIN.source, ORIGIN.licence, ORIGIN.holder)
    assert network.digest == Digest.of(checkpoint.read_bytes())
    assert (shown.holder, shown.digest) == (PAINTING.holder, package.files["references/candy.jpg"])
    assert {each.licence for each in photos} == {"CC0-1.0", "public domain"}
    assert "running statistics" in package.card
    assert "style_gap_closed" in package.style("candy").measured


def test_importing_twice_gives_the_same_package(checkpoint: Path, wanted: Wanted, tmp_path: Path) -> None:
    first, second = (import_checkpoint(checkpoint, wanted, tmp_path / name) for name in ("one", "two"))

    assert first.digest == second.digest


def test_nothing_is_left_behind_by_an_import_that_fails(checkpoint: Path, wanted: Wanted, tmp_path: Path) -> None:
    before = {*tmp_path.rglob("*")}

    for wrong in (
        replace(wanted, title="two\nlines"),
        replace(wanted, origin=replace(ORIGIN, licence="")),
        replace(wanted, reference_origin=replace(PAINTING, holder=" ")),
    ):
        with pytest.raises(PackageError):
            import_checkpoint(checkpoint, wrong, tmp_path / "candy")

    assert {*tmp_path.rglob("*")} == before


@pytest.mark.parametrize("name", ["../candy", "Candy", "", "a/b", "c\x1b"])
def test_a_name_that_is_none_is_refused_before_anything_is_written(
    name: str, checkpoint: Path, wanted: Wanted, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="named"):
        import_checkpoint(checkpoint, replace(wanted, name=name), tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_what_stands_in_the_way_is_not_overwritten(checkpoint: Path, wanted: Wanted, tmp_path: Path) -> None:
    (tmp_path / "candy").mkdir()

    with pytest.raises(UsageError, match="exists"):
        import_checkpoint(checkpoint, wanted, tmp_path / "candy")


def test_a_checkpoint_that_would_run_code_or_is_none_is_refused(wanted: Wanted, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")

    with pytest.raises(WeightsError, match="mkdir"):
        import_checkpoint(tmp_path / "evil.pth", wanted, tmp_path / "candy")
    with pytest.raises(StyleError, match="no network we know"):
        import_checkpoint(tmp_path / "other.pth", wanted, tmp_path / "candy")
    with pytest.raises(WeightsError, match="cannot be read"):
        import_checkpoint(tmp_path / "absent.pth", wanted, tmp_path / "candy")
    assert not (tmp_path / "made").exists()


def test_a_reference_that_is_no_picture_or_not_there_is_refused(
    checkpoint: Path, wanted: Wanted, tmp_path: Path
) -> None:
    for path, problem in ((checkpoint, ImageProblem), (tmp_path / "absent.png", UsageError)):
        with pytest.raises(RestyleError) as caught:
            import_checkpoint(checkpoint, replace(wanted, reference=path), tmp_path / "candy")
        assert isinstance(caught.value, problem)


def test_the_command_imports_and_insists_on_rights_and_a_picture(
    checkpoint: Path, wanted: Wanted, tmp_path: Path
) -> None:
    asked = ["styles", "import", str(checkpoint), "--name", "candy", "--title", "Candy", "--to", str(tmp_path / "out")]
    told = ["--reference", str(wanted.reference), "--licence", "MIT", "--source", "example.org", "--holder", "them"]
    run = CliRunner().invoke

    done = run(app, [*asked, *told], catch_exceptions=False)

    assert done.exit_code == 0
    assert "feed-forward" in done.output
    assert StylePackage.read(tmp_path / "out").licence == "MIT"
    for start in range(0, len(told), 2):
        assert run(app, [*asked, *told[:start], *told[start + 2 :]]).exit_code == 2
