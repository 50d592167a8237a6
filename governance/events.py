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
    ITEM_PUBLISH_HELD = "item:publish:held"
    """It stays approved: a time stamp or the key service that its signature needs could not be had."""
    RUN_STARTED = "run:started"
    RUN_FINISHED = "run:finished"
    RUN_FAILED = "run:failed"
    RUN_INTERRUPTED = "run:interrupted"
    STYLE_REGISTERED = "style:registered"
    STYLE_APPROVED = "style:approved"
    STYLE_RETIRED = "style:retired"
    STYLE_REVOKED = "style:revoked"
    STYLE_EVALUATED = "style:evaluated"
    STYLE_ROLLED_BACK = "style:rolled-back"
    STYLE_DIGEST_MISMATCH = "style:digest-mismatch"
    STYLE_ALIAS_MOVED = "style:alias-moved"
    """Somebody moved the label in MLflow by hand; what is approved did not change."""
    LICENCE_RECORDED = "licence:recorded"
    LICENCE_WITHDRAWN = "licence:withdrawn"
    PERSON_ADDED = "person:added"
    PERSON_LEFT = "person:left"
    ROLE_GRANTED = "role:granted"
    ROLE_WITHDRAWN = "role:withdrawn"
    ACCESS_REFUSED = "access:refused"
    BREAK_GLASS = "access:break-glass"
    """A rule of four eyes was set aside in an emergency: by whom, why, and until when."""
    POLICY_CHANGED = "policy:changed"
    RECALL_ORDERED = "recall:ordered"
    RECALL_ENDED = "recall:ended"
    RECALL_LIFTED = "recall:lifted"
    OUTPUT_WITHDRAWN = "output:withdrawn"
    OUTPUT_CHECKED = "output:checked"
    """A look at a published file found another state than the look before: changed, missing, or well again."""
    HOLD_PLACED = "hold:placed"
    HOLD_RELEASED = "hold:released"
    CERTIFICATE_USED = "certificate:first-used"
    CERTIFICATE_REVOKED = "certificate:revoked"
    AUDIT_EXPORTED = "audit:exported"
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
POLICY_SUBJECT = "policy"


def item_subject(item_id: Digest) -> str:
    return f"item:{item_id}"


def run_subject(run_id: str) -> str:
    return f"run:{run_id}"


def style_subject(style: StyleRef) -> str:
    return f"style:{style.name}/{style.version}"


def licence_subject(licence_id: str) -> str:
    return f"licence:{licence_id}"


def person_subject(name: str) -> str:
    return f"person:{name}"


def recall_subject(recall_id: str) -> str:
    return f"recall:{recall_id}"


def hold_subject(hold_id: str) -> str:
    return f"hold:{hold_id}"


def certificate_subject(fingerprint: str) -> str:
    return f"certificate:{fingerprint}"


def question_subject(name: str) -> str:
    return f"question:{name}"
