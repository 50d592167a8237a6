"""Style reached and content kept, on the same photographs and styles: `make bench-quality`.

Two anchors (the unchanged photograph, the style picture itself), our optimiser as the reference, every bundled style,
and the networks of others. The photographs come with scikit-image: no style of ours was trained on them.
Weights of feature networks and paintings are taken from folders beside the project where there are any; what is missing
is said, and its columns stay empty.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image
from skimage import data as samples

from stylecore.data import Recipe
from stylecore.engine import Engine
from stylecore.image import Picture
from stylecore.stylize import stylize
from stylecore.weights import WeightsFolder
from tests.bench.__main__ import machine
from tests.bench.quality_contestants import OPTIMISATION, Contestant, Match, matches, peers
from tests.bench.quality_judges import CONTENTS, GAINS, Bench
from tests.bench.quality_sheets import write_sheet

SHARED = Path(__file__).parents[3] / "shared"
COPY, STYLE_PICTURE, PIECE = "unchanged copy", "the style picture", "its middle"
"""The anchors 0 and 1, and what a piece of the style picture as small as the photographs reaches: less than 1."""
CONTENT_ONLY = "(theirs: content only)"
GAIN_GOAL = 0.9
LPIPS_SLACK = 0.005
"""What counts as no worse: less than this is the noise of a few photographs."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant after one style, averaged over the photographs. ``None`` is a judge that is not here."""

    style: str
    name: str
    family: str
    scores: Mapping[str, float | None]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """One contestant's pictures of all photographs."""

    contestant: Contestant | None
    name: str
    pictures: Sequence[Picture] = field(repr=False)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: the quick one takes some minutes on a core, the full one an hour or more."""

    edge_px: int
    photos: int
    styles: int


QUICK = Size(edge_px=320, photos=2, styles=10)
FULL = Size(edge_px=512, photos=5, styles=1000)


def photographs(size: Size) -> list[Picture]:
    """A cup, a person, a cat, a rocket, a workshop."""
    motorcycle, *_ = samples.stereo_motorcycle()
    named = (samples.coffee(), samples.astronaut(), samples.chelsea(), samples.rocket(), motorcycle)
    return [_fitted(Image.fromarray(each), size.edge_px) for each in named[: size.photos]]


def _fitted(photo: Image.Image, edge_px: int) -> Picture:
    photo.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    return Picture(np.asarray(photo))


def play(match: Match, photos: Sequence[Picture]) -> Iterator[Played]:
    """The anchors, then everybody who paints after this style."""
    yield Played(None, COPY, photos)
    yield Played(None, STYLE_PICTURE, [Picture(match.reference)] * len(photos))
    yield Played(None, PIECE, [_covering(match.reference, photo) for photo in photos])
    for contestant in match.contestants:
        yield painted(contestant, photos)


def painted(contestant: Contestant, photos: Sequence[Picture]) -> Played:
    started = time.perf_counter()
    pictures = [stylize(contestant.model, [photo], _recipe(contestant, photo), Engine())[0] for photo in photos]
    seconds = (time.perf_counter() - started) / len(photos)
    return Played(contestant, contestant.name, pictures, seconds)


def _recipe(contestant: Contestant, photo: Picture) -> Recipe:
    """The optimiser shows itself the style picture as large as the photograph; networks paint its texture at the size
    it was learned at. So that all are compared at one size, the optimiser's stroke makes up for it."""
    if contestant.family != OPTIMISATION:
        return Recipe()
    return Recipe(stroke=max(contestant.model.reference.shape[:2]) / max(photo.width_px, photo.height_px))


def _covering(reference: np.ndarray, photo: Picture) -> Picture:
    """The middle of the style picture, as large as the photograph. Only enlarged where it must be and never shrunk: its
    texture has the size in pixels that everybody is compared with."""
    image = Image.fromarray(reference)
    factor = max(1.0, photo.width_px / image.width, photo.height_px / image.height)
    large = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)
    left, top = (large.width - photo.width_px) // 2, (large.height - photo.height_px) // 2
    return Picture(np.asarray(large.crop((left, top, left + photo.width_px, top + photo.height_px))))


