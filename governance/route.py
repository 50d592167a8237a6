"""What happens to a scored rendition: approved, sent to a person, or rejected, always with the reasons.

A refused permit never comes here. Whatever is not known (a score that is absent, a number that is none, bounds that
nobody set) goes to a person: only numbers that were measured and held can approve.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from governance.errors import UsageError
from governance.plain_text import made_plain
from stylecore.data import SCORE_NAMES, Digest, Reason, Scores

Verdict = Literal["approve", "review", "reject"]
_VERDICTS: tuple[Verdict, ...] = ("approve", "review", "reject")
"""From the mildest to the strictest: the strictest that any finding asks for is the verdict."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a score has to be, both ends included, and what becomes of a rendition otherwise."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    otherwise: Literal["review", "reject"] = "review"

    def __post_init__(self) -> None:
        if self.metric not in SCORE_NAMES:
            raise UsageError(f"a bound names the score {self.metric!r}", f"one of {', '.join(SCORE_NAMES)}")
        ends = [end for end in (self.at_least, self.at_most) if end is not None]
        if not ends or not all(map(math.isfinite, ends)) or ends != sorted(ends):
            raise UsageError(
                f"the bound of {self.metric} is at_least={self.at_least}, at_most={self.at_most}",
                "one number or two, the lower as at_least",
            )
        if self.otherwise not in ("review", "reject"):
            raise UsageError(f"the bound of {self.metric} says otherwise={self.otherwise!r}", "review or reject")


@dataclass(frozen=True, slots=True)
class Routing:
    """How a campaign routes: bounds on scores, a share for people to calibrate on, and classes that people must see.

    In the sets of classes ``"*"`` stands for any, and upper and lower case make no difference.
    """

    bounds: tuple[Bound, ...]
    sample_share: float = 0.0
    four_eyes_classes: frozenset[str] = frozenset()
    review_classes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not 0.0 <= self.sample_share <= 1.0:
            raise UsageError(f"the sampling share is {self.sample_share}", "a share from 0 to 1, such as 0.05")


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a rendition goes and why. ``sampled`` says that it was drawn for calibration, whatever its scores."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    approvals_needed: Literal[1, 2]
    sampled: bool


@dataclass(frozen=True, slots=True)
class _Finding:
    """Something that keeps a rendition from being approved."""

    verdict: Verdict
    reason: Reason


def route(item_id: Digest, asset_class: str, scores: Scores, routing: Routing) -> Decision:
    """The strictest verdict that anything asks for; ``approve`` only when nothing asks for another.

    The order of the bounds makes no difference, neither to the verdict nor to the order of the reasons.
    """
    sampled = is_sampled(item_id, routing.sample_share)
    four_eyes = _covers(routing.four_eyes_classes, asset_class)
    findings = [*_of_scores(scores, routing.bounds), *_of_class(asset_class, routing)]
    if sampled:
        text = f"drawn for calibration, as {routing.sample_share:.3g} of all are"
        findings.append(_Finding("review", Reason("calibration_sample", text)))
    verdict: Verdict = max((finding.verdict for finding in findings), key=_VERDICTS.index, default="approve")
    return Decision(verdict, _reasons(findings, verdict), 2 if four_eyes else 1, sampled)


def is_sampled(item_id: Digest, share: float) -> bool:
    """Whether an item is drawn: the same answer every time, on every machine, whatever else is in the batch.

    The sha256 of a label and the item's id is read as a number from 0 to 1; the item is drawn when that is less than
    the share. So a larger share draws the same items and more, and nobody chooses which. The label keeps the draw
    apart from anything else that goes by the digits of an id.
    """
    drawn = hashlib.sha256(b"restyle calibration sample " + item_id.encode()).digest()
    return int.from_bytes(drawn[:8], "big") < share * 2**64


def _of_scores(scores: Scores, bounds: Iterable[Bound]) -> Iterator[_Finding]:
    bounds = tuple(bounds)
    if not bounds:
        yield _Finding("review", Reason("no_bounds", "no bound is set on any score, so a person has to look"))
    for bound in bounds:
        value = scores.value(bound.metric)
        if value is None:
            why = made_plain(scores.absent.get(bound.metric, "nothing says why"), max_chars=200)
            yield _Finding("review", Reason("score_absent", f"{bound.metric} is absent: {why}"))
        elif math.isnan(value):
            yield _Finding(bound.otherwise, Reason("score_not_a_number", f"{bound.metric} is not a number"))
        else:
            yield from _of_value(value, bound)


def _of_value(value: float, bound: Bound) -> Iterator[_Finding]:
    if bound.at_least is not None and value < bound.at_least:
        text = f"{bound.metric} {_shown(value, bound.at_least)} is below {bound.at_least:g}"
        yield _Finding(bound.otherwise, Reason("score_below_bound", text))
    if bound.at_most is not None and value > bound.at_most:
        text = f"{bound.metric} {_shown(value, bound.at_most)} is above {bound.at_most:g}"
        yield _Finding(bound.otherwise, Reason("score_above_bound", text))


def _shown(value: float, bound: float) -> str:
    """Short, but never so short that it reads like the bound it missed."""
    short = f"{value:.3g}"
    return short if float(short) != bound else repr(value)


def _of_class(asset_class: str, routing: Routing) -> Iterator[_Finding]:
    if _covers(routing.four_eyes_classes, asset_class):
        yield _Finding("review", Reason("four_eyes_class", f"two people have to approve the class {asset_class}"))
    if _covers(routing.review_classes, asset_class):
        yield _Finding("review", Reason("review_class", f"a person has to see every asset of the class {asset_class}"))


def _covers(classes: frozenset[str], asset_class: str) -> bool:
    return "*" in classes or asset_class.lower() in {covered.lower() for covered in classes}


def _reasons(findings: Iterable[_Finding], verdict: Verdict) -> tuple[Reason, ...]:
    """Each reason once, the gravest first. The draw is no reason for a rejection: no person will see that item."""
    gravest_first = sorted(
        findings, key=lambda found: (-_VERDICTS.index(found.verdict), found.reason.code, found.reason.text)
    )
    told = dict.fromkeys(finding.reason for finding in gravest_first)
    return tuple(reason for reason in told if not (verdict == "reject" and reason.code == "calibration_sample"))
