"""Putting an approved rendition where it belongs: policy asked again, signed once, written without overwriting.

It may be interrupted anywhere. The signed bytes are staged and their digest is recorded before they are written, so
whoever goes on finds them again and writes the very same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from flows.mask_pictures import MaskProblem, refuse_other_zones
from flows.staging import Staging
from flows.stores.base import Store
from governance import items, outcomes
from governance.db import Database
from governance.items import Item
from governance.outcomes import Published, Refused, Signed
from governance.policy import Action, Permit, Policy, Purpose, Question, Refusal, StyleTerms, together
from governance.provenance.carriers.formats import media_type_of
from governance.provenance.content_credentials import Parent, sign
from governance.provenance.identity import SigningIdentity
from governance.provenance.statement import Statement
from governance.provenance.xmp import embed_xmp
from stylecore.data import Digest, Recipe, StyleRef

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/tiff": ".tif"}
SIDECAR_SUFFIX = ".restyle.json"


@dataclass(frozen=True, slots=True)
class Ready:
    """An approved item with all that its publication needs."""

    item: Item
    asset: bytes
    rendition: bytes
    media_type: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class Publisher:
    """The services that publishing needs; one for a campaign's source and destination."""

    records: Database
    staging: Staging
    source: Store
    shelf: Store
    policy: Policy
    terms_for: Callable[[StyleRef, Recipe], tuple[StyleTerms, ...]]
    identity: SigningIdentity
    actor: str
    run_id: str | None
    today: Callable[[], date]

    def permit(self, item: Item, action: Action) -> Permit | Refusal:
        """Ask the policy anew, with the facts and terms of this moment: licences end, and consents are withdrawn.

        Every style that the recipe uses is asked for, and what was to be protected has to be where it was.
        """
        facts = self.source.facts(item.ref)
        purpose, today = Purpose(item.asked_by, item.channel, item.territory), self.today()
        terms = self.terms_for(item.style, item.recipe)
        answer = together(self.policy.check_many(Question(facts, each, purpose, today, action) for each in terms))
        try:
            refuse_other_zones(self.source, item.recipe, facts)
        except MaskProblem as problem:
            reasons = answer.reasons if isinstance(answer, Refusal) else ()
            return Refusal((*reasons, problem.reason), (), self.policy.digest)
        return answer

    def publish(self, ready: Ready) -> Published | Refused:
        answer = self.permit(ready.item, "publish")
        if isinstance(answer, Refusal):
            refused = Refused(ready.item.item_id, answer.reasons)
            outcomes.refuse_publishing(self.records, self.actor, refused, run_id=self.run_id)
            return refused
        content = self._signed(ready)
        published = Published(ready.item.item_id, Digest.of(content), self._put(ready, content))
        outcomes.mark_published(self.records, self.actor, [published], run_id=self.run_id)
        return published

    def _signed(self, ready: Ready) -> bytes:
        """The signed file: the one that was signed before, if there is one, else signed, staged and recorded now."""
        if ready.item.output_digest is not None:
            return self.staging.get(ready.item.output_digest)
        content = self._newly_signed(ready)
        signed = Signed(ready.item.item_id, self.staging.put(content), self.staging.put(ready.statement.content))
        if outcomes.record_signed(self.records, self.actor, [signed], run_id=self.run_id):
            return content
        first = items.get(self.records, ready.item.item_id)
        return content if first is None or first.output_digest is None else self.staging.get(first.output_digest)

    def _newly_signed(self, ready: Ready) -> bytes:
        title = PurePosixPath(output_key(ready.item, ready.media_type)).name
        return sign(
            embed_xmp(ready.rendition, ready.statement, title=title),
            ready.media_type,
            ready.statement,
            self.identity,
            title=title,
            style_title=str(ready.item.style),
            parent=_parent(ready.asset),
        )

    def _put(self, ready: Ready, content: bytes) -> str:
        """The statement first, so that no picture ever lies there without its provenance."""
        key = output_key(ready.item, ready.media_type)
        about = {"restyle-item": str(ready.item.item_id), "restyle-statement": str(ready.statement.digest)}
        statement = ready.statement.content
        self.shelf.put_new(
            key + SIDECAR_SUFFIX, statement, digest=Digest.of(statement), media_type="application/json", metadata=about
        )
        put = self.shelf.put_new(key, content, digest=Digest.of(content), media_type=ready.media_type, metadata=about)
        return put.uri


def output_key(item: Item, media_type: str) -> str:
    """Readable, and unique for the item: another recipe or a newer original never overwrites what was delivered."""
    source = PurePosixPath(item.ref.key)
    name = f"{source.stem}.{item.style.name}.{item.item_id[:10]}{_SUFFIXES[media_type]}"
    return str(source.with_name(name))


def _parent(asset: bytes) -> Parent | None:
    media_type = media_type_of(asset)
    return None if media_type is None else Parent(asset, media_type)
