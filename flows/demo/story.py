"""What the demonstration does before and after its run: everything through the same doors as a real campaign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flows.demo.sample_library import build_library
from flows.evaluate_style import evaluate_styles
from flows.promote_style import approve_style, register_package
from flows.wiring import Services
from governance import approvals, items
from governance.approvals import ANY, Terms
from governance.items import Item, ItemState
from registry.bundled import bundled_packages

CAMPAIGN_FILE = "campaign.yaml"
_ANY = frozenset({ANY})
_TERMS = Terms("restyle-bundled", "the restyle project", None, _ANY, frozenset({"web", "social"}), _ANY)
_OUTCOMES = {
    ItemState.PUBLISHED: "published",
    ItemState.APPROVED: "approved",
    ItemState.IN_REVIEW: "to review",
    ItemState.REJECTED: "rejected",
    ItemState.REFUSED: "refused by policy",
    ItemState.QUARANTINED: "quarantined",
    ItemState.PLANNED: "still to do",
}


@dataclass(frozen=True, slots=True)
class Result:
    key: str
    outcome: str
    why: str
    style: str
    output: Path | None


def prepare(services: Services) -> Iterator[str]:
    """A library, a style that is registered and approved, and a campaign file; each only where it is not there yet."""
    home = services.settings.workspace
    if not (home / "library").exists():
        number = build_library(home / "library")
        yield f"a library of {number} assets is in {home / 'library'}, with their rights in _restyle.csv beside them"
    yield from _approve_bundled_styles(services)
    if not (home / CAMPAIGN_FILE).exists():
        example = files("flows") / "templates" / "campaign.demo.yaml"
        (home / CAMPAIGN_FILE).write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
        yield f"the campaign that asks for it is {home / CAMPAIGN_FILE}"


def _approve_bundled_styles(services: Services) -> Iterator[str]:
    """One person registers, the gates are measured, and another person approves, as it should be."""
    if approvals.all_current(services.records):
        return
    for folder in bundled_packages():
        refs = register_package(services, folder, "style-owner@brand.example")
        evaluations = evaluate_styles(services, refs, "style-owner@brand.example")
        passed = [each.style for each in evaluations if each.passed]
        for ref in passed:
            approve_style(services, ref.name, ref.version, _TERMS, "approver@brand.example")
        told = ", ".join(str(ref) for ref in passed)
        yield f"registered in MLflow, measured against the gates, and approved in the ledger: {told}"


def results(services: Services) -> list[Result]:
    """Where every asset of the library got to."""
    order = list(_OUTCOMES)
    found = sorted(items.every(services.records), key=lambda item: (order.index(item.state), item.ref.key))
    return [_result(item) for item in found]


def _result(item: Item) -> Result:
    why = "; ".join(reason.text for reason in item.reasons) or _scores(item)
    output = None if item.output_uri is None else Path(unquote(urlsplit(item.output_uri).path))
    return Result(item.ref.key, _OUTCOMES[item.state], why, item.style.name, output)


def _scores(item: Item) -> str:
    if item.scores is None:
        return ""
    named = (("structure kept", item.scores.ssim_eighth), ("style reached", item.scores.style_gap_closed))
    return ", ".join(f"{name} {value:.2f}" for name, value in named if value is not None)
