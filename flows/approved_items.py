"""Items that are approved and not yet published: people said yes since, or a run was interrupted in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from flows.ended import FAILED, Ended
from flows.publishing import Publisher, Ready
from flows.run_records import campaign_of
from flows.stores.errors import StoreError, StoreUnreachable
from flows.wiring import Services, publisher
from governance import items, policy_records, review
from governance.items import Item, ItemState
from governance.outcomes import Published
from governance.provenance.statement import ReviewClaim, Statement, with_review
from governance.review import Review, Verdict
from governance.withholding import Withheld
from stylecore.data import Reason


def publish_approved(
    services: Services, actor: str, campaign: str | None = None, run_id: str | None = None
) -> Iterator[Ended]:
    """Every approved item, one by one: an item that cannot be published does not hold up the next.

    With a run they count as touched by it, and so stand in its report. The policy that is in force now is asked of all.
    """
    policy = services.policy
    policy_records.put_in_force(services.records, policy, actor)

    @lru_cache(maxsize=32)
    def publisher_of(asked_in: str) -> Publisher:
        return publisher(services, campaign_of(services.records, asked_in), actor, run_id, policy)

    for item in items.every(services.records, states=(ItemState.APPROVED,), campaign=campaign):
        yield _published(publisher_of(item.touched_in_run), item)


def _published(publishing: Publisher, item: Item) -> Ended:
    try:
        outcome = publishing.publish(ready_to_publish(publishing, item))
    except StoreUnreachable:
        raise
    except StoreError as problem:
        return Ended(item.item_id, item.ref.key, FAILED, (Reason(type(problem).__name__, str(problem)),))
    if isinstance(outcome, Published):
        return Ended(item.item_id, item.ref.key, ItemState.PUBLISHED, item.reasons)
    if isinstance(outcome, Withheld):
        return Ended(item.item_id, item.ref.key, FAILED, (outcome.reason,))
    return Ended(item.item_id, item.ref.key, ItemState.REFUSED, outcome.reasons)


def ready_to_publish(publishing: Publisher, item: Item) -> Ready:
    """What was rendered earlier, found again by its digests. The source may have changed since; staging has not."""
    if item.rendition is None or item.statement_digest is None:
        raise ValueError(f"item {item.item_id} is approved and has no rendition")
    staging = publishing.staging
    statement = Statement.parse(staging.get(item.statement_digest))
    reviewed = _with_reviews(statement, review.reviews_of(publishing.records, item.item_id))
    kept = staging.has(item.asset_digest)
    asset = staging.get(item.asset_digest) if kept else publishing.source.fetch(item.ref).content
    return Ready(item, asset, staging.get(item.rendition.digest), item.rendition.media_type, reviewed)


def _with_reviews(statement: Statement, reviews: Iterable[Review]) -> Statement:
    """The statement with everyone who said yes: two names where four eyes were asked for.

    One that names a reviewer already was signed before an interruption, and is taken as it is.
    """
    if statement.review is not None:
        return statement
    said = [each for each in reviews if each.counts and each.verdict is Verdict.APPROVE]
    if not said:
        return statement
    names, reasons = ", ".join(each.reviewer for each in said), ", ".join(dict.fromkeys(each.reason for each in said))
    return with_review(statement, ReviewClaim(names, Verdict.APPROVE, reasons, said[-1].at))
