"""Why may this style not touch this asset? The question of one asset, answered from its facts of today."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from flows.campaign import Campaign
from flows.errors import UsageError
from flows.stores.local import FolderStore
from flows.wiring import Services
from governance import approvals
from governance.policy import Explanation, Purpose, StyleTerms
from stylecore.data import AssetFacts, Digest, StyleRef


def explain_in_campaign(services: Services, campaign: Campaign, key: str, style: str) -> Explanation:
    """The asset of that key in the campaign's source, for the campaign's purpose."""
    source = services.store(campaign.source.store)
    return _explained(services, source.facts(source.find(key)), style, campaign.full_purpose)


def explain_asset(services: Services, file: Path, style: str, channel: str, territory: str) -> Explanation:
    """A file, with the rights that the sidecar beside it says."""
    if not file.is_file():
        raise UsageError(f"no file {file}", "an asset's file, or a key together with --campaign")
    folder = FolderStore(file.resolve().parent)
    facts = folder.facts(folder.find(file.name))
    return _explained(services, facts, style, Purpose(services.settings.actor, channel, territory))


def _explained(services: Services, facts: AssetFacts, style: str, purpose: Purpose) -> Explanation:
    approved = [each.for_policy() for each in approvals.all_current(services.records)]
    wanted = next((each for each in reversed(approved) if each.style.name == style), None)
    return services.policy.explain(facts, wanted or _unapproved(style), approved, purpose, date.today())


def _unapproved(name: str) -> StyleTerms:
    """A style that nobody approved: the policy says so, and names those that could be used."""
    nothing: frozenset[str] = frozenset()
    return StyleTerms(StyleRef(name, 0, Digest("0" * 64)), False, "none", None, nothing, nothing, nothing)
