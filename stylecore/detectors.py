"""Zones found by looking at the pixels, where nobody has drawn any. Each detector works on a small grey copy.

None needs a download, and all are deterministic. What they are worth stands in the module of each: they are a net below
the zones that people draw, and no promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylecore.data import Zone
from stylecore.errors import ControlError
from stylecore.image import Picture, resized

Grey = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Detector:
    """What finds zones of one kind, and the longer edge of the copy that it looks at."""

    find: Callable[[Grey], list[Box]]
    edge_px: int


def detected(kind: str, picture: Picture) -> tuple[Zone, ...]:
    """The zones of that kind that can be seen in the picture."""
    detector = _detector(kind)
    small = resized(picture, detector.edge_px)
    boxes = detector.find(_grey(small))
    return tuple(zone for box in boxes if (zone := _zone(kind, box, small)))


def _detector(kind: str) -> Detector:
    """scikit-image and scipy are only imported by those who look for something."""
    if kind == "face":
        from stylecore.detect_faces import face_boxes

        return Detector(face_boxes, 512)
    if kind == "text":
        from stylecore.detect_text import text_boxes

        return Detector(text_boxes, 1024)
    raise ControlError(f"a detector for {kind!r}", "face or text", "Draw zones of this kind beside the asset.")


def _grey(picture: Picture) -> Grey:
    """Luma, with mid-grey under what nobody can see."""
    grey = np.array(Image.fromarray(picture.pixels).convert("L"))
    return grey if picture.alpha is None else np.where(picture.alpha == 0, np.uint8(128), grey)


def _zone(kind: str, box: Box, picture: Picture) -> Zone | None:
    width, height = picture.width_px, picture.height_px
    left, right = (min(max(edge / width, 0.0), 1.0) for edge in (box[0], box[2]))
    top, bottom = (min(max(edge / height, 0.0), 1.0) for edge in (box[1], box[3]))
    return Zone(kind, box=(left, top, right, bottom)) if left < right and top < bottom else None
