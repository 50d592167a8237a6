"""The register of licences: what is kept, what the ledger tells, and files that go out and come in again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import ledger
from governance import licence_register as register
from governance.db import Database
from governance.errors import PolicyError, UsageError
from governance.licence_files import COLUMNS, BadLines, import_file, read, written
from governance.licence_register import AlreadyWithdrawn, Licence, LicenceKind, LicenceState, Recorded
from stylecore.data import Digest

STUDIO = Licence("L-1", LicenceKind.PICTURE, "the studio", derivatives=True)
DAY = date(2026, 6, 1)


def kinds(db: Database) -> list[str]:
    return [event.kind for event in ledger.page(db)]


def file(licences: Iterable[Licence]) -> bytes:
    return "".join(written(licences)).encode()


def lines(*rows: str, heading: str = "licence_id,kind,holder,valid_until,derivatives") -> bytes:
    return "\n".join((heading, *rows)).encode()


def problems(content: bytes) -> dict[int, str]:
    with pytest.raises(BadLines) as told:
        read(content)
    return {each.number: each.why for each in told.value.lines}


def test_a_licence_is_kept_with_all_that_it_says(database: Database) -> None:
    said = Licence(
        "L-2",
        LicenceKind.STYLE,
        "Zoë Ito",
        "safe 4",
        Digest("a" * 64),
        DAY,
        date(2027, 1, 1),
        frozenset({"Product"}),
        frozenset({"web", "print"}),
        frozenset({"DE"}),
        exclusive=True,
        derivatives=True,
        ai_training=False,
        attribution="© Zoë Ito",
    )
    assert register.record(database, [said], "carla") == Recorded(1, 0, 0)
    entry = register.get(database, "L-2")
    assert entry.licence == said
    assert entry.licence.asset_classes == {"product"}
    assert entry.recorded_by == "carla"


def test_the_same_again_records_nothing(database: Database) -> None:
    register.record(database, [STUDIO], "carla")
    assert register.record(database, [STUDIO], "carl") == Recorded(0, 0, 1)
    assert kinds(database) == ["licence:recorded"]


def test_what_a_licence_said_before_is_in_the_ledger(database: Database) -> None:
    register.record(database, [STUDIO], "carla")
    register.record(database, [replace(STUDIO, derivatives=False)], "carla")
    assert register.get(database, "L-1").licence.derivatives is False
    assert ledger.page(database)[-1].body["before"] == {"derivatives": True}


def test_a_withdrawn_licence_stays_so(database: Database) -> None:
    register.record(database, [STUDIO], "carla")
    entry = register.withdraw(database, "L-1", "carla", "the studio ended it")
    assert entry.licence.state is LicenceState.WITHDRAWN
    assert kinds(database) == ["licence:recorded", "licence:withdrawn"]
    with pytest.raises(AlreadyWithdrawn, match="L-1"):
        register.record(database, [STUDIO], "carla")
    with pytest.raises(PolicyError, match="before"):
        register.withdraw(database, "L-1", "carla", "again")


def test_a_file_can_withdraw_a_licence(database: Database) -> None:
    register.record(database, [STUDIO], "carla")
    register.record(database, [replace(STUDIO, state=LicenceState.WITHDRAWN)], "carla")
    assert kinds(database) == ["licence:recorded", "licence:withdrawn"]


def test_an_unknown_licence_is_told_as_such(database: Database) -> None:
    with pytest.raises(UsageError, match="licence list"):
        register.get(database, "L-9")
    with pytest.raises(UsageError):
        register.withdraw(database, "L-9", "carla", "why not")
    assert register.named(database, {"L-9"}) == {}


def test_the_register_is_listed_by_ids_over_pages_and_by_kind_and_holder(database: Database) -> None:
    many = [Licence(f"L-{number:04}", LicenceKind.PICTURE, "the studio") for number in range(1_200)]
    register.record(database, [*many, Licence("C-1", LicenceKind.CONSENT, "Ann")], "carla")
    assert [each.licence for each in register.entries(database, kind=LicenceKind.PICTURE)] == many
    assert [each.licence.licence_id for each in register.entries(database, holder="Ann")] == ["C-1"]
    assert len(register.named(database, [each.licence_id for each in many])) == 1_200


def test_what_ends_soon_is_told_soonest_first_and_without_what_was_withdrawn(database: Database) -> None:
    ends = {"a": date(2026, 6, 30), "b": date(2026, 6, 1), "c": date(2026, 7, 2), "d": None, "e": date(2026, 6, 2)}
    register.record(database, [replace(STUDIO, licence_id=name, valid_until=day) for name, day in ends.items()], "c")
    register.withdraw(database, "e", "c", "ended early")
    found = register.expiring(database, DAY, date(2026, 7, 1))
    assert [each.licence.licence_id for each in found] == ["b", "a"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"licence_id": " "},
        {"holder": "two\nlines"},
        {"holder": "\u202egnirts"},
        {"valid_from": DAY, "valid_until": date(2026, 5, 31)},
        {"channels": frozenset()},
        {"channels": frozenset({"web|print"})},
        {"territories": frozenset({"D*"})},
        {"attribution": "x" * 2_000},
    ],
)
def test_what_cannot_be_a_licence_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        replace(STUDIO, **wrong)


def test_an_exclusive_style_licence_is_warned_of() -> None:
    style = replace(STUDIO, kind=LicenceKind.STYLE, exclusive=True, channels=frozenset({"web"}))
    assert any("exclusive for web in any territory" in told for told in register.warnings(style, DAY))
    assert not any("exclusive" in told for told in register.warnings(STUDIO, DAY))


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\u202a\u202b\u202c"
    "\u202d\u202e\u2066\u2067\u2068\u2069"), max_size=20)  # fmt: skip
FORMULAS = st.builds("".join, st.tuples(st.sampled_from(["=", "+", "-", "@", "'=", "''-", "'", "＝", '"', ";"]), TEXTS))
WORDS = TEXTS | FORMULAS
SETS = st.just(register.ANY) | st.frozensets(
    WORDS.map(lambda word: word.translate(dict.fromkeys(map(ord, "|,;*"))).strip()).filter(bool), min_size=1, max_size=4
)
DAYS = st.none() | st.dates(min_value=date(1, 1, 1))
MAYBE = st.none() | st.booleans()


@st.composite
def licences(draw: st.DrawFn) -> Licence:
    first, last = draw(DAYS), draw(DAYS)
    return Licence(
        licence_id=draw(WORDS.filter(str.strip)),
        kind=draw(st.sampled_from(LicenceKind)),
        holder=draw(WORDS.filter(str.strip)),
        evidence=draw(WORDS),
        evidence_digest=draw(st.none() | st.just(Digest("b" * 64))),
        valid_from=first,
        valid_until=None if first and last and last < first else last,
        asset_classes=draw(SETS),
        channels=draw(SETS),
        territories=draw(SETS),
        exclusive=draw(st.booleans()),
        derivatives=draw(MAYBE),
        ai_training=draw(MAYBE),
        attribution=draw(WORDS),
        state=draw(st.sampled_from(LicenceState)),
    )


@given(st.lists(licences(), max_size=5, unique_by=lambda each: each.licence_id))
def test_what_goes_out_comes_in_again_just_so(some: list[Licence]) -> None:
    assert list(read(file(some)).values()) == some


@given(licences())
def test_no_cell_of_a_written_file_is_a_formula(one: Licence) -> None:
    import csv

    _, cells = csv.reader("".join(written([one])).splitlines())
    assert not any(cell.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) for cell in cells)


def test_what_a_spreadsheet_saves_is_read() -> None:
    rows = 'L-1;picture;"the ""big"" studio; Berlin";2030-12-31;yes\r\n\r\n;;;;\r\nC-1;consent;Zoë;;\r\n'
    content = f"\ufeffsep=;\r\nlicence_id;kind;holder;valid_until;derivatives\r\n{rows}".encode()
    found = read(content)
    assert {number: each.holder for number, each in found.items()} == {3: 'the "big" studio; Berlin', 6: "Zoë"}
    assert found[3].valid_until == date(2030, 12, 31)
    assert found[6].derivatives is None


def test_every_bad_line_is_named_with_its_number_and_reason() -> None:
    told = problems(
        lines(
            "L-1,picture,studio,2030-01-01,yes",
            "L-2,photo,studio,,",
            ",picture,studio,,",
            "L-4,picture,studio,31.12.2030,",
            "L-5,picture,studio,,perhaps",
            "L-1,picture,studio,,",
            "L-7,picture,studio,,,surplus",
            "L-8,picture,studio,2030-02-30,",
        )
    )
    assert sorted(told) == [3, 4, 5, 6, 7, 8, 9]
    assert "one of style, picture, training, consent" in told[3]
    assert "YYYY-MM-DD" in told[5]
    assert "on line 2 already" in told[7]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "without a heading"),
        (b"licence_id,kind\nL-1,picture", "without holder"),
        (b"licence_id,kind,holder,colour\n", "colour"),
        ("licence_id,kind,holder\nL-1,picture,Zoë".encode("utf-16"), "UTF-8"),
        (lines('L-1,picture,"never closed'), "line 2"),
        (lines('L-1,picture,"two\nlines",,'), "line 2"),
        (lines("L-1,picture,a\0b,,"), "line 2"),
        (lines(f"L-1,picture,{'x' * 200_000},,"), "line 2"),
    ],
)
def test_what_is_no_such_file_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read(content)


def test_a_file_over_the_bound_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.licence_files.MAX_FILE_BYTES", 100)
    with pytest.raises(UsageError, match="at most 100"):
        read(b"x" * 101)
    monkeypatch.setattr("governance.licence_files.MAX_FILE_BYTES", 1_000)
    monkeypatch.setattr("governance.licence_files.MAX_LINES", 2)
    with pytest.raises(UsageError, match="over 2 lines"):
        read(lines(*(f"L-{number},picture,studio,," for number in range(9))))


def test_of_a_file_with_a_bad_line_nothing_is_recorded(database: Database) -> None:
    with pytest.raises(BadLines):
        import_file(database, lines("L-1,picture,studio,,", "L-2,photo,studio,,"), "carla")
    assert list(register.entries(database)) == []
    assert kinds(database) == []


def test_a_file_that_would_bring_a_withdrawn_licence_back_is_refused_by_its_line(database: Database) -> None:
    register.record(database, [STUDIO], "carla")
    register.withdraw(database, "L-1", "carla", "the studio ended it")
    with pytest.raises(BadLines, match="line 3: that licence was withdrawn"):
        import_file(database, lines("L-0,picture,studio,,", "L-1,picture,studio,,"), "carla")
    assert [each.licence.licence_id for each in register.entries(database)] == ["L-1"]


def test_the_same_file_again_changes_nothing_and_a_changed_one_only_what_changed(database: Database) -> None:
    first = lines("L-1,picture,studio,,yes", "L-2,picture,studio,,yes")
    assert import_file(database, first, "carla") == Recorded(2, 0, 0)
    assert import_file(database, first, "carla") == Recorded(0, 0, 2)
    changed = lines("L-1,picture,studio,,yes", "L-2,picture,studio,,no", "L-3,picture,studio,,")
    assert import_file(database, changed, "carla") == Recorded(1, 1, 1)
    assert kinds(database) == ["licence:recorded"] * 4


def test_the_whole_register_goes_into_another_workspace(database: Database) -> None:
    ended = replace(STUDIO, licence_id="L-2", state=LicenceState.WITHDRAWN)
    register.record(database, [STUDIO, ended], "carla")
    out = file(each.licence for each in register.entries(database))
    assert out.decode().splitlines()[0] == ",".join(COLUMNS)
    assert import_file(database, out, "carla") == Recorded(0, 0, 2)


@pytest.mark.slow
def test_a_hundred_thousand_lines_are_recorded_and_told(database: Database) -> None:
    rows = [f"L-{number},picture,studio {number % 50},2030-01-01,yes" for number in range(100_000)]
    assert import_file(database, lines(*rows), "carla") == Recorded(100_000, 0, 0)
    assert ledger.head(database).seq == 100_000
