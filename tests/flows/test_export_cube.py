"""A grade leaves as a .cube file: the same colours in everybody's programs, and back again unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows.cli.app import app
from flows.errors import UsageError
from flows.export_cube import export_cube, named_package
from flows.import_cube import WantedGrade, import_cube
from registry.bundled import bundled_packages
from registry.package import StylePackage, load_style
from stylecore.cube_files import CubeError, cube_of, lattice_of, read_cube, write_cube
from stylecore.lattice import looked_up
from tests.flows.world import World

TOLERANCE = 5.1e-7
"""Half of the last decimal that is written, and the rounding of a float."""


def bundled(name: str) -> StylePackage:
    return StylePackage.read(next(folder for folder in bundled_packages() if folder.name == name))


@pytest.fixture(scope="module")
def grades() -> StylePackage:
    return bundled("grades")


def test_an_exported_grade_that_is_imported_again_is_the_same_grade(grades: StylePackage, tmp_path: Path) -> None:
    wanted = WantedGrade("again", "Again", "As it was.", "our own grade", "Apache-2.0", "the brand")

    export_cube(grades, "matte-film", tmp_path / "matte.cube")
    again = load_style(import_cube(tmp_path / "matte.cube", wanted, tmp_path / "again"), "again")

    batch = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(again.render(batch), load_style(grades, "matte-film").render(batch), atol=4 * TOLERANCE)


@given(st.integers(2, 6), st.integers(1, 3), st.integers(0, 1000))
@settings(max_examples=30)
def test_import_undoes_export_for_every_lattice(points: int, finer: int, seed: int) -> None:
    """Also through a lattice whose nodes lie on all of its own: its tetrahedra are cut, and nothing is bent."""
    lattice = torch.rand(3, points, points, points, generator=torch.Generator().manual_seed(seed)) * 3 - 1
    size = finer * (points - 1) + 1

    again = lattice_of(read_cube(write_cube(cube_of(lattice, size=size))))

    colours = torch.rand(3, 500, generator=torch.Generator().manual_seed(seed + 1))
    ours, theirs = (looked_up(each.flatten(1).T.contiguous(), each.shape[-1], colours) for each in (lattice, again))
    assert torch.allclose(ours, theirs, atol=1e-5)
    if finer == 1:
        assert float((again - lattice).abs().max()) <= TOLERANCE


def test_a_grade_in_another_size_says_how_far_off_it_is(grades: StylePackage, tmp_path: Path) -> None:
    own, finer, other = (
        export_cube(grades, "nordic-light", tmp_path / f"{size}.cube", size) for size in (None, 49, 33)
    )

    assert (own.size, own.most_off, own.exact_sizes) == (25, 0, (25, 49))
    assert finer.most_off < 0.001
    assert 0.1 < other.most_off < 5
    assert other.mean_off < 0.1


def test_the_file_names_its_package_and_licence_for_whoever_opens_it(grades: StylePackage, tmp_path: Path) -> None:
    export_cube(grades, "golden-hour", tmp_path / "g.cube")

    first, *_ = (text := (tmp_path / "g.cube").read_text()).splitlines()
    assert first.startswith("#")
    assert grades.digest in text
    assert "Licence: Apache-2.0" in text
    assert read_cube(text.encode()).title == "Golden hour"


def test_a_remark_cannot_smuggle_a_line_into_the_file() -> None:
    written = write_cube(cube_of(torch.zeros(3, 2, 2, 2)), ("fine", "LUT_3D_SIZE 9\nLUT_3D_SIZE 9"))

    assert b"# fine\n" in written
    assert b"9" not in written


def test_a_style_that_paints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="colours alone"):
        export_cube(bundled("atelier"), "risograph", tmp_path / "r.cube")
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over_and_no_size_is_without_bounds(grades: StylePackage, tmp_path: Path) -> None:
    (tmp_path / "g.cube").write_text("mine")

    with pytest.raises(UsageError, match="exists"):
        export_cube(grades, "golden-hour", tmp_path / "g.cube")
    with pytest.raises(UsageError, match="cannot be written"):
        export_cube(grades, "golden-hour", tmp_path / "no" / "g.cube")
    with pytest.raises(CubeError, match="2 to 65"):
        export_cube(grades, "golden-hour", tmp_path / "new.cube", 1000)
    assert (tmp_path / "g.cube").read_text() == "mine"


def test_a_registered_style_is_exported_by_its_name_and_a_folder_by_its_path(
    grades: StylePackage, tmp_path: Path
) -> None:
    services = World(tmp_path / "home").services
    services.catalogue.register(grades, "owner")

    by_name, style = named_package(services, "matte-film", None, None)
    by_path, other = named_package(services, str(grades.folder), "matte-film", None)

    assert (by_name.digest, style) == (by_path.digest, other) == (grades.digest, "matte-film")
    with pytest.raises(UsageError, match="golden-hour, nordic-light, matte-film"):
        named_package(services, str(grades.folder), None, None)
    with pytest.raises(UsageError, match="no folder"):
        named_package(services, "matte-film", "golden-hour", None)


def test_the_command_says_what_it_wrote(grades: StylePackage, tmp_path: Path) -> None:
    asked = ["--home", str(tmp_path / "home"), "styles", "export-cube", str(grades.folder), "--style", "matte-film"]

    done = CliRunner().invoke(app, [*asked, "--size", "33", "--to", str(tmp_path / "m.cube")], catch_exceptions=False)

    assert done.exit_code == 0
    assert "33 points" in done.output
    assert "change no colour: 25, 49" in done.output
    assert np.isfinite(read_cube((tmp_path / "m.cube").read_bytes()).colours).all()
