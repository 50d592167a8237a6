"""The whole story of one picture: what it was made from, in which style, by whose word, by which rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from governance import approvals, items, ledger, outputs, review
from governance.approvals import Approval
from governance.db import Database
from governance.errors import UsageError
from governance.events import Event, item_subject
from governance.items import Item
from governance.outputs import Output
from governance.review import Review
from governance.tables.rights import STYLE_SOURCES, StyleSourceRow
from stylecore.data import Digest

_MOST_EVENTS = 200


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a style was made from: whose it is, and under which licence it was used."""

    role: str
    digest: Digest | None
    title: str
    source: str
    licence: str
    holder: str
    consent: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """``output`` is there once it was published; ``approval`` is the style's as it stands now."""

    item: Item
    output: Output | None
    approval: Approval | None
    made_from: tuple[MadeFrom, ...]
    reviews: tuple[Review, ...]
    events: tuple[Event, ...]

    @property
    def people(self) -> dict[str, str]:
        """Who had a part in it, by what they did."""
        said = {
            "asked for it": self.item.asked_by,
            "approved the style": "" if self.approval is None else self.approval.approved_by,
            "reviewed it": ", ".join(dict.fromkeys(each.reviewer for each in self.reviews if each.counts)),
            "published it": "" if self.output is None else self.output.published_by,
        }
        return {did: who for did, who in said.items() if who}

    def as_dict(self) -> dict[str, Any]:
        item, output = self.item, self.output
        return {
            "item": item.item_id,
            "state": item.state if output is None or output.is_live else output.state,
            "asset": {"uri": item.ref.uri, "sha256": item.asset_digest, "class": item.asset_class},
            "style": _style(self),
            "made_from": [asdict(each) for each in self.made_from],
            "recipe": item.recipe.as_dict(),
            "purpose": {"channel": item.channel, "territory": item.territory},
            "policy_sha256": None if output is None else output.policy_digest,
            "people": self.people,
            "run": item.touched_in_run,
            "campaign": item.campaign,
            "rendition_sha256": None if item.rendition is None else item.rendition.digest,
            "statement_sha256": item.statement_digest,
            "output": None if output is None else _output(output),
            "events": [{"event": each.seq, "at": each.at, "kind": each.kind, "by": each.actor} for each in self.events],
        }


def lineage_of(db: Database, item_id: Digest) -> Lineage:
    """Everything the records know of this item, from its asset to where it is now."""
    item = items.get(db, item_id)
    if item is None:
        raise UsageError(f"no item {item_id.short}", "the id of one item")
    style = item.style
    return Lineage(
        item,
        outputs.of_item(db, item_id),
        approvals.find(db, style.name, style.version),
        _made_from(db, style.name, style.package_digest),
        review.reviews_of(db, item_id),
        ledger.page(db, subject=item_subject(item_id), limit=_MOST_EVENTS),
    )


def _made_from(db: Database, style_name: str, package: Digest) -> tuple[MadeFrom, ...]:
    this = (StyleSourceRow.package_digest == package, StyleSourceRow.style_name == style_name)
    columns = [STYLE_SOURCES.c[name] for name in MadeFrom.__slots__]
    with db.read() as connection:
        rows = connection.execute(select(*columns).where(*this).order_by(StyleSourceRow.ordinal)).mappings()
        return tuple(dict.fromkeys(MadeFrom(**row) for row in rows))


def _style(lineage: Lineage) -> Mapping[str, Any]:
    style, approval = lineage.item.style, lineage.approval
    terms = {} if approval is None else {"licence": approval.terms.licence_id, "holder": approval.terms.licence_holder}
    stands = None if approval is None else approval.state
    return {"name": style.name, "version": style.version, "package": style.package_digest, "stands": stands, **terms}


def _output(output: Output) -> Mapping[str, Any]:
    told = ("uri", "output_digest", "published_at", "state", "asset_licence", "style_licence", "certificate", "stamped")
    said: dict[str, Any] = {name: getattr(output, name) for name in told}
    ends: tuple[date | None, ...] = (output.rights_until, output.style_until, output.consent_until)
    known = [end for end in ends if end is not None]
    return {**said, "rights_end": min(known) if known else None, "recall": output.recall_id}
