"""Recall: what is out there of a style, a licence, an artist or an asset; and taking it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, say_json_list, table

if TYPE_CHECKING:
    from flows.recalling import Affected
    from flows.wiring import Services
    from governance.recalls import Recall

_COLOURS = {"withdrawn": "green", "live": "yellow", "held": "yellow", "changed": "red", "failed": "red"}


def recall(
    style: Annotated[str | None, typer.Option(help="A style: NAME, or NAME/VERSION.")] = None,
    licence: Annotated[str | None, typer.Option(help="A licence or a consent, by its id.")] = None,
    artist: Annotated[str | None, typer.Option(help="Whoever holds the rights.")] = None,
    asset: Annotated[str | None, typer.Option(help="A picture: its key, or its sha256.")] = None,
    recall_id: Annotated[str | None, typer.Option("--recall", help="One ordered before: go on with it.")] = None,
    why: Annotated[str, typer.Option(help="Why: for the ledger, and for whoever misses a file.")] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Order it and take the files back; else only look.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="With --recall: allow again what it reaches.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="All recalls, the newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many files to name on the console.")] = 50,
    by: Annotated[str | None, typer.Option("--by", help="Who orders it (default: RESTYLE_ACTOR or the user).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """See what a recall would reach; with --apply, take it back and allow no more of it until it is lifted."""
    services = context.services()
    actor = by or services.settings.actor
    if list_:
        return _list(services, actor, as_json)
    if recall_id is not None and lift:
        return _lift(services, recall_id, actor, why)
    scope, of = _asked(services, recall_id, {"style": style, "licence": licence, "artist": artist, "asset": asset})
    if apply:
        return _apply(services, _ordered(services, recall_id, scope, of, why, actor), actor, limit, as_json)
    _look(services, actor, scope, of, limit, as_json)


def _asked(services: Services, recall_id: str | None, scopes: dict[str, str | None]) -> tuple[Any, str]:
    from flows.errors import UsageError
    from governance import recalls
    from governance.recall_reach import Scope

    given = [(Scope(name), of) for name, of in scopes.items() if of is not None]
    if len(given) + (recall_id is not None) != 1:
        raise UsageError(
            f"{len(given) + (recall_id is not None)} of --style, --licence, --artist, --asset, --recall", "one of them"
        )
    if recall_id is None:
        return given[0]
    found = recalls.get(services.records, recall_id)
    return found.scope, found.of


def _ordered(services: Services, recall_id: str | None, scope: Any, of: str, why: str, actor: str) -> Recall:
    from flows.errors import UsageError
    from governance import recalls
    from governance.authority import Act
    from governance.events import recall_subject

    services.require(actor, Act.RECALL, recall_subject(recall_id or f"{scope} {of}"))
    if recall_id is None:
        return recalls.order(services.records, scope, of, why, actor)
    found = recalls.get(services.records, recall_id)
    if not found.is_in_force:
        raise UsageError(f"{found} was lifted", "one in force", "Order a new one")
    return found


def _look(services: Services, actor: str, scope: Any, of: str, limit: int, as_json: bool) -> None:
    from flows.recalling import affected
    from governance.authority import Act

    services.require(actor, Act.READ_AUDIT, "recall")
    found = affected(services, scope, of)
    if as_json:
        say_json_list(_as_dict(each) for each in found)
        return
    counts = _told(found, limit)
    if not counts:
        console.print(f"nothing is live of the {scope} {plain(of)}")
    else:
        console.print("nothing was changed; --apply takes them back")


def _apply(services: Services, recall: Recall, actor: str, limit: int, as_json: bool) -> None:
    from flows.errors import Incomplete
    from flows.recalling import WITHDRAWN, take_back

    counts: Counter[str] = Counter()

    def counted() -> Iterator[Affected]:
        for each in take_back(services, recall, actor):
            counts[each.state] += 1
            yield each

    if as_json:
        ended = [_as_dict(each) for each in counted()]
        say_json({"recall": recall.recall_id, "counts": counts, "ended": set(counts) <= {WITHDRAWN}, "files": ended})
    else:
        _told(counted(), limit)
        console.print(f"recall [bold]{recall.recall_id}[/]: {counts[WITHDRAWN]} taken back", end="")
        console.print("" if set(counts) - {WITHDRAWN} else "; it has ended, and stays in force until it is lifted")
    if left := sum(counts.values()) - counts[WITHDRAWN]:
        raise Incomplete(
            f"{left} files are still where they were ({_counted(counts)}); the recall stays open",
            "all of them taken back",
            f"`restyle recall --recall {recall.recall_id} --apply` goes on with it",
        )


def _lift(services: Services, recall_id: str, actor: str, why: str) -> None:
    from governance import recalls
    from governance.authority import Act
    from governance.events import recall_subject

    found = recalls.get(services.records, recall_id)
    services.require(actor, Act.RECALL, recall_subject(found.recall_id))
    recalls.lift(services.records, found, actor, why)
    console.print(f"lifted {plain(found)}: it may be made and published again; what was taken back stays so")


def _list(services: Services, actor: str, as_json: bool) -> None:
    from dataclasses import asdict

    from governance import recalls
    from governance.authority import Act

    services.require(actor, Act.READ_AUDIT, "recalls")
    found = recalls.every(services.records)
    if as_json:
        say_json([asdict(each) for each in found])
    elif not found:
        console.print("Nothing was ever recalled.")
    else:
        table(("recall", "of…", "ordered by…", "stands", "why…"), (_row(each) for each in found))


def _row(recall: Recall) -> tuple[str, ...]:
    stands = "lifted" if not recall.is_in_force else "open" if recall.ended_at is None else "ended, in force"
    return recall.recall_id, f"{recall.scope} {recall.of}", recall.ordered_by, stands, recall.why


def _told(found: Iterable[Affected], limit: int) -> Counter[str]:
    """The first files by name, all of them by where they are and what became of them."""
    counts: Counter[str] = Counter()
    places: Counter[tuple[str, str, str]] = Counter()
    for number, each in enumerate(found):
        counts[each.state] += 1
        places[(each.reached.destination, each.reached.campaign, each.state)] += 1
        if number < limit:
            why = f" ({plain(each.why)})" if each.why else ""
            console.print(f"[{_COLOURS[each.state]}]{each.state}[/] {plain(each.reached.uri)}{why}")
    if sum(counts.values()) > limit:
        console.print(f"… and {sum(counts.values()) - limit} more")
    if counts:
        rows = ((where, campaign, state, number) for (where, campaign, state), number in sorted(places.items()))
        table(("store…", "campaign…", "is", "files"), rows)
    return counts


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))


def _as_dict(each: Affected) -> dict[str, Any]:
    made = each.reached.made
    return {
        "item": each.reached.item_id,
        "state": each.state,
        "why": each.why,
        "uri": each.reached.uri,
        "store": each.reached.destination,
        "campaign": each.reached.campaign,
        "style": str(made.style),
        "asset": made.key,
        "asset_sha256": made.asset_digest,
        "sha256": each.reached.output_digest,
        "published_at": each.reached.published_at,
    }
