"""Put lpips-lite on trial: does it rank pairs that it has never seen as its teacher does?

    python -m stylecore.training.lpips_lite_trial --photos DIR --only NAME... --weights DIR --packages DIR... \\
        --checkpoints FILE... --student FILE

Its photographs were kept from the training, and so were a set of changes and, as ``--checkpoints``, the styles of
others (fast-neural-style networks as safetensors). LPIPS on AlexNet, which taught nobody, is the second judge.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from stylecore.errors import WeightsError
from stylecore.metrics.lpips import Lpips
from stylecore.metrics.lpips_lite import LpipsLite
from stylecore.styles.base import PLAIN, StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.training.lpips_lite_changes import CHANGES, UNSEEN, Change, Pixels
from stylecore.training.lpips_lite_pairs import as_batch, models_of, photos_in, rendered
from stylecore.weights import WeightsFolder, load_safetensors

SIZES_PX = (256, 512)
RESTYLED_AT_PX = 512
_CHANGED, _UNSEEN, _RESTYLED, _OTHERS = "changes trained on", "changes never seen", "our styles", "styles never seen"
_AMOUNTS = {_CHANGED: (0.25, 0.7), _UNSEEN: (0.15, 0.45, 0.85)}
_STRENGTHS = (0.35, 0.7, 1.0)
_MEASURES = ("student", "teacher", "judge")


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A photograph and what became of it, under the name of what was done."""

    sort: str
    kind: str
    before: Pixels = field(repr=False)
    after: Pixels = field(repr=False)


def trial_pairs(
    photos: Sequence[Image.Image], ours: Sequence[StyleModel], others: Sequence[StyleModel], edge_px: int
) -> Iterator[Pair]:
    """Every change in several amounts and every style in several strengths, on every photograph."""
    for number, photo in enumerate(photos):
        large = _fitted(photo, RESTYLED_AT_PX)
        small = _shrunk(large, edge_px)
        for sort, changes in ((_CHANGED, CHANGES), (_UNSEEN, UNSEEN)):
            yield from _changed(sort, changes, small, number)
        for sort, models in ((_RESTYLED, ours), (_OTHERS, others)):
            for model in models:
                # Restyled at the larger size: so are the pictures that are shrunk to be scored.
                rendition = _shrunk(rendered(model, large, PLAIN), edge_px)
                for strength in _STRENGTHS:
                    after = np.rint(small + strength * (rendition.astype(np.float32) - small)).astype(np.uint8)
                    yield Pair(sort, model.name, small, after)


def _changed(sort: str, changes: Mapping[str, Change], photo: Pixels, number: int) -> Iterator[Pair]:
    for index, (name, change) in enumerate(changes.items()):
        random = np.random.default_rng([number, index, len(sort)])
        for amount in _AMOUNTS[sort]:
            yield Pair(sort, name, photo, change(photo, amount * float(random.uniform(0.7, 1.15)), random))


def _fitted(photo: Image.Image, edge_px: int) -> Pixels:
    fitted = photo.copy()
    fitted.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    return np.asarray(fitted.convert("RGB"))


def _shrunk(pixels: Pixels, edge_px: int) -> Pixels:
    return _fitted(Image.fromarray(pixels), edge_px)


@dataclass(frozen=True, slots=True)
class Finding:
    """One pair as each measure sees it."""

    sort: str
    kind: str
    distances: Mapping[str, float]


Measure = Callable[[Tensor, Tensor], float]


def found(pairs: Iterator[Pair], measures: Mapping[str, Measure]) -> Iterator[Finding]:
    for pair in pairs:
        before, after = as_batch([pair.before]), as_batch([pair.after])
        yield Finding(pair.sort, pair.kind, {name: measure(before, after) for name, measure in measures.items()})


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """The correlation of the ranks; equal values share the mean of their ranks."""
    return float(np.corrcoef(_ranks(np.array(one)), _ranks(np.array(other)))[0, 1])


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = count.cumsum()
    return np.asarray((last - (count - 1) / 2)[place])


