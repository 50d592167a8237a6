"""Zones drawn on a picture for people to check: what was protected, and where another style was used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from stylecore.data import Zone
from stylecore.image import Picture

_DARK, _LIGHT = (20, 20, 20), (255, 212, 0)
"""A light line within a dark one shows on any picture."""


def outlined(picture: Picture, zones: Iterable[Zone]) -> Picture:
    """The picture with the outline of each box and polygon. What a mask covers is not drawn."""
    shapes = [corners for zone in zones if (corners := _corners(zone))]
    if not shapes:
        return picture
    image = Image.fromarray(picture.pixels)
    canvas = ImageDraw.Draw(image)
    for colour, width in ((_DARK, 5), (_LIGHT, 2)):
        for corners in shapes:
            line = [(x * picture.width_px, y * picture.height_px) for x, y in (*corners, corners[0])]
            canvas.line(line, fill=colour, width=width, joint="curve")
    return replace(picture, pixels=np.array(image))


def _corners(zone: Zone) -> tuple[tuple[float, float], ...]:
    if zone.box is None:
        return zone.polygon
    left, top, right, bottom = zone.box
    return (left, top), (right, top), (right, bottom), (left, bottom)
