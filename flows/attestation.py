"""From what was decided to the statement that says so: the claims of governance, filled from one item's history."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from urllib.parse import quote

from governance.items import Item
from governance.policy import Permit
from governance.provenance.statement import (
    DecisionClaim,
    PermitClaim,
    PipelineClaim,
    SourceClaim,
    Statement,
    StyleClaim,
)
from governance.provenance.statement import attest as attested
from governance.route import Decision
from stylecore.data import Asset, AssetRef, Rendition, Scores
from stylecore.engine import Engine


@cache
def code_version() -> str:
    return version("restyle")


def attest(
    item: Item, asset: Asset, permit: Permit, rendition: Rendition, scores: Scores, decision: Decision, engine: Engine
) -> Statement:
    """Who asked for what, by which leave, with which result. The same work gives the same statement."""
    return attested(
        subject_name=f"rendition of {item.ref.key}",
        subject_sha256=rendition.digest,
        source=SourceClaim(
            _public_uri(item.ref),
            item.ref.version,
            asset.digest,
            item.asset_class,
            _text(permit.asked.get("asset_licence")),
        ),
        style=StyleClaim(
            item.style.name,
            item.style.version,
            item.style.package_digest,
            _text(permit.asked.get("style_licence")) or "none on record",
        ),
        recipe=item.recipe,
        pipeline=PipelineClaim(item.pipeline, code_version(), environment(engine)),
        permit=PermitClaim(permit.policy_ids, permit.policy_digest, permit.on),
        scores=scores,
        decision=DecisionClaim(decision.verdict, decision.reasons),
        campaign=item.campaign,
        run=item.planned_in_run,
        made_at=item.created_at,
    )


def _public_uri(ref: AssetRef) -> str:
    """The statement travels with the file, to anyone: a folder of this machine is named by the key in it alone.

    The whole address is in the ledger, and the digest says which asset it was.
    """
    return f"asset:{quote(ref.key)}" if ref.uri.startswith("file:") else ref.uri


def environment(engine: Engine) -> dict[str, str]:
    """What the pixels depend on beyond asset, style and recipe."""
    return {"python": platform.python_version(), "machine": platform.machine(), **engine.describe()}


def _text(value: str | bool | None) -> str | None:
    return None if value is None else str(value)
