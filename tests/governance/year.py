"""A year of a house, made up from a seed: all that an audit can ask about, with something planted for each question.

The rows are the plain records: tests answer from them by hand, without SQL. Everything is written in the order in
which it happened, the ledger through ``ledger.append``, so that it verifies.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Table

from governance import ledger
from governance.db import Database, insert_rows
from governance.events import EventKind, NewEvent, item_subject
from governance.tables.outputs import CERTIFICATES, LEGAL_HOLDS, OUTPUTS, RECALLS, USAGE
from governance.tables.policies import POLICIES, REFUSALS
from governance.tables.rights import EVALUATIONS, LICENCES, PEOPLE, ROLES, STYLE_APPROVALS, STYLE_SOURCES
from governance.tables.work import ITEMS, REVIEWS, RUNS
from stylecore.data import Digest, canonical_json

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
CHANNELS = ("web", "print", "social", "shop")
TERRITORIES = ("DE", "FR", "GB", "US", "JP")
CAMPAIGNS = tuple(f"campaign-{number:02}" for number in range(12))
STYLES = tuple(f"style-{number}" for number in range(8))
REVIEWERS = ("Rosa Klee", "Tomás Vidal", "Mina Sørensen", "Ødegård, Per", "Yu Chen")
ASKERS = ("brand-ops", "studio", "rosa  KLEE")
"""The last asks for pictures now and then, and reviews some of them herself."""

Row = dict[str, Any]


def digest(*of: object) -> Digest:
    return Digest.of(repr(of).encode())


def day(number: float) -> date:
    return (BEGIN + timedelta(days=number)).date()


@dataclass(slots=True)
class Records:
    """Everything that was made up, by table, and the events with the moment each was told at."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    events: list[tuple[datetime, NewEvent]] = field(default_factory=list)

    def one(self, table: str, **equal: object) -> Row:
        return next(row for row in self.rows[table] if all(row[name] == value for name, value in equal.items()))


@dataclass(slots=True)
class Day:
    """What happened between two moments."""

    at: datetime
    rows: list[tuple[Table, Row]] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)


