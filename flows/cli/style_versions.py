"""The life of a style version: registered, measured, approved, withdrawn; and what is on record of it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from governance.approval_rules import BreakGlass

Name = Annotated[str, typer.Argument(help="The style's name; `restyle styles list` shows them.")]
Version = Annotated[int | None, typer.Option(help="Which version; default: the newest registered one.")]
ThisVersion = Annotated[int, typer.Option("--version", help="Which version.")]
Why = Annotated[str, typer.Option(help="Why, for the ledger.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides (default: RESTYLE_ACTOR or the user).")]
Words = Annotated[list[str] | None, typer.Option(help="Repeat for several; default: any.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; default: no end.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def list_(as_json: AsJson = False) -> None:
    """Every registered version, and whether it is approved, on which terms and until when."""
    from flows.style_list import listed_styles

    rows = listed_styles(context.services())
    if as_json:
        say_json([row.as_dict() for row in rows])
        return
    if not rows:
        console.print("No style is registered. `restyle styles register --bundled` registers those that come along.")
        return
    table(("style", "version", "state", "package", "terms…"), (row.cells() for row in rows))


def show(name: Name, version: Version = None, as_json: AsJson = False) -> None:
    """All that is on record of a version: approval and terms, evaluations, sources, labels, digests."""
    from flows.style_story import story_of

    story = story_of(context.services(), name, version)
    if as_json:
        say_json(story.as_dict())
        return
    table(("what", "on record…"), story.facts())


def register(
    package: Annotated[Path | None, typer.Argument(help="A style package: a folder with style.json.")] = None,
    bundled: Annotated[bool, typer.Option("--bundled", help="The packages that come with restyle.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Put a package's styles into the registry. Registered is not approved: nothing runs before somebody says so."""
    from dataclasses import asdict

    from flows.errors import UsageError
    from flows.promote_style import register_package
    from registry.bundled import bundled_packages

    if (package is None) == (not bundled):
        raise UsageError("no package or two ways to name one", "a folder, or --bundled")
    services = context.services()
    folders = bundled_packages() if package is None else (package,)
    refs = [ref for each in folders for ref in register_package(services, each, by or services.settings.actor)]
    if as_json:
        say_json([asdict(ref) for ref in refs])
        return
    for style in refs:
        console.print(f"registered [bold]{plain(style)}[/], package {style.package_digest.short}")


def evaluate(
    name: Name,
    version: Version = None,
    golden: Annotated[Path | None, typer.Option(help="Pictures to measure on; their folders name classes.")] = None,
    gates: Annotated[
        Path | None, typer.Option(help="Other gates, to try: an approval asks for those in force.")
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Measure a version on the golden pictures and hold it against the gates; an approval rests on this."""
    from flows.errors import NotPermitted
    from flows.evaluate_style import EvaluationRequest, evaluate_style
    from flows.style_story import evaluation_as_dict, failed

    services = context.services_with_room()
    asked = EvaluationRequest(name, version, golden, gates)
    found = evaluate_style(services, asked, by or services.settings.actor)
    if as_json:
        say_json(evaluation_as_dict(found))
    else:
        rows = (
            (each["code"], "holds" if each["holds"] else "fails", each["text"]) for each in found.report["findings"]
        )
        table(("gate", "", "found…"), rows)
        console.print(f"evaluation {found.ordinal} of [bold]{plain(found.style)}[/], gates {found.gates.short}")
    if not found.passed:
        raise NotPermitted(f"{found.style} does not pass: {'; '.join(failed(found))}", "every gate to hold")


def gates() -> None:
    """Print the gates in force here, to start gates of your own from."""
    from flows.gates import shipped_gates

    path = context.settings().gates
    typer.echo(shipped_gates() if path is None else path.read_text(encoding="utf-8"), nl=False)


def approve(
    name: Name,
    licence: Annotated[str, typer.Option(help="Under which licence the style may be used.")],
    holder: Annotated[str, typer.Option(help="Who holds the rights in the style.")],
    version: Version = None,
    until: Day = None,
    class_: Annotated[list[str] | None, typer.Option("--class", help="Asset classes; default: any.")] = None,
    channel: Words = None,
    territory: Words = None,
    break_glass: Annotated[
        str | None, typer.Option(metavar="WHY", help="In an emergency, without gates and second person: needs --until.")
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Allow a style version on these terms. Whoever registered it cannot, and its gates have to have been passed."""
    from flows.promote_style import approve_style
    from governance.approvals import ANY, Terms

    services = context.services()
    last_day = None if until is None else until.date()
    terms = Terms(licence, holder, last_day, *(frozenset(words or [ANY]) for words in (class_, channel, territory)))
    emergency = None if break_glass is None else _emergency(break_glass, last_day)
    approval = approve_style(services, name, version, terms, by or services.settings.actor, emergency=emergency)
    if as_json:
        from flows.style_story import story_of

        say_json(story_of(services, name, approval.style.version).as_dict())
        return
    console.print(
        f"[green]approved[/] [bold]{plain(approval.style)}[/] by {plain(approval.approved_by)}, "
        f"package {approval.style.package_digest.short}, licence {plain(licence)}"
        + ("" if emergency is None else f", in an emergency until {emergency.until}")
    )


def _emergency(why: str, until: date | None) -> BreakGlass:
    from flows.errors import UsageError
    from governance.approval_rules import BreakGlass

    if until is None:
        raise UsageError("--break-glass without --until", "the last day of the emergency, within a week")
    return BreakGlass(why, until)


def retire(name: Name, version: ThisVersion, why: Why, by: By = None) -> None:
    """Stop using a version; it may be approved again."""
    from flows.promote_style import retire_style

    services = context.services()
    retire_style(services, name, version, by or services.settings.actor, why)
    console.print(f"retired {plain(name)} v{version}")


def revoke(name: Name, version: ThisVersion, why: Why, by: By = None) -> None:
    """Forbid a version at once and for good; running shards refuse it at their next item."""
    from flows.promote_style import revoke_style

    services = context.services()
    revoke_style(services, name, version, by or services.settings.actor, why)
    console.print(f"[red]revoked[/] {plain(name)} v{version}")


def rollback(name: Name, why: Why, by: By = None) -> None:
    """Return to the approval before: the version in force is retired, and the one approved before it counts."""
    from flows.promote_style import roll_back_style

    services = context.services()
    withdrawn, now = roll_back_style(services, name, by or services.settings.actor, why)
    console.print(f"rolled back from {plain(withdrawn.style)} to [bold]{plain(now.style)}[/]")


def relabel(name: Name, by: By = None) -> None:
    """Put MLflow's label `approved` back to the version that the ledger approved."""
    from flows.promote_style import relabel_style

    services = context.services()
    current = relabel_style(services, name, by or services.settings.actor)
    console.print(f"the label is on {'no version' if current is None else plain(current)}")


def serve() -> None:
    """Keep evaluation and promotion startable from Prefect, until stopped."""
    from flows.deployments import serve_styles

    serve_styles(context.settings())
