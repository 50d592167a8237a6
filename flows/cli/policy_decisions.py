"""What the policy decides: of a campaign, of one question, of an item; and what another policy would have decided."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from flows.explaining import ItemExplained
    from governance.policy import Explanation, Permit, Refusal
    from governance.policy_records import Verdict
    from governance.policy_replay import Replay, Turned

Folder = Annotated[Path | None, typer.Option(help="A policy folder; default: the policy in force.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Channel = Annotated[str, typer.Option(help="Where it is to be shown, without a campaign.")]
Territory = Annotated[str, typer.Option(help="A country, or world, without a campaign.")]


def check(
    campaign: Annotated[Path | None, typer.Argument(help="A campaign file; without one, one question.")] = None,
    style: Annotated[str | None, typer.Option(help="The style of the one question.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="What is known of its asset: class=product, ...")] = None,
    channel: Channel = "web",
    territory: Territory = "world",
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day it is asked for.")] = None,
    to_publish: Annotated[bool, typer.Option("--publish", help="May it leave, and not: may it be made.")] = False,
    policy: Folder = None,
    as_json: AsJson = False,
) -> None:
    """How many of a campaign's assets the policy allows and why not the others; or what it says to one question."""
    from flows.errors import UsageError

    if (campaign is None) == (style is None):
        raise UsageError("a check of nothing, or of two things", "a campaign file, or --style with --field NAME=VALUE")
    if campaign is not None:
        _check_campaign(campaign, policy, as_json)
        return
    from flows.explaining import explain_question

    told = explain_question(
        context.services(),
        _fields(field or []),
        str(style),
        (channel, territory),
        on.date() if on else date.today(),
        "publish" if to_publish else "restyle",
        policy,
    )
    if as_json:
        say_json(_explanation_as_dict(told))
    else:
        _show_explanation(told, "such an asset", str(style))


def explain(
    asset: Annotated[
        str, typer.Argument(help="An item's id; with --style an asset's file, or with --campaign its key there.")
    ],
    style: Annotated[str | None, typer.Option(help="The style somebody wants to use.")] = None,
    campaign: Annotated[Path | None, typer.Option(help="Take source and purpose from this campaign.")] = None,
    channel: Channel = "web",
    territory: Territory = "world",
    as_json: AsJson = False,
) -> None:
    """Why a style may or may not touch an asset, in plain words; or why an item is where it is."""
    from flows.explaining import explain_asset, explain_in_campaign, explain_item

    services = context.services()
    if style is None:
        from governance.authority import Act

        services.require(services.settings.actor, Act.READ_AUDIT, "policy")
        found = explain_item(services, asset)
        if as_json:
            say_json(_item_as_dict(found))
        else:
            _show_item(found)
        return
    if campaign is not None:
        from flows.campaign_file import read_campaign

        told = explain_in_campaign(services, read_campaign(campaign), asset, style)
    else:
        told = explain_asset(services, Path(asset), style, channel, territory)
    if as_json:
        say_json(_explanation_as_dict(told))
    else:
        _show_explanation(told, asset, style)


