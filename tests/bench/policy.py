"""Policy: 100,000 questions of a mixed library, reasons included."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from governance.policy import Permit, Policy, Purpose, Question, StyleTerms
from stylecore.data import AssetFacts, Digest, StyleRef

QUESTIONS = 100_000
_TODAY = date(2026, 6, 1)


def measured(_: Path) -> Iterator[str]:
    draw = random.Random(1)
    questions = [_question(draw) for _ in range(QUESTIONS)]
    policy = Policy.shipped()
    started = time.perf_counter()
    answers = policy.check_many(questions)
    took_s = time.perf_counter() - started
    permitted = sum(isinstance(answer, Permit) for answer in answers)
    yield f"{QUESTIONS:,} decisions in {took_s:.1f} s ({QUESTIONS / took_s:,.0f} a second), {permitted:,} permitted"


def _question(draw: random.Random) -> Question:
    facts = AssetFacts(
        asset_class=draw.choice(["product", "person", "landscape"]),
        licence=f"licence-{draw.randrange(40)}",
        derivatives_allowed=draw.choice([True, True, True, False, None]),
        rights_until=_TODAY + timedelta(days=draw.randrange(-200, 800)),
        shows_person=draw.choice([True, False, False]),
        consent=draw.choice([None, f"release-{draw.randrange(9_999)}"]),
    )
    style = StyleRef(draw.choice(["risograph", "ink"]), 1, Digest("0" * 64))
    sets = frozenset({"*"}), frozenset({"web"}), frozenset({"*"})
    terms = StyleTerms(style, True, "house", None, *sets)
    return Question(facts, terms, Purpose("bench", draw.choice(["web", "print"]), "DE"), _TODAY)
