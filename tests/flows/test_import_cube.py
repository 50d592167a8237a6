"""A brand's .cube file becomes a style package: the same colours, with its rights, or nothing at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from flows.errors import UsageError
from flows.import_cube import WantedGrade, import_cube
from registry.errors import PackageError
from registry.package import load_style
from stylecore.cube_files import Cube, CubeError, write_cube
from stylecore.data import Digest
from stylecore.lattice import looked_up, neutral

WANTED = WantedGrade("dusk", "Dusk", "Warm and low.", "the agency", "licensed to the brand", "Brand Ltd")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dusk.cube"
    path.write_bytes(write_cube(Cube(5, (neutral(5).numpy() ** 1.3).astype(np.float32), "Dusk")))
    return path


def test_an_imported_cube_renders_as_its_numbers_say_and_tells_whose_it_is(file: Path, tmp_path: Path) -> None:
    package = import_cube(file, WANTED, tmp_path / "made")

    batch = torch.rand(1, 3, 20, 20)
    expected = looked_up(neutral(5) ** 1.3, 5, batch[0].flatten(1)).T.view_as(batch[0])
    assert torch.allclose(load_style(package, "dusk").render(batch)[0], expected, atol=1e-5)
    right = package.rights[0]
    assert (right.licence, right.holder) == ("licensed to the brand", "Brand Ltd")
    assert right.digest == Digest.of(file.read_bytes())
    assert "Every number is as it was" in package.card
    assert package.style("dusk").suggested_bounds["ssim_eighth"] > 0.5


@pytest.mark.parametrize("name", ["No Slug", "../up", "x\n"])
def test_a_name_that_is_none_is_refused_before_the_file_is_read(file: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="lower-case"):
        import_cube(file, replace(WANTED, name=name), tmp_path / "made")


def test_a_folder_that_is_there_is_left_alone(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        import_cube(file, WANTED, tmp_path)


def test_a_file_that_is_no_cube_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "no.cube").write_bytes(b"\x80\x04 not a lattice")

    with pytest.raises(CubeError):
        import_cube(tmp_path / "no.cube", WANTED, tmp_path / "made")
    assert [path.name for path in tmp_path.iterdir()] == ["no.cube"]


def test_words_that_no_package_may_say_leave_nothing_behind(file: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageError):
        import_cube(file, replace(WANTED, holder="\x1b[31m"), tmp_path / "made")
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_cube_over_another_domain_is_told_of_on_the_card(tmp_path: Path) -> None:
    doubled = Cube(3, neutral(3).numpy(), "Wide", ((0.0,) * 3, (2.0,) * 3))
    (tmp_path / "wide.cube").write_bytes(write_cube(doubled))

    package = import_cube(tmp_path / "wide.cube", WANTED, tmp_path / "made")

    assert "was brought to that of sRGB" in package.card
    assert "Every number is as it was" not in package.card
