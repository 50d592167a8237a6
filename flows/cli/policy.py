"""Policy: its rules, read, tested and compared. What it decides is in ``policy_decisions``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import context, policy_decisions
from flows.cli.output import console, plain, table
from flows.cli.policy_decisions import Folder, folder_in_force

policy = typer.Typer(
    help="Ask the policy, read it in plain English, and try it before it counts.", no_args_is_help=True
)
policy.command()(policy_decisions.check)
policy.command()(policy_decisions.explain)
policy.command()(policy_decisions.replay)


@policy.command()
def validate(
    folder: Annotated[Path | None, typer.Argument(help="A folder of *.cedar files.")] = None,
    access: Annotated[Path | None, typer.Option(help="A file with rules of who may do what.")] = None,
) -> None:
    """Read every rule of a folder and say what is wrong with it, before it is put in force."""
    from flows.errors import UsageError
    from governance.access_rules import read_access_rules
    from governance.policy_rules import read_rule_book

    if folder is None and access is None:
        raise UsageError("nothing to validate", "a folder, or --access FILE")
    if folder is not None:
        book = read_rule_book(folder)
        console.print(f"[green]{plain(folder)} is a policy[/]: {len(book.rules)} rules, digest {book.digest.short}")
    if access is not None:
        told = read_access_rules(access)
        console.print(f"[green]{plain(access)} can be used[/]: {len(told.rules)} rules, digest {told.digest.short}")


@policy.command()
def sheet(folder: Folder = None) -> None:
    """Print the policy, and who may do what, in plain English, for people who read contracts."""
    from governance.access_rules import read_access_rules
    from governance.policy_rules import read_rule_book
    from governance.policy_sheet import access_sheet
    from governance.policy_sheet import sheet as page

    typer.echo(page(read_rule_book(folder_in_force(folder))))
    typer.echo(access_sheet(read_access_rules(context.settings().access_rules)), nl=False)


@policy.command(name="test")
def hold_to_table(
    table_file: Annotated[Path, typer.Argument(help="A YAML table of expected verdicts.")], folder: Folder = None
) -> None:
    """Hold the policy, and the rules of who may do what, to a table of expected verdicts."""
    from governance.access_cases import access_surprises, read_access_cases
    from governance.errors import PolicyError
    from governance.policy import Policy
    from governance.policy_cases import read_cases, surprises

    content = _bytes_of(table_file)
    cases, access_cases = read_cases(content), read_access_cases(content)
    surprising = surprises(Policy.from_folder(folder_in_force(folder)), cases)
    found = [(each.case.name, each.expected, str(each.found)) for each in surprising]
    surprising_too = access_surprises(context.services().authority, access_cases)
    found += [(each.case.name, each.expected, each.found) for each in surprising_too]
    count = len(cases) + len(access_cases)
    if not found:
        console.print(f"[green]as expected[/]: {count} cases")
        return
    table(("case…", "expected…", "the policy says…"), found)
    raise PolicyError(f"{len(found)} of {count} cases are decided otherwise", "every verdict of the table")


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

    before = folder_in_force(old)
    found = changes(read_rule_book(before), read_rule_book(new))
    for word in ("added", "removed", "changed", "reworded"):
        for rule in getattr(found, word):
            console.print(f"{word:<9} {plain(rule)}")
    if not found:
        console.print("No rule differs.")
    if cases is not None:
        rows = turned(Policy.from_folder(before), Policy.from_folder(new), read_cases(_bytes_of(cases)))
        table(("case…", "now…", "then…"), ((each.case.name, str(each.before), str(each.after)) for each in rows))


def _bytes_of(path: Path) -> bytes:
    from flows.errors import UsageError

    try:
        return path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path} cannot be read ({problem.strerror})", "a file") from problem
