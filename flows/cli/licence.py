"""Licences and consents: the register that planning and publishing ask."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, say_json_list, table

if TYPE_CHECKING:
    from flows.wiring import Services
    from governance.authority import Act
    from governance.licence_register import Entry, LicenceKind

licence = typer.Typer(help="The register of licences and consents.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The licence's id, as stores and approvals name it.")]
Words = Annotated[list[str] | None, typer.Option(help="Only this; repeat for several (default: any).")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day as YYYY-MM-DD.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides (default: RESTYLE_ACTOR or the user).")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@licence.command()
def add(
    licence_id: Id,
    kind: Annotated[str, typer.Option(help="style, picture, training or consent.")],
    holder: Annotated[str, typer.Option(help="Who holds the rights; of a consent: the person shown.")],
    valid_from: Day = None,
    valid_until: Day = None,
    asset_class: Words = None,
    channel: Words = None,
    territory: Words = None,
    exclusive: Annotated[bool, typer.Option("--exclusive", help="Nobody else has these rights.")] = False,
    derivatives: Annotated[bool | None, typer.Option(help="Altered copies are allowed, or are not.")] = None,
    ai_training: Annotated[bool | None, typer.Option(help="Training on it is allowed, or is not.")] = None,
    attribution: Annotated[str, typer.Option(help="How the holder wants to be named.")] = "",
    evidence: Annotated[Path | None, typer.Option(help="The document; only its sha256 is kept.")] = None,
    kept_at: Annotated[str, typer.Option(help="Where the document is kept (default: the file's name).")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Put a licence on record, or what it says now in place of what it said."""
    from governance import licence_register as register

    services, actor = _kept(by, licence_id)
    digest = None if evidence is None else _digest_of(evidence)
    said = register.Licence(
        licence_id=licence_id,
        kind=_kind(kind),
        holder=holder,
        evidence=kept_at or ("" if evidence is None else evidence.name),
        evidence_digest=digest,
        valid_from=_day(valid_from),
        valid_until=_day(valid_until),
        asset_classes=frozenset(asset_class or "*"),
        channels=frozenset(channel or "*"),
        territories=frozenset(territory or "*"),
        exclusive=exclusive,
        derivatives=derivatives,
        ai_training=ai_training,
        attribution=attribution,
    )
    done = register.record(services.records, [said], actor)
    if as_json:
        say_json(register.told(said))
    else:
        what = "recorded" if done.new else "changed" if done.changed else "on record already:"
        console.print(f"{what} [bold]{plain(said.licence_id)}[/]")


@licence.command()
def show(licence_id: Id, as_json: AsJson = False) -> None:
    """All that a licence says, and what to mind."""
    from governance import licence_register as register

    services = _read()
    entry = register.get(services.records, licence_id)
    said, warnings = register.told(entry.licence), register.warnings(entry.licence, datetime.now(UTC).date())
    who = {"recorded_by": entry.recorded_by, "recorded_at": entry.recorded_at.isoformat()}
    if as_json:
        say_json({**said, **who, "warnings": list(warnings)})
        return
    table(("what", "says…"), ((name, _shown(value)) for name, value in {**said, **who}.items()))
    for warning in warnings:
        console.print(f"[yellow]mind:[/] {plain(warning)}")


