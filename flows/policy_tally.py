"""What the policy says to a whole plan: how many it allows, and for which reasons it refuses the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flows.planner import Page
from governance.items import NewItem


@dataclass(slots=True)
class PolicyTally:
    """Counts only, with one example for each reason, so that a million assets fit."""

    allowed: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def count(self, item: NewItem) -> None:
        if not item.reasons:
            self.allowed += 1
            return
        self.refused += 1
        for reason in item.reasons:
            self.reasons[reason.code] += 1
            self.examples.setdefault(reason.code, f"{item.ref.key}: {reason.text}")

    def as_dict(self) -> dict[str, Any]:
        return {"allowed": self.allowed, "refused": self.refused, "reasons": dict(self.reasons)}


def tallied(pages: Iterable[Page]) -> PolicyTally:
    tally = PolicyTally()
    for page in pages:
        for item in page.items:
            tally.count(item)
    return tally
