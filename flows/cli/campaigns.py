"""Campaigns: check a file, see what it would do, do it, and look at what was done."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, say_json_list, table

if TYPE_CHECKING:
    from flows.preview import Foreseen
    from governance.runs import Run

File = Annotated[Path, typer.Argument(help="A campaign file; `restyle campaign example` prints one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]

campaign = typer.Typer(help="Campaign files: an example, the schema, a check, and the schedule.", no_args_is_help=True)


@campaign.command()
def example() -> None:
    """Print a campaign file to start from."""
    from importlib.resources import files

    typer.echo((files("flows") / "templates" / "campaign.example.yaml").read_text(encoding="utf-8"), nl=False)


@campaign.command()
def schema() -> None:
    """Print the JSON Schema of campaign files."""
    from flows.campaign import Campaign

    say_json(Campaign.model_json_schema())


@campaign.command()
def check(file: File) -> None:
    """Read a campaign file and say every problem with its line and field."""
    from flows.campaign_file import read_campaign

    found = read_campaign(file)
    console.print(f"[green]{plain(file)} is a campaign[/]: {plain(found.campaign)}, digest {found.digest.short}")


@campaign.command()
def serve(files: Annotated[list[Path], typer.Argument(help="Campaign files with a schedule.")]) -> None:
    """Keep the schedules of these campaigns: run each when its time comes, until stopped."""
    from flows.campaign_file import read_campaign
    from governance.authority import Act

    campaigns = [read_campaign(file) for file in files]
    services = context.services()
    for each in campaigns:
        services.require(services.settings.actor, Act.APPLY, f"campaign:{each.campaign}")
    from flows.deployments import serve_campaigns

    serve_campaigns(services.settings, campaigns)


def plan(
    file: File,
    all_: Annotated[bool, typer.Option("--all", help="Show every asset and not only the first 40.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show exactly what a campaign would do and why, without doing it."""
    from flows.campaign_file import read_campaign
    from flows.controls_in_words import in_words
    from flows.preview import preview
    from governance.authority import Act

    asked = read_campaign(file)
    services = context.services()
    services.require(services.settings.actor, Act.APPLY, f"campaign:{asked.campaign}")
    style = services.approved_style(asked.style.name, asked.style.version)
    foreseen = preview(services, asked, style)
    if as_json:
        say_json_list(_as_dict(each) for each in foreseen)
        return
    console.print(f"[bold]{plain(asked.campaign)}[/]: {plain(style.ref)} on {plain(asked.source.store.label)}")
    for sentence in in_words(style.ref.name, asked.full_recipe):
        console.print(f"  {plain(sentence)}")
    _show_plan(list(foreseen) if all_ else foreseen, None if all_ else 40)


def _show_plan(foreseen: Any, limit: int | None) -> None:
    from flows.controls_in_words import zones_in_words

    shown = list(islice(foreseen, limit))
    if any(each.zones for each in shown):
        rows = ((each.key, each.outcome, zones_in_words(each.zones), _why(each)) for each in shown)
        table(("asset…", "would", "zones…", "why…"), rows)
    else:
        table(("asset…", "would", "why…"), ((each.key, each.outcome, _why(each)) for each in shown))
    outcomes = Counter(each.outcome for each in shown)
    for each in foreseen if limit is not None else ():
        outcomes[each.outcome] += 1
    total = sum(outcomes.values())
    if total > len(shown):
        console.print(f"… and {total - len(shown)} more; --all shows them")
    told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
    console.print(f"{total} assets: {told or 'none selected'}")


def _why(each: Foreseen) -> str:
    return "; ".join(reason.text for reason in each.reasons)


def _as_dict(each: Foreseen) -> dict[str, Any]:
    reasons = [{"code": reason.code, "text": reason.text} for reason in each.reasons]
    zones = [zone.as_dict() for zone in each.zones]
    return {"key": each.key, "outcome": each.outcome, "reasons": reasons, "item": each.item_id, "zones": zones}


def run(file: File, as_json: AsJson = False) -> None:
    """Do what a campaign asks for. Interrupted or repeated, it goes on where it was and does nothing twice."""
    from flows.campaign_file import read_campaign
    from flows.errors import Incomplete
    from governance.authority import Act

    asked = read_campaign(file)
    services = context.services_with_room()
    # The flow asks too, since schedules come that way; here nobody waits for Prefect to be told no.
    services.require(services.settings.actor, Act.APPLY, f"campaign:{asked.campaign}")
    from flows.cli.run_display import run_with_progress

    summary = run_with_progress(asked, quiet=as_json)
    if as_json:
        say_json(summary)
    else:
        _show_run(summary)
    if summary["left"]:
        first = summary["problems"][0]
        raise Incomplete(
            f"{summary['left']} assets could not be done (the first: {first['key']}: {first['text']})",
            next_step="Mend what it says and run the campaign again; it does only what is left",
        )


def _show_run(summary: dict[str, Any]) -> None:
    planned = summary["plan"]
    if not (planned["new"] or planned["refused_new"] or planned["lifted"]):
        console.print(f"Nothing new to plan: all {planned['already']} assets are known.")
    done = ", ".join(
        f"{number} {plain(state).replace('_', ' ')}" for state, number in sorted(summary["states"].items())
    )
    console.print(f"Done: {done or 'nothing was left to do'}.")
    console.print(f"Run {summary['run_id']}; the report: {plain(summary['report'])}")


def status(
    run_id: Annotated[
        str | None, typer.Argument(help="A run, or the beginning of its id; default: the latest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How a run stands, or how it ended."""
    from governance import items, runs

    records = context.services().records
    found = runs.latest(records) if run_id is None else runs.get(records, run_id)
    if found is None:
        console.print("There is no run yet: `restyle run CAMPAIGN` starts one.")
        return
    counts = {str(state): number for state, number in items.counts(records, run_id=found.run_id).items() if number}
    if as_json:
        say_json({**_run_as_dict(found), "items": counts})
        return
    console.print(f"[bold]{plain(found.campaign)}[/], run {found.run_id}: [bold]{found.state}[/]")
    console.print(f"started {found.started_at:%Y-%m-%d %H:%M:%S} UTC by {plain(found.actor)}{_ended(found)}")
    if found.problem:
        console.print(f"[red]{plain(found.problem)}[/]")
    told = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in counts.items())
    console.print(f"items it touched last: {told or 'none'}")


def runs(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The runs, the newest first."""
    from governance import runs as records_of_runs

    found = records_of_runs.recent(context.services().records, limit=limit)
    if as_json:
        say_json([_run_as_dict(each) for each in found])
        return
    rows = (
        (r.run_id, r.campaign, r.state, f"{r.started_at:%Y-%m-%d %H:%M}", _counts(r), r.problem or "") for r in found
    )
    table(("run", "campaign", "state", "started (UTC)", "items…", "problem…"), rows)


def _counts(run: Run) -> str:
    return ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in run.counts.items() if number)


def _ended(run: Run) -> str:
    return f", ended {run.ended_at:%H:%M:%S}" if run.ended_at else ""


def _run_as_dict(run: Run) -> dict[str, Any]:
    from dataclasses import asdict

    told = asdict(run)
    del told["campaign_text"]
    return told
