"""People and their roles: who may do what here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

if TYPE_CHECKING:
    from flows.wiring import Services
    from governance.people import Role

people = typer.Typer(help="Who may do what: people and their roles.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The person's name, such as ann@brand.example.")]
ARole = Annotated[
    str, typer.Argument(help="operator, style_owner, approver, reviewer, compliance, auditor or administrator.")
]
By = Annotated[str | None, typer.Option("--by", help="Who decides (default: RESTYLE_ACTOR or the user).")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@people.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """Everybody who was ever added, with their roles."""
    from governance import people as register
    from governance.authority import Act

    services = context.services()
    services.require(services.settings.actor, Act.READ_AUDIT, "people")
    found = register.everyone(services.records)
    if as_json:
        say_json([{"name": each.name, "state": each.state, "roles": sorted(each.roles)} for each in found])
    elif not found:
        console.print("Nobody has a role yet, so everybody may do everything.")
        console.print("`restyle people add NAME --role administrator` ends that.")
    else:
        table(("name", "state", "roles…"), ((each.name, each.state, ", ".join(sorted(each.roles))) for each in found))


@people.command()
def add(
    name: Name,
    role: Annotated[list[str] | None, typer.Option(help="A role to give at once; repeat for several.")] = None,
    by: By = None,
) -> None:
    """Make somebody known. The first administrator closes the workspace to everybody without a role."""
    from governance import people as register

    services, actor = _administered(by)
    roles = [_role(each) for each in role or ()]
    register.add(services.records, name, actor)
    for each in roles:
        register.grant(services.records, name, each, actor)
    console.print(f"added [bold]{plain(name)}[/]{plain(', ' + ', '.join(roles) if roles else '')}")


@people.command()
def grant(name: Name, role: ARole, by: By = None) -> None:
    """Give a person a role."""
    from governance import people as register

    services, actor = _administered(by)
    person = register.grant(services.records, name, _role(role), actor)
    console.print(f"{plain(person.name)} is now {plain(', '.join(sorted(person.roles)))}")


@people.command()
def withdraw(name: Name, role: ARole, by: By = None) -> None:
    """Take a role from a person; it counts at once."""
    from governance import people as register

    services, actor = _administered(by)
    person = register.withdraw(services.records, name, _role(role), actor)
    console.print(f"{plain(person.name)} is now {plain(', '.join(sorted(person.roles)) or 'without a role')}")


@people.command()
def leave(name: Name, by: By = None) -> None:
    """Somebody left: every role is withdrawn. What they did stays on record."""
    from governance import people as register

    services, actor = _administered(by)
    person = register.leave(services.records, name, actor)
    console.print(f"{plain(person.name)} has left")


def _administered(by: str | None) -> tuple[Services, str]:
    from governance.authority import Act

    services = context.services()
    actor = by or services.settings.actor
    services.require(actor, Act.ADMINISTER, "people")
    return services, actor


def _role(word: str) -> Role:
    from flows.errors import UsageError
    from governance.people import Role

    try:
        return Role(word.strip().lower().replace("-", "_"))
    except ValueError:
        raise UsageError(f"no role {word[:40]!a}", f"one of {', '.join(Role)}") from None
