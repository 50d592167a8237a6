"""Where faces are in a picture: a cascade over local binary patterns (Liao et al., 2007), as scikit-image ships it.

It finds faces that look at the camera, upright, from some five percent of the longer edge on. It misses profiles, and
faces that are turned or hidden; and it takes the odd pattern for a face. Where none may be missed, people draw zones.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

Box = tuple[float, float, float, float]
Window = tuple[int, int, int]
"""left, top, edge"""

_LEAST_EDGE_PX: Final = 24
_GROWTH: Final = 1.15
_LEAST_WINDOWS: Final = 7
"""So many windows must agree. The cascade alone says yes to a tenth of a percent of all windows of any texture."""
_OVERLAP: Final = 0.35

_lock = Lock()
_made: list[Any] = []


def face_boxes(grey: npt.NDArray[np.uint8]) -> list[Box]:
    """Left, top, right and bottom of each head, in pixels of this picture. The same for the same picture."""
    if min(grey.shape) <= _LEAST_EDGE_PX:
        return []
    edges = min(grey.shape)
    # One by one, since the cascade merges windows in the order in which its threads find them.
    found = _cascade().detect_multi_scale(
        img=np.ascontiguousarray(grey),
        scale_factor=_GROWTH,
        step_ratio=1,
        min_size=(_LEAST_EDGE_PX, _LEAST_EDGE_PX),
        max_size=(edges, edges),
        min_neighbor_number=1,
        intersection_score_threshold=2.0,
    )
    windows = sorted((int(each["c"]), int(each["r"]), int(each["width"])) for each in found)
    return [_head(group) for group in _agreeing(windows) if len(group) >= _LEAST_WINDOWS]


def _cascade() -> Any:
    """Read once; it keeps nothing of a picture, so threads share it."""
    with _lock:
        if not _made:
            _made.append(Cascade(lbp_frontal_face_cascade_filename()))  # type: ignore[no-untyped-call]
    return _made[0]


def _agreeing(windows: Iterable[Window]) -> list[list[Window]]:
    """Windows by what they overlap with: each joins every group that has one like it, and so unites them."""
    groups: list[list[Window]] = []
    for window in windows:
        mine = [group for group in groups if any(_overlap(window, other) > _OVERLAP for other in group)]
        groups = [group for group in groups if group not in mine]
        groups.append([*(other for group in mine for other in group), window])
    return groups


def _overlap(first: Window, second: Window) -> float:
    """Intersection over union of two squares."""
    across = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    down = min(first[1] + first[2], second[1] + second[2]) - max(first[1], second[1])
    shared = max(0, across) * max(0, down)
    return shared / (first[2] ** 2 + second[2] ** 2 - shared)


def _head(group: list[Window]) -> Box:
    """The cascade frames brows to mouth; a head has hair above, a chin below and ears beside."""
    left, top, edge = (float(value) for value in np.mean(group, axis=0))
    return left - 0.25 * edge, top - 0.45 * edge, left + 1.25 * edge, top + 1.3 * edge
