"""Review by hand: the queue, one item, a decision; and publishing what was approved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from governance.items import Item
    from governance.review import Held, ReviewOutcome

review = typer.Typer(help="The queue of renditions that wait for a person.", no_args_is_help=True)

ItemId = Annotated[str, typer.Argument(help="The item's id, or its beginning.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides (default: RESTYLE_ACTOR or the user).")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Campaign = Annotated[str | None, typer.Option(help="Only this campaign's items.")]
_CODES = "looks_right, brand_fit, artefacts, off_brand, illegible, likeness, wrong_asset, rights_doubt, other"


@review.command(name="list")
def list_(
    campaign: Campaign = None, limit: Annotated[int, typer.Option(min=1, max=1000)] = 50, as_json: AsJson = False
) -> None:
    """What waits for a decision, oldest first, and why."""
    from governance import review as reviews
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.REVIEW, "review")
    waiting = reviews.queue(services.records, campaign=campaign, limit=limit)
    if as_json:
        say_json([_as_dict(each) for each in waiting])
        return
    if not waiting:
        console.print("Nothing waits for review.")
        return
    table(("item", "asset…", "style", "needs", "why…"), (_row(each) for each in waiting))


def _row(item: Item) -> tuple[str, ...]:
    needs = "two people" if item.approvals_needed == 2 else "one person"
    return item.item_id.short, item.ref.key, str(item.style), needs, "; ".join(reason.text for reason in item.reasons)


@review.command()
def show(item: ItemId, as_json: AsJson = False) -> None:
    """Everything known about one item: scores, reasons, reviews, and where its pictures are."""
    from dataclasses import asdict

    from governance import review as reviews
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.REVIEW, "review")
    held = reviews.show(services.records, item)
    pictures = _pictures(services.staging, held.item)
    if as_json:
        said = [asdict(each) for each in held.reviews]
        say_json({**_as_dict(held.item), "reviews": said, **pictures})
        return
    _show(held, pictures)


def _show(held: Held, pictures: dict[str, str]) -> None:
    item = held.item
    console.print(f"[bold]{plain(item.ref.key)}[/] in {plain(item.style)}: [bold]{item.state.replace('_', ' ')}[/]")
    console.print(f"item {item.item_id}\nasked by {plain(item.asked_by)} for {item.channel}, {item.territory}")
    for reason in item.reasons:
        console.print(f"  - {plain(reason.text)} [dim]{plain(reason.code)}[/]")
    for name, value in (item.scores.as_dict() if item.scores else {}).items():
        if isinstance(value, float):
            console.print(f"  {name}: {value:.3f}")
    for each in held.reviews:
        console.print(f"{plain(each.reviewer)}: {each.verdict}, {each.reason} {plain(each.note)}")
    for name, uri in pictures.items():
        console.print(f"{name}: {plain(uri)}")


def _pictures(staging: Any, item: Item) -> dict[str, str]:
    kept = staging.has(item.asset_digest)
    before = staging.uri(item.asset_digest) if kept else item.ref.uri
    after = {} if item.rendition is None else {"after": staging.uri(item.rendition.digest)}
    return {"before": before, **after}


@review.command()
def approve(
    item: ItemId,
    reason: Annotated[str, typer.Option(help=f"Why: {_CODES}.")] = "looks_right",
    note: Annotated[str, typer.Option(help="In your own words.")] = "",
    by: By = None,
) -> None:
    """Say yes. Classes that need four eyes need a second person's yes."""
    from governance import review as reviews

    _decide(reviews.approve, item, reason, note, by)


@review.command()
def reject(
    item: ItemId,
    reason: Annotated[str, typer.Option(help=f"Why: {_CODES}.")],
    note: Annotated[str, typer.Option(help="In your own words.")] = "",
    by: By = None,
) -> None:
    """Say no, and why."""
    from governance import review as reviews

    _decide(reviews.reject, item, reason, note, by)


@review.command()
def requeue(
    item: Annotated[list[str], typer.Argument(help="The ids of quarantined items, or their beginnings.")],
    why: Annotated[str, typer.Option(help="What stood in their way and does not any more.")],
    by: By = None,
) -> None:
    """Let the next run try quarantined items again, since it was not the asset that was at fault."""
    from governance import outcomes
    from governance import review as reviews
    from governance.authority import Act
    from governance.plain_text import require_plain
    from stylecore.data import Reason

    services = context.services()
    actor = by or services.settings.actor
    found = [reviews.show(services.records, each).item for each in item]
    for each in found:
        services.require(actor, Act.APPLY, f"item:{each.item_id}")
    because = Reason("requeued", require_plain(why, "the reason", max_chars=500))
    moved = outcomes.requeue(services.records, actor, [each.item_id for each in found], because=because)
    for each in found:
        told = "is planned again" if each.item_id in moved else f"is {each.state.replace('_', ' ')}, and stays so"
        console.print(f"{plain(each.ref.key)} {told}")


def _decide(decision: Callable[..., ReviewOutcome], item: str, reason: str, note: str, by: str | None) -> None:
    from governance import review as reviews
    from governance.authority import Act
    from governance.events import item_subject

    services = context.services()
    actor = by or services.settings.actor
    found = reviews.show(services.records, item).item
    needs_two = found.approvals_needed == 2
    own = found.asked_by if needs_two else None
    services.require(actor, Act.REVIEW, item_subject(found.item_id), asked_by=own)
    said = decision(services.records, found.item_id, actor, _code(reason), note)
    _told(said, found)


def _code(reason: str) -> Any:
    from flows.errors import UsageError
    from governance.review import ReviewReason

    try:
        return ReviewReason(reason)
    except ValueError:
        raise UsageError(f"no reason {reason[:40]!r}", f"one of {', '.join(ReviewReason)}") from None


def _told(said: ReviewOutcome, item: Item) -> None:
    console.print(f"{plain(item.ref.key)} is [bold]{said.state.replace('_', ' ')}[/]", end="")
    left = said.approvals_needed - said.approvals
    if said.state == "in_review" and left > 0:
        console.print(": one more person has to say yes")
    elif said.state == "approved":
        console.print("; `restyle publish` delivers it")
    else:
        console.print()


def publish(campaign: Campaign = None, as_json: AsJson = False) -> None:
    """Publish what is approved: policy asked again, signed, written, recorded."""
    from flows.ended import FAILED
    from flows.errors import Incomplete
    from governance.authority import Act

    services = context.services_with_room()
    services.require(services.settings.actor, Act.PUBLISH_REVIEWED, "review")
    from flows.publish_reviewed import publish_reviewed

    ended = publish_reviewed(services.settings.actor, campaign)
    if as_json:
        say_json(ended)
    elif not ended:
        console.print("Nothing is approved and unpublished.")
    else:
        table(("asset…", "is now", "why…"), ((e["key"], e["state"], e["why"]) for e in ended))
    failed = [each for each in ended if each["state"] == FAILED]
    if failed:
        raise Incomplete(f"{len(failed)} items could not be published; the first: {failed[0]['why']}")


def _as_dict(item: Item) -> dict[str, Any]:
    return {
        "item": item.item_id,
        "asset": item.ref.uri,
        "style": str(item.style),
        "state": item.state,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in item.reasons],
        "scores": None if item.scores is None else item.scores.as_dict(),
        "approvals_needed": item.approvals_needed,
        "campaign": item.campaign,
    }
