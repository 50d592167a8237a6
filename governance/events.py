"""What can happen, as the ledger says it: a closed vocabulary, read from the general to the particular."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from stylecore.data import Digest, StyleRef


class EventKind(StrEnum):
    ITEM_PLANNED = "item:planned"
    ITEM_REFUSED = "item:refused"
    ITEM_PERMITTED = "item:permitted"
    """A refusal was lifted: the item is planned after all."""
    ITEM_REPLANNED = "item:replanned"
    """Still planned, but the store's version, the asset's class or the asking campaign is another than before."""
    ITEM_REQUEUED = "item:requeued"
    ITEM_QUARANTINED = "item:quarantined"
    ITEM_APPROVED = "item:approved"
    ITEM_REJECTED = "item:rejected"
    ITEM_REVIEW_HELD = "item:review:held"
    ITEM_REVIEW_ENDORSED = "item:review:endorsed"
    """The first of two people said yes; the item waits for the second."""
    ITEM_REVIEW_APPROVED = "item:review:approved"
    ITEM_REVIEW_REJECTED = "item:review:rejected"
    ITEM_SIGNED = "item:signed"
    ITEM_PUBLISHED = "item:published"
    ITEM_PUBLISH_REFUSED = "item:publish:refused"
    RUN_STARTED = "run:started"
    RUN_FINISHED = "run:finished"
    RUN_FAILED = "run:failed"
    RUN_INTERRUPTED = "run:interrupted"
    STYLE_REGISTERED = "style:registered"
    STYLE_APPROVED = "style:approved"
    STYLE_RETIRED = "style:retired"
    STYLE_REVOKED = "style:revoked"
    STYLE_DIGEST_MISMATCH = "style:digest-mismatch"
    POLICY_CHANGED = "policy:changed"
    DATASET_RESTYLED = "dataset:restyled"
    LEDGER_CHECKPOINTED = "ledger:checkpointed"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that is happening: who did what to what. The ledger adds number, time and chain."""

    kind: EventKind
    actor: str
    subject: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as the ledger keeps it. ``kind`` is text: a newer restyle may know more kinds."""

    seq: int
    at: datetime
    kind: str
    actor: str
    subject: str
    body: Mapping[str, Any]
    prev_hash: Digest
    hash: Digest


LEDGER_SUBJECT = "ledger"


def item_subject(item_id: Digest) -> str:
    return f"item:{item_id}"


def run_subject(run_id: str) -> str:
    return f"run:{run_id}"


def style_subject(style: StyleRef) -> str:
    return f"style:{style.name}/{style.version}"
