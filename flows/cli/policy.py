"""Policy: would this campaign be allowed, and why may this asset not be restyled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from governance.policy import Explanation

policy = typer.Typer(
    help="Ask the policy, read it in plain English, and try it before it counts.", no_args_is_help=True
)

Folder = Annotated[Path | None, typer.Option(help="A policy folder; default: the policy in force.")]


@policy.command()
def validate(folder: Annotated[Path, typer.Argument(help="A folder of *.cedar files.")]) -> None:
    """Read every rule of a folder and say what is wrong with it, before it is put in force."""
    from governance.policy_rules import read_rule_book

    book = read_rule_book(folder)
    console.print(f"[green]{plain(folder)} is a policy[/]: {len(book.rules)} rules, digest {book.digest.short}")


@policy.command()
def sheet(folder: Folder = None) -> None:
    """Print the policy in plain English, for people who read contracts."""
    from governance.policy_rules import read_rule_book
    from governance.policy_sheet import sheet as page

    typer.echo(page(read_rule_book(_folder_in_force(folder))), nl=False)


@policy.command(name="test")
def hold_to_table(
    table_file: Annotated[Path, typer.Argument(help="A YAML table of expected verdicts.")], folder: Folder = None
) -> None:
    """Hold the policy to a table of expected verdicts."""
    from governance.errors import PolicyError
    from governance.policy import Policy
    from governance.policy_cases import read_cases, surprises

    cases = read_cases(_bytes_of(table_file))
    found = surprises(Policy.from_folder(_folder_in_force(folder)), cases)
    if not found:
        console.print(f"[green]as expected[/]: {len(cases)} cases")
        return
    table(("case…", "expected…", "the policy says…"), ((s.case.name, s.expected, str(s.found)) for s in found))
    raise PolicyError(f"{len(found)} of {len(cases)} cases are decided otherwise", "every verdict of the table")


@policy.command()
def diff(
    new: Annotated[Path, typer.Argument(help="The folder of the policy that is to come.")],
    old: Annotated[Path | None, typer.Option(help="Compared with; default: the policy in force.")] = None,
    cases: Annotated[Path | None, typer.Option(help="A table of cases: whose verdicts would turn?")] = None,
) -> None:
    """What another policy would change: its rules, and the verdicts of a table."""
    from governance.policy import Policy
    from governance.policy_cases import read_cases
    from governance.policy_diff import changes, turned
    from governance.policy_rules import read_rule_book

    before = _folder_in_force(old)
    found = changes(read_rule_book(before), read_rule_book(new))
    for word in ("added", "removed", "changed", "reworded"):
        for rule in getattr(found, word):
            console.print(f"{word:<9} {plain(rule)}")
    if not found:
        console.print("No rule differs.")
    if cases is not None:
        rows = turned(Policy.from_folder(before), Policy.from_folder(new), read_cases(_bytes_of(cases)))
        table(("case…", "now…", "then…"), ((each.case.name, str(each.before), str(each.after)) for each in rows))


def _folder_in_force(folder: Path | None) -> Path:
    from governance.policy_rules import SHIPPED_POLICIES

    return folder or context.settings().policy_folder or SHIPPED_POLICIES


def _bytes_of(path: Path) -> bytes:
    from flows.errors import UsageError

    try:
        return path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path} cannot be read ({problem.strerror})", "a file") from problem


@policy.command()
def check(
    campaign: Annotated[Path, typer.Argument(help="A campaign file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """How many of a campaign's assets the policy allows, and every reason for which it refuses the others."""
    from flows.campaign_file import read_campaign
    from flows.policy_tally import tallied
    from flows.wiring import planner

    asked = read_campaign(campaign)
    services = context.services()
    style = services.approved_style(asked.style.name, asked.style.version)
    tally = tallied(planner(services, asked, style).pages())
    if as_json:
        say_json({"policy": services.policy.digest, **tally.as_dict()})
        return
    console.print(f"policy {services.policy.digest.short}: {tally.allowed} allowed, {tally.refused} refused")
    if tally.refused:
        rows = ((code, number, tally.examples[code]) for code, number in tally.reasons.most_common())
        table(("reason", "assets", "for example…"), rows)


@policy.command()
def explain(
    asset: Annotated[str, typer.Argument(help="An asset's file; with --campaign, its key in the campaign's source.")],
    style: Annotated[str, typer.Option(help="The style somebody wants to use.")],
    campaign: Annotated[Path | None, typer.Option(help="Take source and purpose from this campaign.")] = None,
    channel: Annotated[str, typer.Option(help="Where it is to be shown, without a campaign.")] = "web",
    territory: Annotated[str, typer.Option(help="A country, or world, without a campaign.")] = "world",
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Why a style may or may not touch an asset, in plain words, and which styles could be used instead."""
    from flows.explaining import explain_asset, explain_in_campaign

    services = context.services()
    if campaign is not None:
        from flows.campaign_file import read_campaign

        told = explain_in_campaign(services, read_campaign(campaign), asset, style)
    else:
        told = explain_asset(services, Path(asset), style, channel, territory)
    if as_json:
        say_json(_as_dict(told))
    else:
        _show(told, asset, style)


def _show(told: Explanation, asset: str, style: str) -> None:
    from governance.policy import Permit

    if isinstance(told.answer, Permit):
        until = f", until {told.until}" if told.until else ""
        console.print(f"[green]Yes[/]: {plain(style)} may be used on {plain(asset)}{until}.")
    else:
        console.print(f"[red]No[/]: {plain(style)} may not be used on {plain(asset)}, because")
        for reason in told.answer.reasons:
            console.print(f"  - {plain(reason.text)} [dim]{plain(reason.code)}[/]")
    for other in told.alternatives:
        until = f", until {other.until}" if other.until else ""
        console.print(f"{plain(other.style)} could be used{until}.")
    if not told.alternatives and not isinstance(told.answer, Permit):
        console.print("No other approved style could be used either.")


def _as_dict(told: Explanation) -> dict[str, object]:
    from governance.policy import Permit

    permitted = isinstance(told.answer, Permit)
    reasons = () if isinstance(told.answer, Permit) else told.answer.reasons
    return {
        "permitted": permitted,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in reasons],
        "until": told.until,
        "alternatives": [{"style": str(each.style), "until": each.until} for each in told.alternatives],
    }
