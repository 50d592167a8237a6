"""How pictures come out of a decoder's process: one line of JSON that says what lies where in a shared file.

The other side may be a decoder that a hostile file has taken over. So nothing that it says is run or trusted: there is
no pickle, and every size is checked before it is believed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from stylecore.image_problems import ImageProblem, Limits, ProblemCode
from stylecore.picture import Motion, OwnColours, Picture

MAX_LINE_BYTES = 1_000_000
_KINDS = ("|u1", "<u2", "<f4")
_MAX_NOTES, _MAX_TEXT_CHARS = 20, 2_000

_Array = npt.NDArray[Any]


class WireError(Exception):
    """The other side said something that no decoder of ours says."""


def put(picture: Picture, file: int) -> dict[str, Any]:
    """Write its arrays into the shared file. Returns what to say of them."""
    own = picture.own
    blobs = {"exif": picture.exif, "xmp": picture.xmp, "iptc": picture.iptc, "profile": own.profile if own else None}
    arrays: dict[str, _Array | None] = {"pixels": picture.pixels, "alpha": picture.alpha}
    if own is not None:
        arrays |= {"samples": own.samples, "cover": own.alpha, "wide": own.wide}
    if picture.motion is not None:
        arrays |= _joined(picture.motion)
    arrays |= {name: np.frombuffer(blob, np.uint8) for name, blob in blobs.items() if blob}
    told, at = {}, 0
    for name, array in arrays.items():
        if array is not None:
            flat = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            told[name] = {"kind": flat.dtype.str, "shape": flat.shape, "at": at}
            at += write_all(file, flat.reshape(-1).view(np.uint8).data, at)
    answer: dict[str, Any] = {"format": picture.format, "notes": picture.notes, "arrays": told}
    if picture.motion is not None:
        answer |= {"durations_ms": picture.motion.durations_ms, "loops": picture.motion.loops}
    return answer


def _joined(motion: Motion) -> dict[str, _Array | None]:
    """All later frames as one tall picture."""
    covers = [frame.alpha for frame in motion.frames if frame.alpha is not None]
    pixels = np.concatenate([frame.pixels for frame in motion.frames])
    return {"later": pixels, "later_alpha": np.concatenate(covers) if covers else None}


def take(line: bytes, file: int, limits: Limits) -> Picture:
    """The picture that was put there, or the problem that was found."""
    try:
        told = json.loads(line)
        if "problem" in told:
            raise _problem(told["problem"])
        arrays = _Arrays(told["arrays"], file, limits)
        pixels = arrays.take("pixels", "|u1")
        if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise WireError("no pixels")
        alpha = arrays.take("alpha", "|u1", pixels.shape[:2])
        notes = tuple(str(note)[:_MAX_TEXT_CHARS] for note in told["notes"][:_MAX_NOTES])
        blobs = {name: arrays.blob(name) for name in ("exif", "xmp", "iptc")}
        own, motion = _own(arrays, pixels), _motion(told, arrays, pixels, alpha)
        return Picture(pixels, alpha, str(told["format"])[:20], notes=notes, own=own, motion=motion, **blobs)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WireError(type(error).__name__) from error


def _problem(told: Mapping[str, Any]) -> ImageProblem:
    texts = (str(told[part])[:_MAX_TEXT_CHARS] for part in ("got", "expected", "next_step"))
    return ImageProblem(ProblemCode(told["code"]), *texts)


def _own(arrays: _Arrays, pixels: _Array) -> OwnColours | None:
    height, width, _ = pixels.shape
    wide = arrays.take("wide", "<f4", pixels.shape)
    profile = arrays.blob("profile")
    if wide is None or profile is None:
        return None
    samples = arrays.take("samples", None, (height, width, 3), (height, width, 4))
    if samples is None:
        raise WireError("no samples")
    return OwnColours(samples, arrays.take("cover", samples.dtype.str, (height, width)), profile, wide)


def _motion(told: Mapping[str, Any], arrays: _Arrays, pixels: _Array, alpha: _Array | None) -> Motion | None:
    if "durations_ms" not in told:
        return None
    durations = tuple(int(each) for each in told["durations_ms"][: arrays.limits.max_frames])
    height, width, _ = pixels.shape
    later = arrays.take("later", "|u1", ((len(durations) - 1) * height, width, 3))
    covers = arrays.take("later_alpha", "|u1", ((len(durations) - 1) * height, width))
    if later is None or (covers is None) != (alpha is None):
        raise WireError("frames")
    tops = range(0, len(later), height)
    frames = tuple(
        Picture(later[top : top + height], None if covers is None else covers[top : top + height]) for top in tops
    )
    return Motion(frames, durations, int(told["loops"]))


@dataclass(frozen=True, slots=True)
class _Arrays:
    told: Mapping[str, Any]
    file: int
    limits: Limits

    def take(self, name: str, kind: str | None, *shapes: tuple[int, ...]) -> _Array | None:
        if name not in self.told:
            return None
        said = self.told[name]
        shape, at = tuple(int(edge) for edge in said["shape"]), int(said["at"])
        if said["kind"] not in ((kind,) if kind else _KINDS) or at < 0 or min(shape, default=0) < 1:
            raise WireError(name)
        if (shapes and shape not in shapes) or len(shape) > 3 or prod(shape) > 4 * self.limits.max_pixels:
            raise WireError(name)
        array = np.empty(shape, np.dtype(said["kind"]))
        read_all(self.file, array.reshape(-1).view(np.uint8).data, at)
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def blob(self, name: str) -> bytes | None:
        array = self.take(name, "|u1")
        return None if array is None else array.tobytes()


def write_all(file: int, content: memoryview, at: int) -> int:
    done = 0
    while done < len(content):
        done += os.pwrite(file, content[done:], at + done)
    return done


def read_all(file: int, into: memoryview, at: int) -> None:
    done = 0
    while done < len(into):
        got = os.preadv(file, [into[done:]], at + done)
        if got == 0:
            raise WireError("an array that ends outside of the shared file")
        done += got
