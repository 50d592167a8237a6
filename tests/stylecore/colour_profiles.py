"""Colour profiles for tests, made on the spot: two wide RGB spaces and a press."""

from __future__ import annotations

import struct
from functools import cache
from itertools import product

import imagecodecs
import numpy as np
import numpy.typing as npt
from skimage import color

from stylecore.colour import srgb_profile
from stylecore.colour_spaces import from_lab

_DISPLAY_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


@cache
def display_p3() -> bytes:
    """sRGB's curve between the primaries of Display P3."""
    profile = bytearray(srgb_profile())
    for entry in range(int.from_bytes(profile[128:132], "big")):
        name, at, _ = struct.unpack_from(">4sII", profile, 132 + 12 * entry)
        if name in _DISPLAY_P3:
            struct.pack_into(">3i", profile, at + 8, *(round(part * 65_536) for part in _DISPLAY_P3[name]))
    return bytes(profile)


@cache
def adobe_rgb() -> bytes:
    return bytes(imagecodecs.cms_profile("adobergb"))


@cache
def press() -> bytes:
    """A CMYK profile of tables in both directions: an ideal press that prints as much black as it can."""
    inks = np.array(list(product(np.linspace(0, 1, 9), repeat=4)))
    shown = (1 - inks[:, :3]) * (1 - inks[:, 3:])
    lab = color.rgb2lab(shown) * (655.36, 257, 257) * (255 / 256, 1, 1) + (0, 32_896, 32_896)
    wanted = np.array(list(product(*(np.linspace(*ends, 33) for ends in ((0, 100), (-128, 127), (-128, 127))))))
    rgb = from_lab(wanted.astype(np.float32))
    black = 1 - rgb.max(axis=1, keepdims=True)
    back = np.hstack([(1 - rgb - black) / np.maximum(1 - black, 1e-6), black]) * 65_535
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 6) + b"press\0" + bytes(78),
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63_190, 65_536, 54_061),
        b"A2B0": _table(4, 3, 9, lab),
        b"B2A0": _table(3, 4, 33, back),
    }
    return _profile(tags)


def _table(inputs: int, outputs: int, grid: int, values: npt.NDArray[np.float64]) -> bytes:
    matrix = struct.pack(">9i", *(65_536 if at % 4 == 0 else 0 for at in range(9)))
    straight = struct.pack(">2H", 0, 65_535)
    head = b"mft2" + bytes(4) + bytes([inputs, outputs, grid, 0]) + matrix + struct.pack(">2H", 2, 2)
    body = np.rint(values).clip(0, 65_535).astype(">u2").tobytes()
    return head + straight * inputs + body + straight * outputs


def _profile(tags: dict[bytes, bytes]) -> bytes:
    at, directory, data = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        directory += struct.pack(">4sII", name, at + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    header = struct.pack(">I4sI4s4s4s", at + len(data), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63_190, 65_536, 54_061)
    return header.ljust(128, b"\0") + directory + data
