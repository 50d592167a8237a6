"""Files of other grading programs: read exactly, written exactly, and refused when they are anything else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stylecore.cube_files import MAX_BYTES, Cube, CubeError, cube_of, lattice_of, read_cube, write_cube
from stylecore.data import RestyleError
from stylecore.lattice import looked_up, neutral

CORNERS = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"
SOUND = f"LUT_3D_SIZE 2\n{CORNERS}"


def cubes() -> st.SearchStrategy[Cube]:
    def drawn(size: int) -> st.SearchStrategy[Cube]:
        numbers = st.floats(-1, 2, width=32, allow_subnormal=False)
        return st.builds(
            Cube,
            st.just(size),
            arrays.arrays(np.float32, (size**3, 3), elements=numbers),
            st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"#'), max_size=20).map(
                str.strip
            ),
        )

    return st.sampled_from([2, 3, 5]).flatmap(drawn)


@settings(deadline=None)
@given(cubes())
def test_what_is_written_is_read_again(cube: Cube) -> None:
    again = read_cube(write_cube(cube))

    assert (again.size, again.title, again.domain) == (cube.size, cube.title, cube.domain)
    assert again.colours == pytest.approx(cube.colours, abs=1e-6)


def test_a_file_as_other_programs_write_it_is_read() -> None:
    told = f'\ufeff# made by hand © \r\nTITLE "Dusk, warm"\r\nLUT_3D_SIZE 2\r\n\r\nDOMAIN_MIN 0.0 0.0 0.0\r\n{CORNERS}'

    cube = read_cube(told.encode())

    assert (cube.title, cube.size) == ("Dusk, warm", 2)
    assert np.array_equal(cube.colours, neutral(2).numpy())


def test_red_changes_fastest() -> None:
    lattice = lattice_of(read_cube(SOUND.encode()))

    assert lattice[:, 0, 0, 1].tolist() == [1, 0, 0]
    assert lattice[:, 1, 0, 0].tolist() == [0, 0, 1]


def test_a_lattice_becomes_a_file_and_the_same_lattice_again() -> None:
    lattice = torch.rand(3, 4, 4, 4)

    assert torch.allclose(lattice_of(read_cube(write_cube(cube_of(lattice, "x")))), lattice, atol=1e-6)


def test_a_lattice_over_another_domain_means_the_same_colours() -> None:
    """A straight ramp over 0 to 2, and over -1 to 1 by its other keyword: both leave 0..1 as it is, or halve it."""
    doubled = SOUND.replace("2\n0", "2\nDOMAIN_MAX 2 2 2\n0", 1)
    shifted = SOUND.replace("2\n0", "2\nLUT_3D_INPUT_RANGE -1.0 1.0\n0", 1)
    colours = torch.rand(3, 9)

    halved, moved = (lattice_of(read_cube(each.encode())).flatten(1).T.contiguous() for each in (doubled, shifted))

    assert torch.allclose(looked_up(halved, 2, colours), colours.T / 2, atol=1e-6)
    assert torch.allclose(looked_up(moved, 2, colours), colours.T / 2 + 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "LUT_3D_SIZE"), (CORNERS, "LUT_3D_SIZE"), (f"LUT_3D_SIZE 3\n{CORNERS}", "8 colours; expected 3³ = 27"),
        (f"LUT_3D_SIZE 1\n{CORNERS}", "from 2 to 65"), (f"LUT_3D_SIZE 999999999\n{CORNERS}", "from 2 to 65"),
        (f"LUT_3D_SIZE -2\n{CORNERS}", "from 2 to 65"), (f"LUT_3D_SIZE ٢\n{CORNERS}", "from 2 to 65"),
        (f"LUT_1D_SIZE 2\n{SOUND}", "1D"), (SOUND.replace("1 1 1", "1 1"), "3 numbers"),
        (SOUND.replace("1 1 1", "1 1 1 1"), "3 numbers"), (SOUND.replace("1 1 1", "1 1 nan"), "3 numbers"),
        (SOUND.replace("1 1 1", "1 1 inf"), "3 numbers"), (SOUND.replace("1 1 1", "1 1 1_0"), "3 numbers"),
        (SOUND.replace("1 1 1", "1 1 ٣"), "3 numbers"), (SOUND.replace("1 1 1", "1 1 1e300"), "about 0 to 1"),
        (SOUND.replace("1 1 1", "1 1 1e999"), "about 0 to 1"), (SOUND.replace("1 1 1", "1 1 9"), "about 0 to 1"),
        (SOUND + "DOMAIN_MIN 0 0 0\n", "9 colours"), (f"LUT_3D_SIZE 2\n{SOUND}", "twice"),
        (f"IMPORT os\n{SOUND}", "keyword"), (f"DOMAIN_MIN 1 1 1\n{SOUND}", "domain"),
        (f"DOMAIN_MIN 0 0\n{SOUND}", "3 numbers"), (f'TITLE "\x1b[31m"\n{SOUND}', "title"),
        (f'TITLE "{"x" * 300}"\n{SOUND}', "title"), ("# " + "x" * 2000 + "\n" + SOUND, "long line"),
        ("\n" * 700_000, "many lines"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_sound_lattice_is_refused_with_the_reason(content: str, said: str) -> None:
    with pytest.raises(CubeError, match=said) as caught:
        read_cube(content.encode())
    assert str(caught.value).isprintable()
    assert caught.value.kind == "integrity"


def test_a_file_over_its_limit_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(CubeError, match="at most"):
        read_cube(bytes(MAX_BYTES + 1))


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: (text + SOUND).encode("utf-8", "replace")))
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    assert reads_or_refuses_in_printable_words(content)


def reads_or_refuses_in_printable_words(content: bytes) -> bool:
    try:
        read_cube(content)
    except RestyleError as refused:
        return str(refused).isprintable()
    return True
