"""The verbs of ``restyle`` and the modules they live in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import (
    audit,
    campaigns,
    demo,
    doctor,
    holds,
    keys,
    licence,
    people,
    policy,
    recall,
    review,
    styles,
    train,
    weights,
)
from flows.cli.context import use_home

app = typer.Typer(
    help="Governed style transfer for brand image libraries: licence, policy, model, pixels, review, proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done, 2 usage, 3 store, 4 policy, 5 workspace, 6 integrity, 7 registry, 8 review, "
    "9 incomplete, 1 an error of restyle itself.",
)


@app.callback()
def restyle(
    home: Annotated[Path | None, typer.Option(help="The workspace (default: RESTYLE_HOME or .restyle).")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """``debug`` is read from the command line by ``main``; it stands here so that it is a known option."""
    use_home(home)


app.command()(demo.demo)
app.command()(campaigns.plan)
app.command()(campaigns.run)
app.command()(train.train)
app.command()(train.sweep)
app.command()(train.dataset)
app.command()(campaigns.status)
app.command()(campaigns.runs)
app.command()(review.publish)
app.command()(recall.recall)
app.command()(doctor.doctor)
app.add_typer(campaigns.campaign, name="campaign")
app.add_typer(styles.styles, name="styles")
app.add_typer(policy.policy, name="policy")
app.add_typer(review.review, name="review")
app.add_typer(audit.audit, name="audit")
app.add_typer(keys.keys, name="keys")
app.add_typer(holds.hold, name="hold")
app.add_typer(licence.licence, name="licence")
app.add_typer(people.people, name="people")
app.add_typer(weights.weights, name="weights")
