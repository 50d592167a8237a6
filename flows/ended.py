"""Where one item of a run got to, and why."""

from __future__ import annotations

from dataclasses import dataclass

from stylecore.data import Digest, Reason

FAILED = "failed"
"""Not a state of the records: the item stays where it was, and the next run takes it up again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """``state`` is the item's state in the records, or ``FAILED``."""

    item_id: Digest
    key: str
    state: str
    reasons: tuple[Reason, ...] = ()
