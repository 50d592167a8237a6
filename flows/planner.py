"""Planning: from a store's listing to items, page by page, so that a million assets plan in bounded memory.

The bytes of an asset are read once, to know its digest; while the store's version token stays the same they are not
read again. Facts are asked for every time, since rights change while bytes do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import islice

from flows.campaign import Campaign, Selection
from flows.mask_pictures import MAX_MASK_BYTES, masks_named, with_digests
from flows.stores.base import Store
from flows.stores.errors import StoreError, StoreFactsError, StoreUnreachable
from governance import recalls, sources
from governance.db import Database
from governance.errors import UsageError
from governance.items import ItemState, NewItem
from governance.policy import Permit, Policy, Question, StyleTerms, together
from governance.policy_records import Asked
from governance.recall_reach import Made
from governance.registered_rights import under_register
from stylecore.data import AssetFacts, AssetRef, Digest, Reason, Recipe

PAGE_SIZE = 500
_READERS = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """An asset that the campaign asks for, as it is now: what it is and what is known of its rights."""

    ref: AssetRef
    digest: Digest
    facts: AssetFacts
    facts_problem: Reason | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An asset that is listed and cannot be read: accounted for, though it cannot become an item."""

    ref: AssetRef
    reason: Reason


@dataclass(frozen=True, slots=True)
class Page:
    """What a page of the listing came to."""

    items: tuple[NewItem, ...]
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True, slots=True)
class Planner:
    """What planning needs; it writes nothing but its memory of digests.

    ``terms`` are those of the style first, then those of every further style that the recipe uses.
    """

    records: Database
    source: Store
    policy: Policy
    terms: tuple[StyleTerms, ...]
    campaign: Campaign
    destination: str
    today: Callable[[], date]

    def pages(self) -> Iterator[Page]:
        """The whole source, as items that may be done and items that may not, with every reason."""
        recipe = self.campaign.full_recipe
        with ThreadPoolExecutor(_READERS, thread_name_prefix="plan") as readers:
            for refs in _paged(self._selected(), PAGE_SIZE):
                digests, unreadable = self._digests(refs, readers)
                readable = [ref for ref in refs if ref in digests]
                facts = readers.map(self._facts, readable)
                found = (
                    Candidate(ref, digests[ref], known, problem)
                    for ref, (known, problem) in zip(readable, facts, strict=True)
                )
                wanted = [each for each in found if _matches(each, self.campaign.source.select)]
                made = list(self._judged(self._with_masks(wanted, recipe.kinds, readers), recipe))
                unreadable += [each for each in made if isinstance(each, Unreadable)]
                yield Page(tuple(each for each in made if isinstance(each, NewItem)), tuple(unreadable))

    def _selected(self) -> Iterator[AssetRef]:
        select = self.campaign.source.select
        globs = [*(glob for glob in select.include if glob != "**"), *(f"!{glob}" for glob in select.exclude)]
        since = _moment(select.changed_since)
        for ref in self.source.list(globs):
            if since is None or ref.modified_at is None or ref.modified_at >= since:
                yield ref

    def _digests(
        self, refs: Sequence[AssetRef], readers: ThreadPoolExecutor
    ) -> tuple[dict[AssetRef, Digest], list[Unreadable]]:
        known = dict(sources.lookup(self.records, refs))
        unread = [ref for ref in refs if ref not in known]
        answers = dict(zip(unread, readers.map(self._digest, unread), strict=True))
        fresh = {ref: answer for ref, answer in answers.items() if isinstance(answer, Digest)}
        sources.remember(self.records, [sources.Seen(ref, digest) for ref, digest in fresh.items()])
        return known | fresh, [answer for answer in answers.values() if isinstance(answer, Unreadable)]

    def _digest(self, ref: AssetRef) -> Digest | Unreadable:
        try:
            return self.source.digest(ref)
        except StoreUnreachable:
            raise
        except StoreError as problem:
            return Unreadable(ref, Reason(type(problem).__name__, str(problem)))

    def _facts(self, ref: AssetRef) -> tuple[AssetFacts, Reason | None]:
        """Facts that cannot be understood are facts that are not known, and the reason says where to mend them."""
        try:
            return self.source.facts(ref), None
        except StoreFactsError as problem:
            return AssetFacts(), Reason("asset_facts_malformed", str(problem))

    def _with_masks(
        self, candidates: list[Candidate], kinds: frozenset[str], readers: ThreadPoolExecutor
    ) -> list[Candidate]:
        """The candidates with the digests of the masks that the recipe uses; a mask that is not there is a problem."""
        named = masks_named(zone for each in candidates for zone in each.facts.zones if zone.kind in kinds)
        if not named:
            return candidates
        keys = sorted(named)
        refs = [ref for ref in readers.map(self._mask, keys) if ref is not None]
        digests = {ref.key: digest for ref, digest in self._digests(refs, readers)[0].items()}
        return [_with_digests(each, kinds, digests) for each in candidates]

    def _mask(self, key: str) -> AssetRef | None:
        try:
            ref = self.source.find(key)
        except StoreUnreachable:
            raise
        except StoreError:
            return None
        return ref if ref.size_bytes <= MAX_MASK_BYTES else None

    def _judged(self, candidates: Sequence[Candidate], recipe: Recipe) -> Iterator[NewItem | Unreadable]:
        """The candidates with the policy's answers. A name that no record can hold fails alone."""
        purpose, today = self.campaign.full_purpose, self.today()
        asked_of = [Question(each.facts, terms, purpose, today) for each in candidates for terms in self.terms]
        questions = under_register(self.records, asked_of)
        answers = map(Asked, questions, self.policy.check_many(questions))
        standing = recalls.in_force(self.records)
        for each in candidates:
            asked = tuple(islice(answers, len(self.terms)))
            answer = together([each.answer for each in asked])
            recalled = standing.reasons(Made.of(each.ref.key, each.digest, recipe, each.facts, self.terms))
            try:
                reasons = (*recalled, *(() if isinstance(answer, Permit) else answer.reasons))
                yield self._item(each, recipe, reasons, asked)
            except UsageError as problem:
                yield Unreadable(each.ref, Reason("unstorable_name", str(problem)))

    def _item(
        self, candidate: Candidate, recipe: Recipe, reasons: tuple[Reason, ...], asked: tuple[Asked, ...]
    ) -> NewItem:
        if candidate.facts_problem is not None:
            reasons = (candidate.facts_problem, *reasons)
        campaign = self.campaign
        return NewItem(
            ref=candidate.ref,
            asset_digest=candidate.digest,
            asset_class=candidate.facts.asset_class,
            style=self.terms[0].style,
            recipe=recipe.on(candidate.facts.zones) if candidate.facts.zones else recipe,
            channel=campaign.purpose.channel,
            territory=campaign.purpose.territory,
            destination=self.destination,
            campaign=campaign.campaign,
            asked_by=campaign.asked_by,
            state=ItemState.REFUSED if reasons else ItemState.PLANNED,
            reasons=reasons,
            asked=asked,
        )