@licence.command(name="list")
def list_(
    kind: Annotated[str | None, typer.Option(help="Only style, picture, training or consent.")] = None,
    holder: Annotated[str | None, typer.Option(help="Only what this holder gave.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="As a CSV file that `import` takes.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is on record."""
    from governance import licence_files
    from governance import licence_register as register

    wanted = None if kind is None else _kind(kind)
    found = register.entries(_read().records, kind=wanted, holder=holder)
    if csv:
        sys.stdout.write("\ufeff")  # by which a spreadsheet knows that the file is UTF-8
        sys.stdout.writelines(licence_files.written(each.licence for each in found))
    elif as_json:
        say_json_list(register.told(each.licence) for each in found)
    else:
        _show_all(found)


@licence.command()
def expiring(
    days: Annotated[int, typer.Option(min=0, max=3650, help="How many days to look ahead.")] = 30,
    as_json: AsJson = False,
) -> None:
    """What ends soon, the soonest first."""
    from governance import licence_register as register

    today = date.today()
    found = register.expiring(_read().records, today, today + timedelta(days=days))
    if as_json:
        say_json([register.told(each.licence) for each in found])
    else:
        _show_all(found)


@licence.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file; `list --csv` shows its columns.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Record a whole file, or nothing of it; every bad line is named. The same file again changes nothing."""
    from dataclasses import asdict

    from governance.licence_files import MAX_FILE_BYTES, import_file

    services, actor = _kept(by, "import")
    done = import_file(services.records, _content(file, MAX_FILE_BYTES), actor)
    if as_json:
        say_json(asdict(done))
    else:
        console.print(f"{done.new} new, {done.changed} changed, {done.same} as they were")


@licence.command()
def withdraw(
    licence_id: Id,
    why: Annotated[str, typer.Option(help="Why, for the ledger.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """From now on it allows nothing. What was published under it stays until it is recalled."""
    from governance import licence_register as register

    services, actor = _kept(by, licence_id)
    entry = register.withdraw(services.records, licence_id, actor, why)
    if as_json:
        say_json(register.told(entry.licence))
        return
    console.print(f"withdrawn [bold]{plain(entry.licence.licence_id)}[/]")
    console.print(f"`restyle recall --licence {plain(licence_id)}` shows what was published under it")


def _kept(by: str | None, licence_id: str) -> tuple[Services, str]:
    from governance.authority import Act

    services = context.services()
    actor = by or services.settings.actor
    _require(services, actor, Act.KEEP_RIGHTS, licence_id)
    return services, actor


def _read() -> Services:
    from governance.authority import Act

    services = context.services()
    _require(services, services.settings.actor, Act.READ_AUDIT, "register")
    return services


def _require(services: Services, actor: str, act: Act, licence_id: str) -> None:
    from governance.events import licence_subject

    services.require(actor, act, licence_subject(licence_id))


def _kind(word: str) -> LicenceKind:
    from flows.errors import UsageError
    from governance.licence_register import LicenceKind

    try:
        return LicenceKind(word.strip().lower())
    except ValueError:
        raise UsageError(f"no kind of licence {word[:40]!a}", f"one of {', '.join(LicenceKind)}") from None


def _digest_of(file: Path) -> Any:
    from hashlib import file_digest

    from flows.errors import UsageError
    from stylecore.data import Digest

    try:
        with file.open("rb") as document:
            return Digest(file_digest(document, "sha256").hexdigest())
    except OSError as problem:
        raise UsageError(f"{file} cannot be read ({problem.strerror})", "the document's file") from problem


def _content(file: Path, most: int) -> bytes:
    """No more than is allowed and one byte, by which it is known to be too much."""
    from flows.errors import UsageError

    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as problem:
        raise UsageError(f"{file} cannot be read ({problem.strerror})", "a CSV file") from problem


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _show_all(entries: Iterable[Entry]) -> None:
    table(("licence", "kind", "holder…", "state", "until", "channels…", "territories…"), map(_cells, entries))


def _cells(entry: Entry) -> tuple[object, ...]:
    said = entry.licence
    until = "no end" if said.valid_until is None else said.valid_until
    return said.licence_id, said.kind, said.holder, said.state, until, _listed(said.channels), _listed(said.territories)


def _listed(words: Iterable[str]) -> str:
    return ", ".join("any" if word == "*" else word for word in sorted(words))


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return _listed(value)
    known = {None: "not said", True: "yes", False: "no"}
    return known[value] if value is None or isinstance(value, bool) else str(value)