class House:
    """What there is before the first picture is made, and what becomes of it in the course of the year."""

    def __init__(self, rng: random.Random, licences: int) -> None:
        self.rng = rng
        self.asset_licences = [self._licence("picture", f"shoot-{number:03}") for number in range(licences)]
        self.consents = [self._licence("consent", f"consent-{number:03}") for number in range(licences)]
        self.style_licences = [self._licence("style", f"artist-{number}") for number in range(6)]
        self.licences = [*self.asset_licences, *self.consents, *self.style_licences]
        self.withdrawn = {
            each["licence_id"]: day(rng.uniform(100, 300))
            for some in (self.asset_licences, self.consents, self.style_licences)
            for each in rng.sample(some, max(1, len(some) // 12))
        }
        self.versions = [self._version(name, version) for name in STYLES for version in (1, 2, 3)]
        self.certificates = [self._certificate(number) for number in range(3)]
        self.policies = [digest("policy", number) for number in range(3)]
        self.holds = [self._hold(number) for number in range(6)]
        self.recalls = [self._recall(number) for number in range(2)]

    def holds_on(self, licence: Row, on: date) -> bool:
        """Of a licence, or of a style version by the licence that it has."""
        until, withdrawn = licence["valid_until"], self.withdrawn.get(licence["licence_id"])
        return (until is None or on <= until) and (withdrawn is None or on < withdrawn)

    def opening(self) -> Day:
        """The first morning."""
        opened = Day(BEGIN)
        for number, name in enumerate(("Ada", *REVIEWERS)):
            folded = " ".join(name.casefold().split())
            about = {"folded": folded, "name": name, "state": "active", "added_by": "Ada", "added_at": BEGIN}
            opened.rows.append((PEOPLE, about))
            role = "reviewer" if number else "administrator"
            opened.rows.append((ROLES, {"folded": folded, "role": role, "granted_by": "Ada", "granted_at": BEGIN}))
        opened.rows += [(LICENCES, each) for each in self.licences]
        for each in self.licences:
            opened.events.append(NewEvent(EventKind.LICENCE_RECORDED, "cleo", f"licence:{each['licence_id']}"))
        for table, rows in ((CERTIFICATES, self.certificates), (LEGAL_HOLDS, self.holds), (RECALLS, self.recalls)):
            opened.rows += [(table, each) for each in rows]
        for number, version in enumerate(self.versions):
            opened.rows += self._rows_of(number, version)
            opened.events += self._events_of(number, version)
        return opened

    def happenings(self, on: date, told: int) -> Iterator[NewEvent]:
        """What else comes to pass on a day, in a ledger that holds so many events."""
        number = (on - BEGIN.date()).days
        for licence_id, withdrawn in self.withdrawn.items():
            if withdrawn == on:
                yield NewEvent(EventKind.LICENCE_WITHDRAWN, "cleo", f"licence:{licence_id}", {"why": "asked to"})
        if number % 122 == 5:
            before = self.policies[number // 122 - 1] if number > 122 else None
            body = {"from": before, "to": self.policies[number // 122]}
            yield NewEvent(EventKind.POLICY_CHANGED, "cleo", "policy", body)
        if number % 90 == 40:
            body = {"why": "the agency called at night", "until": day(number + 2).isoformat()}
            yield NewEvent(EventKind.BREAK_GLASS, "Ada", "style:style-1/2", body)
        body = {"size": told, "root": "", "note": "made up"}
        yield NewEvent(EventKind.LEDGER_CHECKPOINTED, "nightly", "ledger", body)

    def _licence(self, kind: str, licence_id: str) -> Row:
        rng = self.rng
        everywhere = kind != "picture" or rng.random() < 0.5
        return {
            "licence_id": licence_id,
            "kind": kind,
            "holder": f"Holder {licence_id[-1]}",
            "evidence_digest": digest("evidence", licence_id),
            "evidence": "the safe",
            "valid_from": None,
            "valid_until": None if rng.random() < 0.4 else day(rng.uniform(60, 500)),
            "asset_classes": '["*"]',
            "channels": '["*"]' if everywhere else _json(sorted(rng.sample(CHANNELS, 3))),
            "territories": '["*"]' if everywhere else _json(sorted(rng.sample(TERRITORIES, 4))),
            "exclusive": False,
            "derivatives": True,
            "ai_training": rng.choice((True, False, None)),
            "attribution": "",
            "state": "in force",
            "recorded_by": "cleo",
            "recorded_at": BEGIN,
        }

    def _version(self, name: str, version: int) -> Row:
        licence = self.rng.choice(self.style_licences)
        return {
            "name": name,
            "version": version,
            # Two styles come in one package.
            "package_digest": digest("package", STYLES.index(name) // 2, version),
            "licence_id": licence["licence_id"],
            "licence_holder": licence["holder"],
            "valid_until": licence["valid_until"],
            "asset_classes": '["*"]',
            "channels": _json(["*"] if version < 3 else ["print", "web"]),
            "territories": _json(["*"]),
            "approved_by": "Ada",
            "approved_at": BEGIN,
            "state": "approved",
        }

    def _rows_of(self, number: int, version: Row) -> Iterator[tuple[Table, Row]]:
        yield STYLE_APPROVALS, version
        style = {"style_name": version["name"], "style_version": version["version"]}
        package = {"package_digest": version["package_digest"]}
        for role in ("style image", "training data"):
            licence = self.rng.choice(self.asset_licences)
            origin = {"title": f"{role} {number}", "source": "the archive", "digest": digest(role, number)}
            rights = {"licence": licence["licence_id"], "holder": licence["holder"], "consent": ""}
            yield STYLE_SOURCES, {**style, **package, "role": role, **origin, **rights}
        measured = {"gates_digest": digest("gates"), "golden_digest": digest("golden"), "passed": True, "report": "{}"}
        yield EVALUATIONS, {**style, **package, **measured, "evaluated_by": "otto", "at": BEGIN}

    def _events_of(self, number: int, version: Row) -> Iterator[NewEvent]:
        subject, told = f"style:{version['name']}/{version['version']}", {"package_digest": version["package_digest"]}
        # Every tenth was let in by the one who registered it, who spells the name otherwise.
        yield NewEvent(EventKind.STYLE_REGISTERED, "ADA " if number % 10 == 3 else "otto", subject, told)
        yield NewEvent(EventKind.STYLE_EVALUATED, "otto", subject, {**told, "passed": True})
        yield NewEvent(EventKind.STYLE_APPROVED, "Ada", subject, told)

    def _certificate(self, number: int) -> Row:
        return {
            "fingerprint": digest("certificate", number),
            "purpose": "files",
            "subject": f"CN=Signer {number}",
            "issuer": "CN=House",
            "development": number == 0,
            "not_before": BEGIN,
            "not_after": BEGIN + timedelta(days=(200, 380, 900)[number]),
            "first_used_at": BEGIN + timedelta(days=122 * number),
            "revoked_at": BEGIN + timedelta(days=150) if number == 0 else None,
            "revoked_why": "the key was on a laptop" if number == 0 else None,
        }

    def _hold(self, number: int) -> Row:
        scope, of = (
            ("campaign", CAMPAIGNS[3]),
            ("style", "style-2"),
            ("style", "style-4/1"),
            ("licence", self.asset_licences[0]["licence_id"]),
            ("asset", "library/000007.jpg"),
            ("campaign", CAMPAIGNS[5]),
        )[number]
        return {
            "hold_id": f"hold-{number}",
            "scope": scope,
            "of": of,
            "why": "a court asked",
            "placed_by": "cleo",
            "placed_at": BEGIN + timedelta(hours=number),
            "review_on": None if number % 2 else day(300 + 40 * number),
            "released_by": "cleo" if number == 5 else None,
            "released_at": BEGIN + timedelta(days=50) if number == 5 else None,
        }

    def _recall(self, number: int) -> Row:
        return {
            "recall_id": f"recall-{number}",
            "scope": "style",
            "of": f"style-{number}",
            "why": "the artist asked",
            "ordered_by": "cleo",
            "ordered_at": BEGIN,
            **dict.fromkeys(("ended_at", "lifted_by", "lifted_at")),
        }


class Pictures:
    """One picture after the other: what it was made of, how it was decided, what was published, what was found."""

    def __init__(self, rng: random.Random, house: House, count: int) -> None:
        self.rng, self.house, self.count = rng, house, count
        self.week = -1
        self.ordinal = 0

    def on(self, at: datetime, first: int, last: int) -> Day:
        """The pictures of a day. Every week has a run a campaign, with what it cost."""
        today = Day(at)
        week = (at - BEGIN).days // 7
        if week != self.week:
            self.week = week
            for campaign in CAMPAIGNS:
                today.rows += self._run(campaign, at)
        for number in range(first, last):
            self._picture(today, number, at + timedelta(seconds=(number - first) * 80_000 / max(1, last - first)))
        return today

    def _run(self, campaign: str, at: datetime) -> Iterator[tuple[Table, Row]]:
        rng, run_id = self.rng, self._run_id(campaign)
        counts = dict.fromkeys(("seen", "new", "refused_new", "already", "lifted", "withdrawn", "changed"), 0)
        yield (
            RUNS,
            {
                **{"run_id": run_id, "campaign": campaign, "campaign_digest": digest(campaign), "campaign_text": ""},
                **{"actor": "scheduler", "host": "studio", "pid": 1, "flow_run_id": None, "state": "finished"},
                **{"started_at": at, "ended_at": at, "problem": None, "counts": None},
                **{f"plan_{name}": value for name, value in counts.items()},
            },
        )
        for style in rng.sample(STYLES, 2):
            device = rng.choice(("cpu", "cuda:0"))
            cost = {"pictures": rng.randrange(1, 500), "busy_ms": rng.randrange(1_000, 900_000)}
            energy = rng.randrange(100, 90_000) if device != "cpu" else None
            about = {"run_id": run_id, "style_name": style, "device": device, "campaign": campaign, "at": at}
            yield USAGE, {**about, **cost, "energy_j": energy}

    def _run_id(self, campaign: str) -> str:
        return f"{campaign}-{self.week:02}"

    def _picture(self, today: Day, number: int, at: datetime) -> None:
        rng = self.rng
        self.ordinal += 1
        version = self._allowed(self.house.versions, at.date())
        licence = self._allowed(self.house.asset_licences, at.date())
        item = self._item(number, at, version, licence)
        subject = item_subject(item["item_id"])
        told = {"run": item["planned_in_run"], "campaign": item["campaign"], "asset_digest": item["asset_digest"]}
        fate = rng.random()
        if fate < 0.03:
            self._refused(today, item, at, version)
            return
        today.events.append(NewEvent(EventKind.ITEM_PLANNED, "scheduler", subject, told))
        reasons, reviews = self._reviewed(item, at, rejected=fate < 0.07)
        item["reasons"] = _json(reasons)
        if reviews:
            today.events.append(NewEvent(EventKind.ITEM_REVIEW_HELD, "scheduler", subject, {"reasons": reasons}))
        today.rows.append((ITEMS, item))
        today.rows += [(REVIEWS, each) for each in reviews]
        for each in reviews:
            yes = each["verdict"] == "approve"
            kind = EventKind.ITEM_REVIEW_APPROVED if yes else EventKind.ITEM_REVIEW_REJECTED
            today.events.append(NewEvent(kind, each["reviewer"], subject, {"note": each["note"]}))
        if fate < 0.07:
            return
        if not reviews:
            today.events.append(NewEvent(EventKind.ITEM_APPROVED, "scheduler", subject, {}))
        output = self._output(item, at, version, licence, len(reviews))
        today.rows.append((OUTPUTS, output))
        signed = {"output_digest": output["output_digest"], "statement_digest": output["statement_digest"]}
        today.events.append(NewEvent(EventKind.ITEM_SIGNED, "scheduler", subject, signed))
        today.events.append(NewEvent(EventKind.ITEM_PUBLISHED, "scheduler", subject, {"output_uri": output["uri"]}))
        if output["state"] == "withdrawn":
            today.events.append(NewEvent(EventKind.OUTPUT_WITHDRAWN, "cleo", subject, {"recall": output["recall_id"]}))

    def _allowed(self, among: list[Row], on: date) -> Row:
        """One whose licence holds, but for a few."""
        found = self.rng.choice(among)
        for _ in range(40):
            if self.house.holds_on(found, on) or self.rng.random() < 0.006:
                break
            found = self.rng.choice(among)
        return found

    def _place(self, what: str, everything: tuple[str, ...], version: Row, licence: Row) -> str:
        """Where both allow it, but for a few."""
        allowed = {name for row in (version, licence) for name in json.loads(row[what])} - {"*"}
        for row in (version, licence):
            if row[what] != '["*"]':
                allowed &= set(json.loads(row[what]))
        return self.rng.choice(sorted(allowed) if allowed and self.rng.random() > 0.004 else everything)

    def _item(self, number: int, at: datetime, version: Row, licence: Row) -> Row:
        rng = self.rng
        key, asset = f"library/{number % (self.count // 2 + 1):06}.jpg", digest("asset", number % (self.count // 2 + 1))
        run_id, campaign = self._run_id(rng.choice(CAMPAIGNS)), ""
        campaign = run_id.rpartition("-")[0]
        return {
            **{"ordinal": self.ordinal, "item_id": digest("item", number), "campaign": campaign},
            **{"planned_in_run": run_id, "touched_in_run": run_id, "store": "library", "key": key, "version": "1"},
            **{"size_bytes": 1_000, "modified_at": None, "uri": f"file:///{key}", "asset_digest": asset},
            **{"asset_class": rng.choice(("product", "people")), "style_name": version["name"]},
            **{"style_version": version["version"], "package_digest": version["package_digest"], "recipe": "{}"},
            "channel": self._place("channels", CHANNELS, version, licence),
            "territory": self._place("territories", TERRITORIES, version, licence),
            **{"asked_by": rng.choices(ASKERS, (60, 38, 2))[0], "destination": "folder:out", "pipeline": "1"},
            **{"state": "published", "reasons": "[]", "scores": None, "rendition_digest": digest("made", number)},
            **{"media_type": "image/jpeg", "width_px": 640, "height_px": 480},
            **{"statement_digest": digest("statement", number), "output_digest": digest("file", number)},
            **{"output_uri": f"file:///out/{number}.jpg", "approvals_needed": 1, "times_held": 0},
            **{"created_at": at, "updated_at": at},
        }

    def _refused(self, today: Day, item: Row, at: datetime, version: Row) -> None:
        code = self.rng.choice(("rights_ended", "consent_expired", "style_channel_not_covered"))
        reasons = [{"code": code, "text": f"refused by {code}"}]
        nothing = dict.fromkeys(("rendition_digest", "statement_digest", "output_digest", "output_uri"))
        today.rows.append((ITEMS, {**item, **nothing, "state": "refused", "reasons": _json(reasons)}))
        about = {"campaign": item["campaign"], "style_name": version["name"], "item_id": item["item_id"]}
        today.rows.append((REFUSALS, {"at": at, **about, "action": "restyle", **reasons[0]}))
        subject = item_subject(item["item_id"])
        today.events.append(NewEvent(EventKind.ITEM_REFUSED, "scheduler", subject, {"reasons": reasons}))

    def _reviewed(self, item: Row, at: datetime, *, rejected: bool) -> tuple[list[Row], list[Row]]:
        """Why it was held and who said what; a third of all that is published is looked at by somebody."""
        rng = self.rng
        if not rejected and rng.random() < 0.67:
            return [], []
        item["times_held"] = 1
        item["state"] = "rejected" if rejected else "published"
        code = rng.choices(("score_below_bound", "calibration_sample", "four_eyes_class"), (60, 30, 10))[0]
        people = rng.sample(REVIEWERS, 2 if code == "four_eyes_class" else 1)
        if item["asked_by"] == ASKERS[2]:
            people[0] = REVIEWERS[0]
        reviews = []
        for number, reviewer in enumerate(dict.fromkeys(people)):
            no = rejected and number == len(people) - 1
            batch = f"batch-{at:%m%d}-{reviewer[:2]}" if rng.random() < 0.2 else None
            said = {"verdict": "reject" if no else "approve", "reason_code": "artefacts" if no else "looks_right"}
            when = {"at": at, "held_at": at - timedelta(minutes=rng.randrange(5, 3_000)), "batch": batch}
            about = {"item_id": item["item_id"], "hold": 1, "reviewer": reviewer, "note": ""}
            own = item["asked_by"] == ASKERS[2] and reviewer == REVIEWERS[0]
            reviews.append({**about, **said, **when, "own": own})
        return [{"code": code, "text": f"held for {code}"}], reviews

    def _output(self, item: Row, at: datetime, version: Row, licence: Row, reviews: int) -> Row:
        rng, house, number = self.rng, self.house, self.ordinal
        person = rng.choices((True, None, False), (20, 1, 79))[0]
        consents = [rng.choice(house.consents), self._allowed(house.consents, at.date())]
        consent = rng.choices([None, *consents], (4, 30, 66))[0] if person else None
        known_until = licence["valid_until"] if rng.random() < 0.98 else day(rng.uniform(30, 400))
        withdrawn = version["name"] in ("style-0", "style-1") and rng.random() < 0.2
        looked = rng.random() < 0.9
        found = rng.choices(("same", "changed", "missing", "unreadable"), (970, 10, 15, 5))[0] if looked else None
        credentials = rng.choices(("valid", "invalid", "missing"), (980, 8, 12))[0] if looked else None
        columns = ("store", "key", "asset_digest", "asset_class", "package_digest", "channel", "territory", "asked_by")
        more = ("style_name", "style_version", "media_type", "size_bytes", "rendition_digest", "output_digest")
        names = ("item_id", "campaign", "destination", "statement_digest")
        return {
            **{name: item[name] for name in (*names, *columns, *more)},
            **{"ordinal": number, "published_at": at, "published_by": "scheduler", "run_id": item["planned_in_run"]},
            **{"asset_licence": licence["licence_id"], "rights_until": known_until},
            **{"style_licence": version["licence_id"], "style_until": version["valid_until"]},
            **{"policy_digest": house.policies[0], "shows_person": person, "reviews": reviews},
            "consent": "" if consent is None else consent["licence_id"],
            "consent_until": None if consent is None else consent["valid_until"],
            **{"has_mark": rng.random() < 0.03, "uri": item["output_uri"], "stamped": True},
            "certificate": house.certificates[(at - BEGIN).days // 122 if (at - BEGIN).days < 365 else 2][
                "fingerprint"
            ],
            "ai_label": rng.random() > 0.01,
            "inbound": rng.choices(("none", "kept", "dropped"), (800, 190, 10))[0],
            "fingerprint": None,
            "retain_until": None if rng.random() < 0.5 else (at + timedelta(days=rng.randrange(90, 900))).date(),
            "state": "withdrawn" if withdrawn else "live",
            "withdrawn_at": at if withdrawn else None,
            "recall_id": f"recall-{version['name'][-1]}" if withdrawn else None,
            "checked_at": at if looked else None,
            **{"found": found, "credentials": credentials, "credentials_why": None},
            "found_digest": digest("found", number) if found == "changed" else None,
        }


def days_of(pictures: int, *, seed: int = 1, licences: int = 60) -> Iterator[Day]:
    """The whole year, day by day."""
    rng = random.Random(seed)
    house = House(rng, licences)
    for licence in house.licences:
        if licence["licence_id"] in house.withdrawn:
            licence["state"] = "withdrawn"
    opening = house.opening()
    yield opening
    told = len(opening.events)
    made = Pictures(rng, house, pictures)
    for number in range(DAYS):
        at = BEGIN + timedelta(days=number, hours=1)
        today = made.on(at, pictures * number // DAYS, pictures * (number + 1) // DAYS)
        happened = Day(at, events=list(house.happenings(at.date(), told)))
        told += len(happened.events) + len(today.events)
        yield happened
        yield today
    yield Day(BEGIN + timedelta(days=DAYS), [(POLICIES, each) for each in _policies(house)])


def write(db: Database, days: Iterable[Day], *, at_once: int = 30) -> Iterator[Day]:
    """Keeps the days, many in one transaction, and hands each on once it is kept."""
    waiting: list[Day] = []
    for each in days:
        waiting.append(each)
        if len(waiting) == at_once:
            yield from _kept(db, waiting)
            waiting = []
    yield from _kept(db, waiting)


def a_year(db: Database, pictures: int, *, seed: int = 1) -> Records:
    """The year in the database, and all of it as plain records."""
    records = Records()
    for each in write(db, days_of(pictures, seed=seed)):
        for table, row in each.rows:
            records.rows[table.name].append(row)
        records.events += [(each.at, event) for event in each.events]
    return records


def _kept(db: Database, days: list[Day]) -> list[Day]:
    with db.write() as connection:
        for each in days:
            by_table: dict[Table, list[Row]] = defaultdict(list)
            for table, row in each.rows:
                by_table[table].append(row)
            for table in sorted(by_table, key=_ORDER.index):
                insert_rows(connection, table, by_table[table])
            ledger.append(connection, each.events, at=each.at)
    return days


_ORDER = (
    *(PEOPLE, ROLES, LICENCES, CERTIFICATES, LEGAL_HOLDS, RECALLS, STYLE_APPROVALS, STYLE_SOURCES, EVALUATIONS),
    *(POLICIES, RUNS, USAGE, ITEMS, REVIEWS, REFUSALS, OUTPUTS),
)


def _policies(house: House) -> Iterator[Row]:
    for number, each in enumerate(house.policies):
        yield {"digest": each, "files": _json([["rules.cedar", f"// policy {number}"]]), "first_seen_at": BEGIN}


def _json(value: object) -> str:
    return canonical_json(value).decode()
