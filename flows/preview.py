"""What a campaign would do, without doing it: the planner's answers held against what the records know already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flows.campaign import Campaign
from flows.planner import Page, Planner
from flows.wiring import ApprovedStyle, Services, planner
from governance import items
from governance.items import ItemState, NewItem
from stylecore.data import Digest, Reason, Zone

_KNOWN = {
    ItemState.PUBLISHED: "published already",
    ItemState.APPROVED: "to publish",
    ItemState.IN_REVIEW: "in review already",
    ItemState.REJECTED: "rejected already",
    ItemState.QUARANTINED: "quarantined already",
}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of one asset. ``item_id`` is None for what cannot even be read.

    ``zones``: those of the asset that the recipe uses.
    """

    key: str
    outcome: str
    reasons: tuple[Reason, ...]
    item_id: Digest | None
    zones: tuple[Zone, ...] = ()


def preview(services: Services, campaign: Campaign, style: ApprovedStyle) -> Iterator[Foreseen]:
    """Asset by asset, in the order of the source. Digests that were read are remembered; nothing else is written."""
    planning: Planner = planner(services, campaign, style)
    for page in planning.pages():
        yield from _of_page(services, page)


def _of_page(services: Services, page: Page) -> Iterator[Foreseen]:
    known = {item.item_id: item for item in items.get_many(services.records, [each.item_id for each in page.items])}
    for each in page.items:
        found = known.get(each.item_id)
        told = _outcome(each, None if found is None else found.state)
        reasons = each.reasons if found is None or each.reasons else found.reasons
        yield Foreseen(each.ref.key, told, reasons, each.item_id, each.recipe.zones)
    for unread in page.unreadable:
        yield Foreseen(unread.ref.key, "cannot be read", (unread.reason,), None)


def _outcome(item: NewItem, known: ItemState | None) -> str:
    if known in _KNOWN:
        return _KNOWN[known]
    if item.state is ItemState.REFUSED:
        return "refuse"
    return "restyle"
