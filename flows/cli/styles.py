"""Styles: what is registered, what is approved, and who says so."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

styles = typer.Typer(help="Register, approve, list and withdraw styles.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The style's name; `restyle styles list` shows them.")]
Version = Annotated[int | None, typer.Option(help="Which version; default: the newest registered one.")]
ThisVersion = Annotated[int, typer.Option("--version", help="Which version.")]
Why = Annotated[str, typer.Option(help="Why, for the ledger.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides (default: RESTYLE_ACTOR or the user).")]
Words = Annotated[list[str] | None, typer.Option(help="Repeat for several; default: any.")]


@styles.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False) -> None:
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


@styles.command()
def register(
    package: Annotated[Path | None, typer.Argument(help="A style package: a folder with style.json.")] = None,
    bundled: Annotated[bool, typer.Option("--bundled", help="The packages that come with restyle.")] = False,
    by: By = None,
) -> None:
    """Put a package's styles into the registry. Registered is not approved: nothing runs before somebody says so."""
    from flows.errors import UsageError
    from flows.promote_style import register_package
    from registry.bundled import bundled_packages

    if (package is None) == (not bundled):
        raise UsageError("no package or two ways to name one", "a folder, or --bundled")
    services = context.services()
    for folder in bundled_packages() if package is None else (package,):
        for style in register_package(services, folder, by or services.settings.actor):
            console.print(f"registered [bold]{plain(style)}[/], package {style.package_digest.short}")


@styles.command()
def approve(
    name: Name,
    licence: Annotated[str, typer.Option(help="Under which licence the style may be used.")],
    holder: Annotated[str, typer.Option(help="Who holds the rights in the style.")],
    version: Version = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; default: no end.")] = None,
    class_: Annotated[list[str] | None, typer.Option("--class", help="Asset classes; default: any.")] = None,
    channel: Words = None,
    territory: Words = None,
    by: By = None,
) -> None:
    """Allow a style version on these terms. The approval pins the package's digest in the ledger."""
    from flows.promote_style import approve_style
    from governance.approvals import ANY, Terms

    services = context.services()
    last_day: date | None = None if until is None else until.date()
    terms = Terms(licence, holder, last_day, *(frozenset(words or [ANY]) for words in (class_, channel, territory)))
    approval = approve_style(services, name, version, terms, by or services.settings.actor)
    console.print(
        f"[green]approved[/] [bold]{plain(approval.style)}[/] by {plain(approval.approved_by)}, "
        f"package {approval.style.package_digest.short}, licence {plain(licence)}"
    )


@styles.command()
def retire(name: Name, version: ThisVersion, why: Why, by: By = None) -> None:
    """Stop using a version; it may be approved again."""
    from governance import approvals

    services = context.services()
    approvals.retire(services.records, name, version, by or services.settings.actor, why)
    console.print(f"retired {plain(name)} v{version}")


@styles.command()
def revoke(name: Name, version: ThisVersion, why: Why, by: By = None) -> None:
    """Forbid a version at once and for good; running shards refuse it at their next item."""
    from governance import approvals

    services = context.services()
    approvals.revoke(services.records, name, version, by or services.settings.actor, why)
    console.print(f"[red]revoked[/] {plain(name)} v{version}")
