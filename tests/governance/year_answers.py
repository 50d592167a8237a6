"""The answers to the questions of the audit, found by looking at every plain record of the year: no SQL, no index."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from governance.events import EventKind, NewEvent
from tests.governance.year import BEGIN, Records, Row

Answered = Counter[tuple[Any, ...]]
"""The parts of each row that matter, and how often they come."""


def published(row: Row) -> date:
    moment: datetime = row["published_at"]
    return moment.date()


def first_columns(rows: Iterable[Row], *more: Callable[[Row], object]) -> Answered:
    return Counter((str(row["item_id"]), *(part(row) for part in more)) for row in rows)


def licence_of(records: Records) -> dict[str, Row]:
    return {row["licence_id"]: row for row in records.rows["licences"]}


def withdrawn_at(records: Records) -> dict[str, datetime]:
    return {
        event.subject.removeprefix("licence:"): at
        for at, event in records.events
        if event.kind is EventKind.LICENCE_WITHDRAWN
    }


_RIGHTS = (("asset licence", "asset_licence", "rights_until"), ("style licence", "style_licence", "style_until"))


def published_after_end(records: Records) -> Answered:
    return Counter(_after_end(records, _RIGHTS, lambda row: True))


def _after_end(
    records: Records, rights: Iterable[tuple[str, str, str]], counts: Callable[[Row], bool]
) -> Iterator[tuple[Any, ...]]:
    licences, withdrawn = licence_of(records), withdrawn_at(records)
    for row in filter(counts, records.rows["outputs"]):
        for name, column, until in rights:
            licence = licences.get(row[column])
            ends = [row[until]] + ([] if licence is None else [licence["valid_until"]])
            if any(end is not None and published(row) > end for end in ends):
                yield str(row["item_id"]), f"the {name} had ended", row[column]
            if row[column] in withdrawn and row["published_at"] > withdrawn[row[column]]:
                yield str(row["item_id"]), f"the {name} had been withdrawn", row[column]


def ending(records: Records, today: date, days: int) -> Answered:
    licences, last = licence_of(records), today + timedelta(days=days)
    found = []
    for row in records.rows["outputs"]:
        for name, column, until in (*_RIGHTS, ("consent", "consent", "consent_until")):
            recorded = licences[row[column]]["valid_until"] if row[column] in licences else None
            soon = [end for end in (row[until], recorded) if end is not None and today <= end <= last]
            if soon and row["state"] == "live":
                found.append((str(row["item_id"]), name, row[column]))
    return Counter(found)


def without_consent(records: Records) -> Answered:
    def may_show(row: Row) -> bool:
        return row["shows_person"] is not False

    found = [
        (str(row["item_id"]), "no consent is named", "")
        for row in records.rows["outputs"]
        if may_show(row) and not row["consent"]
    ]
    found += _after_end(records, (("consent", "consent", "consent_until"),), may_show)
    withdrawn = withdrawn_at(records)
    found += [
        (str(row["item_id"]), "the consent was withdrawn and the file is live", row["consent"])
        for row in records.rows["outputs"]
        if may_show(row) and row["state"] == "live" and row["consent"] in withdrawn
    ]
    return Counter(found)


def outside(records: Records) -> Answered:
    licences, found = licence_of(records), []
    approvals = {(row["package_digest"], row["name"]): row for row in records.rows["style_approvals"]}
    for row in records.rows["outputs"]:
        approval = approvals[row["package_digest"], row["style_name"]]
        terms = {row["asset_licence"]: [licences[row["asset_licence"]]]}
        terms[approval["licence_id"]] = [approval, licences[approval["licence_id"]]]
        for licence, each in terms.items():
            if any(not _covers(term, row) for term in each):
                found.append((str(row["item_id"]), licence))
    return Counter(found)


def _covers(term: Row, row: Row) -> bool:
    pairs = ((json.loads(term["channels"]), row["channel"]), (json.loads(term["territories"]), row["territory"]))
    return all("*" in listed or value in listed for listed, value in pairs)


def overrides(records: Records) -> Answered:
    items = {row["item_id"]: row for row in records.rows["items"]}
    broken = [(event.actor, event.subject) for _, event in records.events if event.kind is EventKind.BREAK_GLASS]
    overruled = [
        (row["reviewer"], f"item:{row['item_id']}")
        for row in records.rows["reviews"]
        if row["verdict"] == "approve" and "score_" in items[row["item_id"]]["reasons"]
    ]
    return Counter([*broken, *overruled])


def self_approvals(records: Records) -> Answered:
    items = {row["item_id"]: row for row in records.rows["items"]}
    own = [
        (row["reviewer"], f"item:{row['item_id']}")
        for row in records.rows["reviews"]
        if _name(row["reviewer"]) == _name(items[row["item_id"]]["asked_by"])
    ]
    registered = {event.subject: event.actor for _, event in records.events if event.kind is EventKind.STYLE_REGISTERED}
    approved = [
        (event.actor, event.subject)
        for _, event in records.events
        if event.kind is EventKind.STYLE_APPROVED and _name(event.actor) == _name(registered[event.subject])
    ]
    return Counter([*own, *approved])


def _name(name: str) -> str:
    return " ".join(name.casefold().split())


def reviewers(records: Records, since: date, until: date) -> Answered:
    said: dict[str, list[Row]] = defaultdict(list)
    together: dict[object, list[Row]] = defaultdict(list)
    for row in records.rows["reviews"]:
        together[row["item_id"], row["hold"]].append(row)
        if since <= row["at"].date() <= until:
            said[row["reviewer"]].append(row)
    return Counter(_worked(reviewer, rows, together) for reviewer, rows in said.items())


def _worked(reviewer: str, rows: list[Row], together: dict[object, list[Row]]) -> tuple[Any, ...]:
    pairs = [
        row["verdict"] == other["verdict"]
        for row in rows
        for other in together[row["item_id"], row["hold"]]
        if other["reviewer"] != reviewer
    ]
    waits = [(row["at"] - row["held_at"]).total_seconds() for row in rows]
    batches = [row["batch"] for row in rows if row["batch"]]
    yes = sum(row["verdict"] == "approve" for row in rows)
    agreement = round(sum(pairs) / len(pairs), 3) if pairs else None
    counts = (len(rows), yes, len(rows) - yes, round(median(waits), 1), len(batches), len(set(batches)))
    return (reviewer, *counts, len(pairs), agreement)


def impact_of_holder(records: Records, holder: str) -> Answered:
    licences = {row["licence_id"] for row in records.rows["licences"] if row["holder"] == holder}
    styles = {
        (row["style_name"], row["package_digest"])
        for row in records.rows["style_sources"]
        if row["holder"] == holder or row["licence"] in licences
    }
    styles |= {
        (row["name"], row["package_digest"])
        for row in records.rows["style_approvals"]
        if row["licence_holder"] == holder or row["licence_id"] in licences
    }
    return first_columns(
        row
        for row in records.rows["outputs"]
        if (row["style_name"], row["package_digest"]) in styles
        or not licences.isdisjoint({row["style_licence"], row["asset_licence"], row["consent"]})
    )


def retention(records: Records, today: date) -> Answered:
    due = [
        ("retention ended", row["uri"], ", ".join(_held_by(records, row)))
        for row in records.rows["outputs"]
        if row["state"] == "live" and row["retain_until"] is not None and row["retain_until"] <= today
    ]
    reviews = [
        ("hold to be reviewed", f"{row['scope']} {row['of']}: {row['why']}", row["hold_id"])
        for row in records.rows["legal_holds"]
        if row["released_at"] is None and row["review_on"] is not None and row["review_on"] <= today
    ]
    return Counter([*due, *reviews])


def _held_by(records: Records, row: Row) -> Iterator[str]:
    style = row["style_name"]
    names = {
        "campaign": {row["campaign"]},
        "style": {style, f"{style}/{row['style_version']}"},
        "licence": {row["asset_licence"], row["style_licence"], row["consent"]},
        "asset": {row["key"], row["asset_digest"]},
    }
    for hold in records.rows["legal_holds"]:
        if hold["released_at"] is None and hold["of"] in names[hold["scope"]]:
            yield hold["hold_id"]


def cost(records: Records) -> Answered:
    sums: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in records.rows["usage"]:
        sums[row["campaign"], row["style_name"]].append(row)
    return Counter((*key, *_spent(rows)) for key, rows in sums.items())


def _spent(rows: list[Row]) -> tuple[Any, ...]:
    def seconds(is_cpu: bool) -> float:
        return sum(row["busy_ms"] for row in rows if (row["device"] == "cpu") == is_cpu) / 1000

    measured = [row["energy_j"] for row in rows if row["energy_j"] is not None]
    unmeasured = sum(row["pictures"] for row in rows if row["energy_j"] is None)
    pictures = sum(row["pictures"] for row in rows)
    return pictures, seconds(True), seconds(False), sum(measured) if measured else None, unmeasured


def events_of(records: Records, subject: str) -> list[NewEvent]:
    return [event for _, event in records.events if event.subject == subject]


def policy_at(records: Records, moment: datetime) -> tuple[str, datetime] | None:
    changes = [(at, event) for at, event in records.events if event.kind is EventKind.POLICY_CHANGED and at <= moment]
    return (str(changes[-1][1].body["to"]), changes[-1][0]) if changes else None


def certificates(records: Records, today: date, days: int) -> Answered:
    signed = Counter(row["certificate"] for row in records.rows["outputs"])

    def stands(row: Row) -> str:
        left = (row["not_after"].date() - today).days
        if row["revoked_at"] is not None:
            return "revoked"
        return "expired" if left < 0 else "expires soon" if left <= days else "in use"

    return Counter(
        (str(row["fingerprint"]), stands(row), signed[row["fingerprint"]]) for row in records.rows["certificates"]
    )


def in_march(row: Row) -> bool:
    return (BEGIN.year, 3) == (published(row).year, published(row).month)
