"""Why may this style not touch this asset, and why is this item where it is? Answered from records and facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from flows.campaign import Campaign
from flows.errors import UsageError
from flows.run_records import campaign_of
from flows.stores.errors import StoreError
from flows.stores.local import FolderStore
from flows.wiring import Services, asking
from governance import approvals, policy_records, review
from governance.items import Item, ItemState
from governance.licences import facts_from_fields
from governance.policy import Action, Explanation, Permit, Policy, Purpose, Question, Refusal, StyleTerms
from governance.policy_records import Verdict
from governance.registered_rights import under_register
from stylecore.data import AssetFacts, Digest, Reason, StyleRef


@dataclass(frozen=True, slots=True)
class ItemExplained:
    """What was decided of an item and by which policies, and what would be decided now, or why nobody can tell."""

    item: Item
    verdicts: tuple[Verdict, ...]
    refusals: tuple[tuple[datetime, Reason], ...]
    now: Permit | Refusal | None
    problem: str = ""


def explain_item(services: Services, item_id_prefix: str) -> ItemExplained:
    """By the records, and then by the policy, the facts and the terms of this moment."""
    item = review.show(services.records, item_id_prefix).item
    told = policy_records.verdicts_of(services.records, item.item_id)
    refusals = policy_records.refusals_of(services.records, item.item_id)
    action: Action = "publish" if item.state in (ItemState.APPROVED, ItemState.PUBLISHED) else "restyle"
    asks = asking(services, campaign_of(services.records, item.touched_in_run), services.policy)
    try:
        return ItemExplained(item, told, refusals, asks.about(item, action).answer)
    except StoreError as problem:
        return ItemExplained(item, told, refusals, None, str(problem))


def explain_question(
    services: Services,
    fields: Mapping[str, str],
    style: str,
    shown_in: tuple[str, str],
    on: date,
    action: Action,
    folder: Path | None,
) -> Explanation:
    """One question, with what is known of an asset in the words of a sidecar. ``shown_in``: channel and territory."""
    policy = services.policy if folder is None else Policy.from_folder(folder)
    purpose = Purpose(services.settings.actor, *shown_in)
    return _explained(services, facts_from_fields(fields), style, purpose, policy, on, action)


def explain_in_campaign(services: Services, campaign: Campaign, key: str, style: str) -> Explanation:
    """The asset of that key in the campaign's source, for the campaign's purpose."""
    source = services.store(campaign.source.store)
    facts = source.facts(source.find(key))
    return _explained(services, facts, style, campaign.full_purpose, services.policy, date.today(), "restyle")


def explain_asset(services: Services, file: Path, style: str, channel: str, territory: str) -> Explanation:
    """A file, with the rights that the sidecar beside it says."""
    if not file.is_file():
        raise UsageError(f"no file {file}", "an asset's file, or a key together with --campaign")
    folder = FolderStore(file.resolve().parent)
    facts = folder.facts(folder.find(file.name))
    purpose = Purpose(services.settings.actor, channel, territory)
    return _explained(services, facts, style, purpose, services.policy, date.today(), "restyle")


def _explained(
    services: Services, facts: AssetFacts, style: str, purpose: Purpose, policy: Policy, on: date, action: Action
) -> Explanation:
    approved = [each.for_policy() for each in approvals.all_current(services.records)]
    wanted = next((each for each in reversed(approved) if each.style.name == style), None) or _unapproved(style)
    asked = [Question(facts, terms, purpose, on, action) for terms in (wanted, *approved)]
    first, *others = under_register(services.records, asked)
    return policy.explain(first.facts, first.terms, [each.terms for each in others], purpose, on, action)


def _unapproved(name: str) -> StyleTerms:
    """A style that nobody approved: the policy says so, and names those that could be used."""
    nothing: frozenset[str] = frozenset()
    return StyleTerms(StyleRef(name, 0, Digest("0" * 64)), False, "none", None, nothing, nothing, nothing)
