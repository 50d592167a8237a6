"""Evaluation and promotion as flows, so that a pipeline can start them and whoever watches the flows sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from prefect import flow

from flows import evaluate_style as evaluating
from flows import promote_style as promoting
from flows.errors import NotPermitted
from flows.evaluate_style import EvaluationRequest
from flows.settings import Settings
from flows.style_story import evaluation_as_dict, failed
from flows.wiring import open_services
from governance.approvals import ANY, Terms


@flow(name="evaluate-style", validate_parameters=False)
def evaluate_style(
    name: str, actor: str, version: int | None = None, golden: str | None = None, gates: str | None = None
) -> dict[str, Any]:
    """Measure a version and hold it against the gates. Fails where they do not hold; it is on record either way."""
    asked = EvaluationRequest(name, version, _path(golden), _path(gates))
    found = evaluating.evaluate_style(open_services(Settings()), asked, actor)
    if not found.passed:
        raise NotPermitted(f"{found.style} does not pass: {'; '.join(failed(found))}", "every gate to hold")
    return evaluation_as_dict(found)


@flow(name="promote-style", validate_parameters=False)
def promote_style(
    name: str,
    actor: str,
    licence: str,
    holder: str,
    version: int | None = None,
    until: str | None = None,
    classes: Sequence[str] = (ANY,),
    channels: Sequence[str] = (ANY,),
    territories: Sequence[str] = (ANY,),
) -> dict[str, Any]:
    """Approve a version that was evaluated, as the person who is named; the same is asked of them as on the command
    line."""
    last_day = None if until is None else date.fromisoformat(until)
    terms = Terms(licence, holder, last_day, frozenset(classes), frozenset(channels), frozenset(territories))
    approval = promoting.approve_style(open_services(Settings()), name, version, terms, actor)
    return {
        "style": approval.style.name,
        "version": approval.style.version,
        "package_digest": approval.style.package_digest,
        "approved_by": approval.approved_by,
    }


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