def replay(
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="From this day on (UTC).")],
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="To the end of this day.")] = None,
    policy: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Had this policy been in force: which past decisions would be others. Ends with 1 if something live is refused."""
    from governance.authority import Act
    from governance.policy import Policy
    from governance.policy_replay import replay as replayed

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "policy")
    asked = services.policy if policy is None else Policy.from_folder(policy)
    end = None if until is None else until.replace(tzinfo=UTC) + timedelta(days=1)
    found = replayed(services.records, asked, since.replace(tzinfo=UTC), end)
    if as_json:
        say_json(_replay_as_dict(found))
    else:
        _show_replay(found)
    if found.live:
        raise typer.Exit(1)


def folder_in_force(folder: Path | None) -> Path:
    from governance.policy_rules import SHIPPED_POLICIES

    return folder or context.settings().policy_folder or SHIPPED_POLICIES


def _check_campaign(campaign: Path, folder: Path | None, as_json: bool) -> None:
    from dataclasses import replace

    from flows.campaign_file import read_campaign
    from flows.policy_tally import tallied
    from flows.wiring import planner
    from governance.policy import Policy

    asked = read_campaign(campaign)
    services = context.services()
    policy = services.policy if folder is None else Policy.from_folder(folder)
    style = services.approved_style(asked.style.name, asked.style.version)
    tally = tallied(replace(planner(services, asked, style), policy=policy).pages())
    if as_json:
        say_json({"policy": policy.digest, **tally.as_dict()})
        return
    console.print(f"policy {policy.digest.short}: {tally.allowed} allowed, {tally.refused} refused")
    if tally.refused:
        rows = ((code, number, tally.examples[code]) for code, number in tally.reasons.most_common())
        table(("reason", "assets", "for example…"), rows)


def _fields(given: list[str]) -> dict[str, str]:
    from flows.errors import UsageError

    told: dict[str, str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or name in told:
            raise UsageError(f"the field {each[:80]!a}", "each field once, as NAME=VALUE, such as derivatives=allowed")
        told[name] = value
    return told


def _show_explanation(told: Explanation, asset: str, style: str) -> None:
    from governance.policy import Permit

    if isinstance(told.answer, Permit):
        until = f", until {told.until}" if told.until else ""
        console.print(f"[green]Yes[/]: {plain(style)} may be used on {plain(asset)}{until}.")
    else:
        console.print(f"[red]No[/]: {plain(style)} may not be used on {plain(asset)}, because")
        _show_reasons(told.answer)
    for other in told.alternatives:
        until = f", until {other.until}" if other.until else ""
        console.print(f"{plain(other.style)} could be used{until}.")
    if not told.alternatives and not isinstance(told.answer, Permit):
        console.print("No other approved style could be used either.")


def _show_reasons(refusal: Refusal) -> None:
    for reason in refusal.reasons:
        console.print(f"  - {plain(reason.text)} [dim]{plain(reason.code)}[/]")


def _answer_as_dict(answer: Permit | Refusal) -> dict[str, Any]:
    from governance.policy import Permit

    if isinstance(answer, Permit):
        return {"permitted": True, "reasons": []}
    return {"permitted": False, "reasons": [{"code": each.code, "text": each.text} for each in answer.reasons]}


def _explanation_as_dict(told: Explanation) -> dict[str, Any]:
    alternatives = [{"style": str(each.style), "until": each.until} for each in told.alternatives]
    return {**_answer_as_dict(told.answer), "until": told.until, "alternatives": alternatives}


def _show_item(found: ItemExplained) -> None:
    from governance.policy import Permit

    item = found.item
    console.print(f"[bold]{plain(item.ref.key)}[/] in {plain(item.style)}, item {item.item_id.short}: {item.state}")
    if found.verdicts:
        table(("decided (UTC)", "to", "answer", "by policy", "rules or reasons…"), map(_verdict_row, found.verdicts))
    else:
        console.print("No decision is on record: it was planned by an older restyle.")
    for at, reason in found.refusals:
        console.print(f"  - {at:%Y-%m-%d %H:%M} {plain(reason.text)} [dim]{plain(reason.code)}[/]")
    if found.now is None:
        console.print(f"What would be decided now cannot be told: {plain(found.problem)}")
    elif isinstance(found.now, Permit):
        console.print(f"[green]Now[/] policy {found.now.policy_digest.short} would permit it.")
    else:
        console.print(f"[red]Now[/] policy {found.now.policy_digest.short} would refuse it, because")
        _show_reasons(found.now)


def _verdict_row(each: Verdict) -> tuple[str, ...]:
    answer = "permitted" if each.permitted else "refused"
    return f"{each.at:%Y-%m-%d %H:%M}", each.action, answer, each.policy_digest.short, ", ".join(each.codes)


def _item_as_dict(found: ItemExplained) -> dict[str, Any]:
    from dataclasses import asdict

    now = {"problem": found.problem} if found.now is None else _answer_as_dict(found.now)
    policy = {} if found.now is None else {"policy": found.now.policy_digest}
    return {
        "item": found.item.item_id,
        "key": found.item.ref.key,
        "state": found.item.state,
        "decisions": [asdict(each) for each in found.verdicts],
        "refusals": [{"at": at, "code": reason.code, "text": reason.text} for at, reason in found.refusals],
        "now": {**now, **policy},
    }


def _show_replay(found: Replay) -> None:
    console.print(
        f"policy {found.policy.short} on {found.asked} past answers: {found.refusals} permits would be refusals, "
        f"{found.permits} refusals permits, {found.other_reasons} refusals have other reasons"
    )
    if found.live:
        console.print(f"[red]{found.live} published files would have been refused[/]; they are out there:")
        rows = ((each.key, ", ".join(each.codes), each.live_at) for each in found.live_examples)
        table(("asset…", "reasons…", "published at…"), rows)
    told = [("refused now", *each) for each in found.now_refused.most_common()]
    told += [("permitted now", *each) for each in found.now_permitted.most_common()]
    if told:
        table(("would be", "by rule", "answers"), told)
    if found.examples:
        shown = ((each.key, _turn(each), ", ".join(each.codes)) for each in found.examples)
        table(("for example…", "was, would be", "rules or reasons…"), shown)


def _turn(each: Turned) -> str:
    return "refused, permitted" if each.permitted else "permitted, refused"


def _replay_as_dict(found: Replay) -> dict[str, Any]:
    return {
        "policy": found.policy,
        "answers": found.asked,
        "now_refused": found.refusals,
        "now_permitted": found.permits,
        "other_reasons": found.other_reasons,
        "refused_by_rule": dict(found.now_refused),
        "permitted_by_rule": dict(found.now_permitted),
        "live": found.live,
        "live_examples": [_turned_as_dict(each) for each in found.live_examples],
        "examples": [_turned_as_dict(each) for each in found.examples],
    }


def _turned_as_dict(each: Turned) -> dict[str, Any]:
    verdict = each.verdict
    return {
        "key": each.key,
        "item": verdict.item_id,
        "action": verdict.action,
        "on": verdict.asked_on,
        "was": {"permitted": verdict.permitted, "codes": verdict.codes, "policy": verdict.policy_digest},
        "would_be": {"permitted": each.permitted, "codes": each.codes},
        "published_at": each.live_at,
    }
