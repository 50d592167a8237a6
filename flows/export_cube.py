"""From a style package to a .cube file: a grade as every grading program reads it, with its package named inside.

Only a grade can leave this way: it is a lattice of colours, and that is all such a file holds. At the lattice's own
size, what is imported again is the grade to a two-thousandth of a grey level; at another size, ``deviation`` says how
far its colours are from the package's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from flows.errors import UsageError
from flows.wiring import Services
from registry.package import MANIFEST, StylePackage, weights_of
from stylecore.cube_files import MOST_SIZE, Cube, cube_of, write_cube
from stylecore.lattice import looked_up, neutral
from stylecore.styles.colour_grade import FAMILY, lattices_of

_PROBE = 61
"""So many steps each way are looked up in both lattices: a number that no usual lattice has its nodes on."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The file that was written, and how far it is from the package at most and on average, in grey levels of 255.

    ``exact_sizes`` are those that have nodes wherever the grade has one, and so change no colour.
    """

    file: Path
    style: str
    size: int
    most_off: float
    mean_off: float
    exact_sizes: tuple[int, ...]


def named_package(services: Services, named: str, style: str | None, version: int | None) -> tuple[StylePackage, str]:
    """The package and the style that are meant: of a package folder, or of a style in the registry."""
    folder = Path(named)
    if (folder / MANIFEST).is_file():
        package = StylePackage.read(folder)
        return package, _chosen(package, style)
    if style not in (None, named):
        raise UsageError(f"the style {style!a} of {named!a}, which is no folder", "a package folder with --style")
    return services.catalogue.fetch(services.catalogue.find(named, version)), named


def export_cube(package: StylePackage, style: str, to: Path, size: int | None = None) -> Exported:
    """Writes ``to``, which must not exist yet. Without a size, every number is as the package has it."""
    entry = package.style(style)
    if package.family != FAMILY.name:
        raise UsageError(
            f"{style} is of the family {package.family}",
            f"a style of {FAMILY.name}",
            "A .cube file holds colours alone: a style that paints cannot be written as one.",
        )
    lattice = lattices_of(package.architecture, weights_of(package))[entry.index]
    cube = cube_of(lattice, entry.title, size)
    most_off, mean_off = deviation(lattice, cube)
    try:
        with to.open("xb") as file:
            file.write(write_cube(cube, _remarks(package, style)))
    except FileExistsError as problem:
        raise UsageError(f"{to} exists", "a file to be made", "Move it away, or name another with --to.") from problem
    except OSError as problem:
        raise UsageError(f"{to} cannot be written ({problem.strerror})", "a place for a file") from problem
    own = lattice.shape[-1]
    return Exported(to, style, cube.size, most_off, mean_off, tuple(range(own, MOST_SIZE + 1, own - 1)))


def deviation(lattice: Tensor, cube: Cube) -> tuple[float, float]:
    """The largest and the mean difference of what both make of all colours, in grey levels."""
    colours = neutral(_PROBE).T.contiguous()
    written = torch.from_numpy(cube.colours)
    ours = looked_up(lattice.flatten(1).T.contiguous(), lattice.shape[-1], colours).clamp(0, 1)
    apart = 255 * (ours - looked_up(written, cube.size, colours).clamp(0, 1)).abs()
    return float(apart.max()), float(apart.mean())


def _chosen(package: StylePackage, style: str | None) -> str:
    if style is None and len(package.styles) > 1:
        names = ", ".join(entry.name for entry in package.styles)
        raise UsageError(f"{package.name} has {len(package.styles)} styles", f"--style with one of {names}")
    return package.styles[0].name if style is None else style


def _remarks(package: StylePackage, style: str) -> tuple[str, ...]:
    """Whose it is travels along, for whoever opens the file in years."""
    return (
        f"The style {style} of the package {package.name}, sha256 {package.digest}",
        f"Licence: {package.licence}. Its rights.json names every ingredient.",
        "For pictures in sRGB.",
    )
