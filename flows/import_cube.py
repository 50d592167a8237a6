"""From a brand's .cube file to a style package: the same colours, with rights, pictures and figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from flows.grade_packages import About, Grade, grade_package
from flows.one_style import made_whole, refuse_taken
from registry.package import StylePackage
from stylecore.cube_files import MAX_BYTES, SRGB, Cube, lattice_of, read_cube
from stylecore.data import Digest
from stylecore.lattice import looked_up
from stylecore.training.package_content import Right
from stylecore.training.painters.graded_chart import graded_chart
from stylecore.weights import read_bounded

_REFERENCE_PX = 512


@dataclass(frozen=True, slots=True)
class WantedGrade:
    """What the grade is to be called, and where its file comes from, under which licence, and who holds the rights."""

    name: str
    title: str
    description: str
    source: str
    licence: str
    holder: str


def import_cube(file: Path, wanted: WantedGrade, into: Path) -> StylePackage:
    """The package, in a folder that was not there before and is there only when all of it is."""
    refuse_taken(wanted.name, into)
    content = read_bounded(file, MAX_BYTES)
    cube = read_cube(content)
    lattice = lattice_of(cube)
    table = lattice.flatten(1).T.contiguous()
    chart = graded_chart(_REFERENCE_PX, 7, partial(_through, table, cube.size))
    grade = Grade(wanted.name, wanted.title, wanted.description, lattice, chart)
    made = f"A .cube file of {cube.size} points, made by others and imported: {wanted.source}. {_kept(cube)}"
    about = About(wanted.name, wanted.description, wanted.licence, made)
    right = Right("the .cube file", wanted.source, wanted.licence, wanted.holder, Digest.of(content))
    with made_whole(into) as folder:
        grade_package(folder, about, [grade], [right])
    return StylePackage.read(into)


def _through(table: Tensor, size: int, colours: Tensor) -> Tensor:
    """Colours of any shape ending in 3 through the lattice."""
    return looked_up(table, size, colours.reshape(-1, 3).T).clamp(0, 1).view_as(colours)


def _kept(cube: Cube) -> str:
    if cube.domain == SRGB:
        return "Every number is as it was."
    return f"Its domain from {cube.domain[0]} to {cube.domain[1]} was brought to that of sRGB."