def _paged(refs: Iterable[AssetRef], size: int) -> Iterator[list[AssetRef]]:
    rest = iter(refs)
    while page := list(islice(rest, size)):
        yield page


def _with_digests(candidate: Candidate, kinds: frozenset[str], digests: dict[str, Digest]) -> Candidate:
    zones = tuple(zone for zone in candidate.facts.zones if zone.kind in kinds)
    missing = sorted(masks_named(zones) - digests.keys())
    if not missing:
        return replace(candidate, facts=replace(candidate.facts, zones=with_digests(zones, digests)))
    told = f"the mask {missing[0]!a} is missing, cannot be read, or has over {MAX_MASK_BYTES:,} bytes"
    problem = candidate.facts_problem or Reason("asset_facts_malformed", told)
    return replace(candidate, facts_problem=problem)


def _matches(candidate: Candidate, select: Selection) -> bool:
    facts = candidate.facts
    known = {"class": facts.asset_class, "licence": facts.licence or "", **facts.tags}
    return all(known.get(name, "") in wanted for name, wanted in select.where.items())


def _moment(since: date | datetime | None) -> datetime | None:
    if since is None or isinstance(since, datetime):
        return since if since is None or since.tzinfo else since.replace(tzinfo=UTC)
    return datetime.combine(since, time(), UTC)
