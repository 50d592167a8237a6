"""``.cube`` files: the lattices of colours (3D lookup tables) that grading programs exchange (Adobe, Cube LUT 1.0).

A file comes from anywhere: its size, its lines and its numbers are bounded before anything of that size is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stylecore.data import RestyleError
from stylecore.lattice import looked_up, neutral

MAX_BYTES = 16_000_000
LEAST_SIZE, MOST_SIZE = 2, 65
_MOST_LINES = MOST_SIZE**3 + 10_000
_LONGEST_LINE = 1000
_MOST_TITLE = 200
_LEAST, _MOST = -1.0, 2.0
_NUMBER = re.compile(r"[+-]?(\d{1,20}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_RESAVE = "Save it again as a 3D .cube of 33 points for sRGB pictures."


Domain = tuple[tuple[float, ...], tuple[float, ...]]
SRGB: Domain = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class CubeError(RestyleError):
    """A .cube file is damaged, or of a kind that does not fit sRGB pictures."""

    kind: ClassVar[str] = "integrity"


@dataclass(frozen=True, slots=True)
class Cube:
    """A lattice of N³ colours, red fastest, over a domain of input colours."""

    size: int
    colours: npt.NDArray[np.float32] = field(repr=False)
    title: str = ""
    domain: Domain = SRGB


def read_cube(content: bytes) -> Cube:
    """The 3D lattice in these bytes. Raises :class:`CubeError` and nothing else."""
    told, rows = _split(_lines(content))
    title, domain = _title(told), _domain(told)
    size = _size(told)
    if len(rows) != size**3:
        raise CubeError(f"{len(rows)} colours", f"{size}³ = {size**3}, as LUT_3D_SIZE says", _RESAVE)
    colours = np.array([_numbers(row, 3) for row in rows], dtype=np.float32)
    if colours.min() < _LEAST or colours.max() > _MOST:
        raise CubeError(f"colours of {colours.min():g} to {colours.max():g}", "about 0 to 1", _RESAVE)
    return Cube(size, colours, title, domain)


def write_cube(cube: Cube, remarks: Sequence[str] = ()) -> bytes:
    """The same for everybody else's programs; six decimals are a two-thousandth of a grey level.

    ``remarks``: lines for people, which programs pass over. They may not hold what would end a line.
    """
    told = [f"# {remark}" for remark in remarks if remark.isprintable()]
    told += [f'TITLE "{cube.title}"'] if cube.title and '"' not in cube.title else []
    least, most = ([f"{number:g}" for number in corner] for corner in cube.domain)
    told += [f"LUT_3D_SIZE {cube.size}", f"DOMAIN_MIN {' '.join(least)}", f"DOMAIN_MAX {' '.join(most)}"]
    rows = [f"{red:.6f} {green:.6f} {blue:.6f}" for red, green, blue in cube.colours.tolist()]
    return ("\n".join([*told, *rows]) + "\n").encode()


def lattice_of(cube: Cube) -> Tensor:
    """3 x N x N x N over colours of 0..1, as a package of grades has it.

    A lattice over another domain is looked up where the nodes of the usual one are; beyond it, its border goes on.
    """
    colours = torch.from_numpy(cube.colours)
    if cube.domain != SRGB:
        least, most = (torch.tensor(corner)[:, None] for corner in cube.domain)
        inside = ((neutral(cube.size).T - least) / (most - least)).clamp(0, 1)
        colours = looked_up(colours, cube.size, inside)
    return colours.T.reshape(3, cube.size, cube.size, cube.size).contiguous()


def cube_of(lattice: Tensor, title: str = "", size: int | None = None) -> Cube:
    """A lattice of a package of grades, 3 x N x N x N, for a file; of another size if asked for.

    Every number stays as it is where the size does. Where the new size has nodes at all places of the old (from 17 to
    33, say), no colour changes either; elsewhere the grade's bends are rounded off between its nodes.
    """
    own = lattice.shape[-1]
    colours = lattice.float().flatten(1).T.contiguous()
    wanted = own if size is None else size
    if not LEAST_SIZE <= wanted <= MOST_SIZE:
        raise CubeError(f"a lattice of {wanted} points", f"{LEAST_SIZE} to {MOST_SIZE} points each way")
    if wanted != own:
        colours = looked_up(colours, own, neutral(wanted).T)
    return Cube(wanted, colours.numpy().copy(), title)


def _lines(content: bytes) -> list[str]:
    if len(content) > MAX_BYTES:
        raise CubeError(f"a file of {len(content)} bytes", f"at most {MAX_BYTES}", _RESAVE)
    if content.count(b"\n") + content.count(b"\r") > 2 * _MOST_LINES:
        raise CubeError("a file of very many lines", f"at most {_MOST_LINES}", _RESAVE)
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = [line.strip(" \t") for line in re.split(r"[\r\n]", text)]
    if max(map(len, lines)) > _LONGEST_LINE:
        raise CubeError("a very long line", f"at most {_LONGEST_LINE} characters", _RESAVE)
    return [line for line in lines if line and not line.startswith("#")]


def _split(lines: Sequence[str]) -> tuple[dict[str, str], Sequence[str]]:
    """(what the file says of itself, by keyword; its rows of numbers)."""
    told: dict[str, str] = {}
    for place, line in enumerate(lines):
        if line[0] in "+-.0123456789":
            return told, lines[place:]
        keyword, _, value = line.replace("\t", " ").partition(" ")
        if keyword not in ("TITLE", "LUT_3D_SIZE", "LUT_1D_SIZE", "DOMAIN_MIN", "DOMAIN_MAX", "LUT_3D_INPUT_RANGE"):
            raise CubeError(f"the keyword {keyword[:40]!a}", "a .cube file as Adobe describes it", _RESAVE)
        if keyword in told:
            raise CubeError(f"{keyword} twice", "each keyword once", _RESAVE)
        told[keyword] = value.strip()
    return told, ()


def _title(told: dict[str, str]) -> str:
    title = told.get("TITLE", "").strip('"').strip()
    if len(title) > _MOST_TITLE or not title.isprintable():
        raise CubeError(f"the title {title[:80]!a}", f"up to {_MOST_TITLE} printable characters")
    return title


def _size(told: dict[str, str]) -> int:
    if "LUT_1D_SIZE" in told:
        raise CubeError("a 1D table", "LUT_3D_SIZE alone", _RESAVE)
    said = told.get("LUT_3D_SIZE", "")
    if not re.fullmatch("[0-9]{1,4}", said) or not LEAST_SIZE <= int(said) <= MOST_SIZE:
        raise CubeError(f"LUT_3D_SIZE {said[:20]!a}", f"a whole number from {LEAST_SIZE} to {MOST_SIZE}", _RESAVE)
    return int(said)


def _domain(told: dict[str, str]) -> Domain:
    least, most = _numbers(told.get("DOMAIN_MIN", "0 0 0"), 3), _numbers(told.get("DOMAIN_MAX", "1 1 1"), 3)
    if "LUT_3D_INPUT_RANGE" in told:
        least, most = ((end,) * 3 for end in _numbers(told["LUT_3D_INPUT_RANGE"], 2))
    if not all(low + 1e-3 <= high for low, high in zip(least, most, strict=True)):
        raise CubeError(f"a domain from {least} to {most}", "a maximum above the minimum", _RESAVE)
    return least, most


def _numbers(row: str, count: int) -> tuple[float, ...]:
    words = row.split()
    if len(words) != count or not all(_NUMBER.fullmatch(word) for word in words):
        raise CubeError(f"the row {row[:60]!a}", f"{count} numbers", _RESAVE)
    numbers = tuple(float(word) for word in words)
    if not all(abs(number) < 1e6 for number in numbers):
        raise CubeError(f"the row {row[:60]!a}", "numbers of about 0 to 1", _RESAVE)
    return numbers