def judged(bench: Bench, match: Match | None, played: Played, photos: Sequence[Picture]) -> Row:
    """Content always; style where there is a style picture to compare with."""
    found = [
        {
            **(bench.gains(before, after, match.reference) if match else {}),
            **(bench.contents(before, after) if played.name != STYLE_PICTURE else {}),
        }
        for before, after in zip(photos, played.pictures, strict=True)
    ]
    scores = {name: _mean([each.get(name) for each in found]) for name in (*GAINS, *CONTENTS)}
    family = played.contestant.family if played.contestant else "anchor"
    return Row(match.style if match else CONTENT_ONLY, played.name, family, scores, played.seconds)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def goals(rows: Sequence[Row]) -> Iterator[str]:
    """Every feed-forward style against the optimiser after the same style picture; then how many came up to it."""
    reached: dict[str, list[bool]] = {}
    by_style = {row.style: row for row in rows if row.family == OPTIMISATION}
    if not by_style:
        yield "goal: not measured, the optimiser is not here to compare with"
    for row in rows:
        best = by_style.get(row.style)
        if best is None or row.family in ("anchor", OPTIMISATION):
            continue
        shares = [_share(row.scores[name], best.scores[name]) for name in GAINS]
        told = ", ".join(f"{name} {share:.0%}" for name, share in zip(GAINS, shares, strict=True) if share is not None)
        worse = _difference(row.scores["lpips squeeze"], best.scores["lpips squeeze"])
        known = [share for share in shares if share is not None]
        met = bool(known) and min(known) >= GAIN_GOAL and worse is not None and worse <= LPIPS_SLACK
        reached.setdefault(row.name, []).append(met)
        kept = "no LPIPS" if worse is None else f"LPIPS {worse:+.3f}"
        yield f"goal {'met' if met else 'MISSED'}: {row.style} by {row.name}: of the optimiser's gain {told}; {kept}"
    for name, all_met in reached.items():
        yield f"goal: met by {sum(all_met)} of {len(all_met)} styles of {name}"


def _share(value: float | None, best: float | None) -> float | None:
    return None if value is None or best is None or best <= 0 else value / best


def _difference(value: float | None, best: float | None) -> float | None:
    return None if value is None or best is None else value - best


def lines(rows: Sequence[Row]) -> Iterator[str]:
    names = (*GAINS, *CONTENTS)
    heads = " ".join(f"{name:>{max(6, len(name))}}" for name in names)
    yield f"{'style':<28} {'by':<22} {heads} {'s':>7}"
    for row in rows:
        cells = " ".join(_cell(row.scores[name], max(6, len(name))) for name in names)
        yield f"{row.style[:28]:<28} {row.name[:22]:<22} {cells} {row.seconds:>7.2f}"


def _cell(value: float | None, width: int) -> str:
    return f"{'—' if value is None else f'{value:.3f}':>{width}}"


def measured(asked: argparse.Namespace) -> Iterator[Row]:
    size = QUICK if asked.quick else FULL
    weights = WeightsFolder(asked.weights) if asked.weights else None
    bench, photos = Bench.open(weights), photographs(size)
    for name in bench.missing:
        print(f"not here, so its column is empty: {name} (--weights FOLDER)", file=sys.stderr)
    known = (match for match in matches(asked.paintings, weights) if not asked.style or match.style in asked.style)
    for match in islice(known, size.styles):
        shown = []
        for played in play(match, photos):
            yield judged(bench, match, played, photos)
            shown.append(played)
        if asked.out:
            columns = {each.name: each.pictures for each in (shown[0], *shown[3:], shown[1])}
            write_sheet(asked.out / f"{match.style}.jpg", columns)
    for peer in peers(asked.weights):
        yield judged(bench, None, painted(peer, photos), photos)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    head = {
        "command": f"python -m tests.bench.quality {' '.join(sys.argv[1:])}".strip(),
        "machine": machine(),
        "versions": ", ".join(f"{name} {version(name)}" for name in ("restyle", "torch", "numpy", "piq")),
    }
    if asked.json:
        rows = list(measured(asked))
        told = {**head, "rows": [asdict(row) for row in rows], "goals": list(goals(rows))}
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return 0
    for name, value in head.items():
        print(f"{name}: {value}")
    print("style columns: the share of the gap to the style that was closed, 0 the copy, 1 the style picture")
    rows = []
    for row in measured(asked):
        rows.append(row)
        print(list(lines([row]))[1] if len(rows) > 1 else "\n".join(lines([row])), flush=True)
    print("\n".join(goals(rows)))
    return 0


def _beside(name: str) -> Path | None:
    return SHARED / name if (SHARED / name).is_dir() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.quality", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few photographs and paintings, small: some minutes instead of an hour"
    )
    parser.add_argument("--style", action="append", metavar="NAME", help="this style alone; may be given again")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--out", type=Path, help="a folder for contact sheets")
    parser.add_argument("--weights", type=Path, default=_beside("weights"), help="feature networks, LPIPS, peers")
    parser.add_argument("--paintings", type=Path, default=_beside("paintings"), help="style pictures")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
