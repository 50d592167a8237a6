"""The card: what a person should know before choosing one of these styles."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open

from stylecore.styles.build import family
from stylecore.training.early_stopping import Check
from stylecore.training.families import has_loss_network
from stylecore.training.material_of import Gathered
from stylecore.training.package_content import PackedStyle
from stylecore.training.recipe import TrainingRecipe
from stylecore.training.rights import LOSS_NETWORK, licences

_CARD = """# {package}

{description}

{styles}

## What it does

{pictures}

| style | SSIM at 1/8 | SSIM at 1/4 | style gap closed |
|---|---|---|---|
{numbers}

Medians over {judged} photographs that were not trained on.

## What it is for

{good_for}

## What it is not for

{not_for}

## How it was made

{family_title} ({paper}), {parameters}, {kilobytes} kB. {iterations} iterations on crops of {crop_px} px, seed {seed}.
{stopped}

- **Pictures trained on:** {data}
- **Style images:** {style_images}
- **Loss network:** {loss_network}
- **Environment:** Python {python}, torch {torch}, {machine}
- **Gone on from:** {start}
- **Recipe:** sha256 {recipe}

`rights.json` names every ingredient with its source, licence and holder.
"""
_ALWAYS_NOT_FOR = ("A rendition is not a photograph and must not be passed off as one.",)


@dataclass(frozen=True, slots=True)
class Made:
    """All that a card tells of."""

    recipe: TrainingRecipe
    given: Gathered
    styles: Sequence[PackedStyle]
    iterations: int
    checks: Sequence[Check]
    shown: Sequence[str]
    judged_by: int


def card(made: Made, folder: Path) -> str:
    recipe, told = made.recipe, family(made.recipe.family)
    weights = folder / "weights.safetensors"
    return _CARD.format(
        package=recipe.package,
        description=recipe.description,
        styles="\n".join(f"- **{style.name}**: {style.description}" for style in made.styles),
        pictures=_pictures(made),
        numbers="\n".join(_row(style) for style in made.styles),
        judged=made.judged_by,
        good_for=recipe.good_for,
        not_for="\n".join(f"- {each}" for each in (*recipe.not_for, *_ALWAYS_NOT_FOR)),
        family_title=told.title.capitalize(),
        paper=told.paper,
        parameters=f"{_parameters(weights):,} numbers",
        kilobytes=weights.stat().st_size // 1000,
        iterations=made.iterations,
        crop_px=recipe.content.crop_px,
        seed=recipe.seed,
        stopped=_stopped(made.checks),
        data=_data(made),
        style_images=_style_images(made),
        loss_network=_loss_network(made.recipe.family),
        python=platform.python_version(),
        torch=torch.__version__,
        machine=platform.machine(),
        start=_start(made),
        recipe=recipe.digest,
    )


def _pictures(made: Made) -> str:
    """Before and after, a row a style."""
    head = " | ".join(f"![before](previews/before_{name}.jpg)" for name in made.shown)
    rows = [f"| | {head} |", "|---" * (len(made.shown) + 1) + "|"]
    for style in made.styles:
        names = [style.name, *(f"{style.name}_{name}" for name in made.shown[1:])]
        cells = " | ".join(f"![{style.title}](previews/{name}.jpg)" for name in names)
        rows.append(f"| {style.name} | {cells} |")
    return "\n".join(rows)


def _row(style: PackedStyle) -> str:
    shown = (style.measured.get(name) for name in ("ssim_eighth", "ssim_quarter", "style_gap_closed"))
    cells = ("–" if value is None else f"{value:.2f}" for value in shown)
    return f"| {style.name} | {' | '.join(cells)} |"


def _parameters(weights: Path) -> int:
    with safe_open(weights, framework="pt") as stored:
        return sum(stored.get_tensor(name).numel() for name in stored.keys())  # noqa: SIM118 - not a mapping


def _stopped(checks: Sequence[Check]) -> str:
    if not checks:
        return "Not judged on held-out pictures along the way."
    last = checks[-1]
    return f"Judged {len(checks)} times on held-out pictures, last after {last.iteration}: {last.verdict}."


def _data(made: Made) -> str:
    listed = made.given.trained_on.listed
    invented = f"{made.recipe.content.synthetic_share:.0%} of the crops invented by a program"
    if not listed:
        return invented
    under = "; ".join(f"{count} under: {licence}" for licence, count in sorted(licences(listed).items()))
    return f"{len(listed)} photographs ({under}), {len(made.given.held_out)} more held out; {invented}"


def _start(made: Made) -> str:
    start = made.given.material.start
    return "nothing" if start is None else f"the package {start.package}, sha256 {start.digest}"


def _style_images(made: Made) -> str:
    images = {style.name: made.given.image_of(style) for style in made.recipe.styles}
    drawn = sum(image.rights is None for image in images.values())
    told = [f"{drawn} drawn by a program"] if drawn else []
    told += [f"{name}: {each.rights.licence}, {each.rights.holder}" for name, each in images.items() if each.rights]
    told += [f"{name}: {len(each.listed)} {each.what}" for name, each in made.given.examples.items()]
    return "; ".join(told)


def _loss_network(family_name: str) -> str:
    if not has_loss_network(family_name):
        return "none"
    return f"{LOSS_NETWORK.what.split(':')[0]} ({LOSS_NETWORK.licence}), in training alone"