def table(findings: Sequence[Finding]) -> Iterator[str]:
    """Spearman's correlations as Markdown rows: of all pairs, of each sort, of each kind."""
    yield "| pairs | number | with the teacher | with the judge | teacher with the judge |"
    yield "|---|---|---|---|---|"
    yield _row("all", findings)
    yield _row("all restyled", [each for each in findings if each.sort in (_RESTYLED, _OTHERS)])
    for sort in dict.fromkeys(each.sort for each in findings):
        yield _row(sort, [each for each in findings if each.sort == sort])
    for sort, kind in dict.fromkeys((each.sort, each.kind) for each in findings):
        yield _row(f"{sort}: {kind}", [each for each in findings if (each.sort, each.kind) == (sort, kind)])


def _row(name: str, findings: Sequence[Finding]) -> str:
    student, teacher, judge = ([each.distances[measure] for each in findings] for measure in _MEASURES)
    agreement = (spearman(student, teacher), spearman(student, judge), spearman(teacher, judge))
    return f"| {name} | {len(findings)} | " + " | ".join(f"{value:.3f}" for value in agreement) + " |"


def trial_photos() -> list[Image.Image]:
    """Free photographs that come with scikit-image; nothing was trained on them."""
    shown = [getattr(data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket")]
    shown.append(data.stereo_motorcycle()[0])  # type: ignore[no-untyped-call]
    return [Image.fromarray(each) for each in shown]


def transform_network(checkpoint: Path) -> StyleModel:
    """A fast-neural-style network from the weights alone."""
    source = StyleSource(0, checkpoint.stem, np.zeros((64, 64, 3), dtype=np.uint8))
    return build("feed-forward", {"channels": 32, "blocks": 5}, load_safetensors(checkpoint, None), [source])[0]


def measures_of(weights: Path, student: Path | None) -> dict[str, Measure]:
    folder = WeightsFolder(weights)
    teacher, judge = Lpips.load(folder, ("squeeze",)), Lpips.load(folder, ("alex",))
    if teacher is None or judge is None:
        raise WeightsError(f"no LPIPS weights in {weights}", "those for squeeze and for alex", "restyle weights pull")
    lite = LpipsLite.of(load_safetensors(student, None)) if student else LpipsLite.bundled()
    return dict(zip(_MEASURES, (lite.distance, teacher.distance, judge.distance), strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    measures = measures_of(asked.weights, asked.student)
    kept = [Image.open(path).convert("RGB") for path in photos_in(asked.photos) if path.stem in asked.only]
    photos = [*trial_photos(), *kept]
    ours = [model for package in asked.packages for model in models_of(package, WeightsFolder(asked.weights))]
    others = [transform_network(checkpoint) for checkpoint in asked.checkpoints]
    for edge_px in asked.sizes:
        pairs = islice(trial_pairs(photos, ours, others, edge_px), 0, None, asked.every)
        findings = list(found(pairs, measures))
        sys.stdout.write(f"\n{edge_px} px\n\n" + "\n".join(table(findings)) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    program = "python -m stylecore.training.lpips_lite_trial"
    parser = argparse.ArgumentParser(prog=program, description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="the folder of photographs, some kept from training")
    parser.add_argument("--only", nargs="*", default=[], help="names of those that were kept")
    parser.add_argument("--weights", type=Path, required=True, help="where the teacher's and the judge's weights lie")
    parser.add_argument("--packages", type=Path, nargs="*", default=[], help="style packages that were trained with")
    parser.add_argument("--checkpoints", type=Path, nargs="*", default=[], help="networks never trained with")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES_PX, help="the longer edge in pixels")
    parser.add_argument("--every", type=int, default=1, help="judge every Nth pair only, to save time")
    parser.add_argument("--student", type=Path, help="the weights on trial; the bundled ones by default")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
