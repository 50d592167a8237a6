"""Legal holds: what must stay as it is, by whose order, and until when somebody looks at it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

hold = typer.Typer(help="Keep files from being removed: place, release and list legal holds.", no_args_is_help=True)

By = Annotated[str | None, typer.Option("--by", help="Who decides (default: RESTYLE_ACTOR or the user).")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Why = Annotated[str, typer.Option(help="Why, for the ledger.")]


@hold.command()
def place(
    scope: Annotated[str, typer.Argument(help="asset, style, campaign, licence or output.")],
    of: Annotated[str, typer.Argument(help="Its key, name, NAME/VERSION, id or sha256.")],
    why: Why,
    review_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day to look at it again.")
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """From now on nothing in the scope is removed, whatever a recall or a retention time says."""
    from governance import legal_holds
    from governance.authority import Act

    services = context.services()
    actor = by or services.settings.actor
    services.require(actor, Act.KEEP_RIGHTS, f"hold:{scope}")
    day = None if review_on is None else review_on.date()
    placed = legal_holds.place(services.records, legal_holds.scope_of(scope), of, why, actor, review_on=day)
    if as_json:
        say_json(_as_dict(placed))
    else:
        console.print(f"[green]hold {placed.hold_id}[/] on the {placed.scope} {plain(placed.of)}")


@hold.command()
def release(
    hold_id: Annotated[str, typer.Argument(help="The hold, by the beginning of its id.")],
    why: Why,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """End a hold. What it kept may be removed from now on."""
    from governance import legal_holds
    from governance.authority import Act

    services = context.services()
    actor = by or services.settings.actor
    services.require(actor, Act.KEEP_RIGHTS, f"hold:{hold_id}")
    released = legal_holds.release(services.records, hold_id, actor, why)
    if as_json:
        say_json(_as_dict(released))
    else:
        console.print(f"released hold {released.hold_id} on the {released.scope} {plain(released.of)}")


@hold.command(name="list")
def list_(
    released: Annotated[bool, typer.Option("--released", help="Also those that were released.")] = False,
    as_json: AsJson = False,
) -> None:
    """The holds that last, the oldest first."""
    from governance import legal_holds
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "holds")
    found = legal_holds.every(services.records, released_too=released)
    if as_json:
        say_json([_as_dict(each) for each in found])
    elif not found:
        console.print("Nothing is held.")
    else:
        rows = ((h.hold_id, h.scope, h.of, h.placed_by, h.review_on or "", h.released_by or "", h.why) for h in found)
        table(("hold", "scope", "of…", "placed by…", "look again", "released by…", "why…"), rows)


def _as_dict(each: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(each)
