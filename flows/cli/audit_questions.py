"""The questions of an audit: which there are, and what the records answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from flows.wiring import Services
    from governance.queries.question import Answer

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Given = str | None

_WIDEST_CELL = 60


def questions(as_json: AsJson = False) -> None:
    """Every question that the records can answer, and what it can be asked with."""
    from governance.authority import Act
    from governance.queries.catalogue import QUESTIONS

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "questions")
    if as_json:
        say_json(
            [
                {
                    "number": each.number,
                    "name": each.name,
                    "text": each.text,
                    "parameters": each.parameters,
                    "needs_one_of": each.needs,
                    "columns": each.columns,
                }
                for each in QUESTIONS.values()
            ]
        )
        return
    rows = ((q.number, q.name, q.text, _options(q.parameters, q.needs)) for q in QUESTIONS.values())
    table(("no.", "question", "asks…", "with…"), rows)


def ask(
    name: Annotated[str, typer.Argument(help="Which question; `restyle audit questions` shows them.")],
    since: Annotated[Given, typer.Option(help="The first day that counts (UTC).")] = None,
    until: Annotated[Given, typer.Option(help="The last day that counts (UTC).")] = None,
    at: Annotated[Given, typer.Option(help="The day or moment to look at (UTC).")] = None,
    days: Annotated[Given, typer.Option(help="How many days ahead.")] = None,
    style: Annotated[Given, typer.Option(help="A style: NAME, or NAME/VERSION.")] = None,
    package: Annotated[Given, typer.Option(help="The first digits of a style package's sha256.")] = None,
    digest: Annotated[Given, typer.Option(help="The first digits of an item's, asset's or file's digest.")] = None,
    file: Annotated[Path | None, typer.Option(help="Instead of --digest: a picture, found by what it is.")] = None,
    asset: Annotated[Given, typer.Option(help="A picture: its key, or its sha256.")] = None,
    licence: Annotated[Given, typer.Option(help="A licence or a consent, by its id.")] = None,
    holder: Annotated[Given, typer.Option(help="Who holds the rights.")] = None,
    person: Annotated[Given, typer.Option(help="Who did it.")] = None,
    campaign: Annotated[Given, typer.Option(help="A campaign by its name.")] = None,
    rule: Annotated[Given, typer.Option(help="The id of a policy's rule.")] = None,
    event: Annotated[Given, typer.Option(help="The number of an event, such as a checkpoint's size.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many rows at once.")] = 100,
    after: Annotated[Given, typer.Option(help="The cursor that the page before ended with.")] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="The whole answer as CSV; the ledger is told.")] = False,
    to: Annotated[Path | None, typer.Option(help="The whole answer into a new file; the ledger is told.")] = None,
) -> None:
    """Ask one of the questions: a page of the answer, or all of it as a file."""
    from flows.audit_answers import answer

    services = context.services()
    given = {
        **{"since": since, "until": until, "at": at, "days": days, "style": style, "package": package},
        **{"digest": digest if file is None else _item_of(services, file), "asset": asset, "licence": licence},
        **{"holder": holder, "person": person, "campaign": campaign, "rule": rule, "event": event},
    }
    asked = {name: value for name, value in given.items() if value is not None}
    if to is not None or as_csv:
        _take_along(services, name, asked, to, as_csv)
        return
    found = answer(services, services.settings.actor, name, asked, limit=limit, after=after)
    if as_json:
        say_json(_as_dict(name, asked, found))
    else:
        _show(found)


def _take_along(services: Services, name: str, asked: dict[str, str], to: Path | None, as_csv: bool) -> None:
    from flows.audit_answers import take_along, take_along_as

    actor = services.settings.actor
    if to is None:
        take_along(services, actor, name, asked, "csv", sys.stdout.buffer)
        return
    exported = take_along_as(services, actor, name, asked, "csv" if as_csv else "json", to)
    console.print(f"[green]{exported.rows} rows[/] in {plain(to)}, sha256 {exported.digest}; the ledger knows of it")


def _item_of(services: Services, file: Path) -> str:
    """The likeliest picture of ours that a file is, by its bytes, its credentials or its looks."""
    from flows.errors import UsageError
    from flows.trace import trace
    from flows.verify_files import content_of
    from governance.authority import Act

    services.require(services.settings.actor, Act.READ_AUDIT, "lineage")
    found = trace(services, content_of(file))
    if not found.matches:
        raise UsageError(f"{file.name} is none of ours", "a picture made here", "`restyle audit trace` tells more")
    return str(found.matches[0].lineage.item.item_id)


def _show(found: Answer) -> None:
    for note in found.notes:
        console.print(plain(note))
    if not found.rows:
        console.print("Nothing on record answers to that.")
        return
    table([f"{column}…" for column in found.columns], (tuple(map(_shown, row)) for row in found.rows))
    if found.next is not None:
        console.print(f"[dim]there is more:[/] --after {found.next}")


def _shown(value: Any) -> str:
    """Instants to the second, digests by their beginning: what identifies for good is in --json and --csv."""
    text = "" if value is None else str(value)
    if len(text) == len("2026-01-31T09:00:00.000000Z") and text.endswith("Z"):
        return text[:19].replace("T", " ")
    if len(text) == 64 and all(digit in "0123456789abcdef" for digit in text):
        return text[:12]
    return text if len(text) <= _WIDEST_CELL else f"{text[: _WIDEST_CELL - 1]}…"


def _as_dict(name: str, asked: dict[str, str], found: Answer) -> dict[str, Any]:
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    return {"question": name, "parameters": asked, "rows": rows, "next": found.next, "notes": found.notes}


def _options(parameters: tuple[str, ...], needs: tuple[str, ...]) -> str:
    """One of those with a star has to be given."""
    return " ".join(f"--{name}{'*' if name in needs else ''}" for name in parameters)
