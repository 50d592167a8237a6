"""Style packages as folders: completing one made by hand, looking into one that was sent, comparing two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli import context
from flows.cli.output import console, plain, say_json, table

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Named = Annotated[str, typer.Argument(metavar="PACKAGE|NAME[/VERSION]", help="A package folder or a registered style.")]


def pack(
    folder: Annotated[Path, typer.Argument(help="Weights, CARD.md, rights.json, pictures, and a draft of style.json.")],
    as_json: AsJson = False,
) -> None:
    """Complete a package made by hand: check all of it, and pin every file's digest in style.json."""
    from registry.packing import pack_draft

    made = pack_draft(folder)
    if as_json:
        say_json({"package": made.name, "digest": made.digest, "files": dict(made.files)})
        return
    console.print(
        f"packed [bold]{plain(made.name)}[/] with {len(made.styles)} styles, package {made.digest.short}; "
        "`restyle styles inspect` looks into it, `restyle styles register` makes it known"
    )


def inspect(
    package: Annotated[Path, typer.Argument(help="A folder from anywhere; nothing in it is trusted or run.")],
    as_json: AsJson = False,
) -> None:
    """Say what is in a package, and everything that is wrong with it."""
    from dataclasses import asdict

    from registry.errors import PackageError
    from registry.inspection import inspected

    found = inspected(package)
    if as_json:
        say_json(
            {
                "holds": not found.defects,
                "digest": None if found.package is None else found.package.digest,
                "manifest": None if found.manifest is None else asdict(found.manifest),
                "rights": [asdict(each) for each in found.rights],
                "files": [asdict(each) for each in found.files],
                "defects": [asdict(each) for each in found.defects],
            }
        )
    else:
        _tell(found)
    if found.defects:
        first = found.defects[0]
        raise PackageError(f"{len(found.defects)} defects; the first: {first.where}: {first.text}", "a whole package")


def _tell(found: Any) -> None:
    if found.manifest is not None:
        told = found.manifest
        console.print(f"[bold]{plain(told.package)}[/], {plain(told.family)}, licence {plain(told.licence)}")
        table(("style", "title…"), ((each.name, each.title) for each in told.styles))
    if found.rights:
        table(("source…", "licence…", "holder…"), ((each.what, each.licence, each.holder) for each in found.rights))
    rows = ((each.name, f"{each.size_bytes:,}", each.digest.short if each.digest else "") for each in found.files)
    table(("file…", "bytes", "sha256"), rows)
    if found.defects:
        table(("defect", "where…", "what…"), ((each.code, each.where, each.text) for each in found.defects))
    else:
        console.print(f"[green]it holds[/]: package {found.package.digest}")


def diff(before: Named, after: Named, as_json: AsJson = False) -> None:
    """Say what differs between two packages or versions: structure, weights, numbers, rights."""
    from flows.package_diff import differences, package_named

    services = context.services()
    found = differences(package_named(services, before), package_named(services, after))
    if as_json:
        say_json(found.as_dict())
        return
    if found.is_empty:
        console.print("Nothing differs.")
    changes = (*found.architecture, *found.shapes, *found.metrics, *found.rights)
    if changes:
        table(("what…", "before…", "after…"), ((each.what, each.before, each.after) for each in changes))
    if found.weights:
        rows = ((each.name, f"{each.most:.3g}", f"{each.mean:.3g}") for each in found.weights)
        table(("tensor…", "most apart", "on average"), rows)


def schema() -> None:
    """Print the JSON Schema of style.json."""
    from registry.manifest import manifest_schema

    say_json(manifest_schema())
