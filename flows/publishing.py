"""Putting an approved rendition where it belongs: policy asked again, signed once, written without overwriting.

It may be interrupted anywhere. The signed bytes are staged and their digest is recorded before they are written, so
whoever goes on finds them again and writes the very same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from flows.asking import Asking
from flows.publication import publication_of
from flows.staging import Staging
from flows.stores.base import Store
from governance import certificates, items, outcomes
from governance.db import Database
from governance.items import Item
from governance.outcomes import Published, Refused, Signed
from governance.policy import Refusal
from governance.provenance.carriers.formats import media_type_of
from governance.provenance.content_credentials import Parent, sign
from governance.provenance.errors import SigningUnavailable
from governance.provenance.identity import SigningIdentity
from governance.provenance.statement import Statement
from governance.provenance.xmp import embed_xmp
from governance.withholding import UNAVAILABLE, Withheld, withhold
from stylecore.data import Digest, Reason

_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/tiff": ".tif",
    "image/avif": ".avif",
}
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
    asking: Asking
    identity: SigningIdentity
    actor: str
    run_id: str | None
    retain_days: int | None

    def publish(self, ready: Ready) -> Published | Refused | Withheld:
        """The policy is asked once more, and what it permits is signed, written, and recorded with all it rests on."""
        ruling = self.asking.about(ready.item, "publish")
        if isinstance(ruling.answer, Refusal):
            refused = Refused(ready.item.item_id, ruling.answer.reasons, ruling.asked)
            outcomes.refuse_publishing(self.records, self.actor, refused, run_id=self.run_id)
            return refused
        try:
            content = self._signed(ready)
        except SigningUnavailable as problem:
            withheld = Withheld(ready.item.item_id, Reason(UNAVAILABLE, str(problem)))
            withhold(self.records, self.actor, withheld, run_id=self.run_id)
            return withheld
        publication = publication_of(ready.asset, content, ruling.asked, self.retain_days)
        published = Published(ready.item.item_id, Digest.of(content), self._put(ready, content), publication)
        outcomes.mark_published(self.records, self.actor, [published], run_id=self.run_id)
        return published

    def _signed(self, ready: Ready) -> bytes:
        """The signed file: the one that was signed before, if there is one, else signed, staged and recorded now."""
        if ready.item.output_digest is not None:
            return self.staging.get(ready.item.output_digest)
        content = self._newly_signed(ready)
        kept = self.staging.put(content), self.staging.put(ready.statement.content)
        signed = Signed(ready.item.item_id, *kept, self.identity.fingerprint)
        if outcomes.record_signed(self.records, self.actor, [signed], run_id=self.run_id):
            return content
        first = items.get(self.records, ready.item.item_id)
        return content if first is None or first.output_digest is None else self.staging.get(first.output_digest)

    def _newly_signed(self, ready: Ready) -> bytes:
        self.identity.refuse_if_expired(datetime.now(UTC))
        certificates.note_used(self.records, certificates.of_identity(self.identity), self.actor)
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
