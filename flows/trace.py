"""Where does this picture come from? By its bytes, by what its credentials say, or else by how it looks.

Looks are compared by a perceptual hash. It finds a published picture that was stored anew, scaled down or stripped of
its metadata; two different photographs come as near by chance about once in fifty million pairs, and pictures of one
series may. So a match by looks is told with its distance, and is for a person to judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from flows.publication import looks_of
from flows.stores.errors import StoreError
from flows.wiring import Services
from governance import fingerprints, items, outputs
from governance.items import Item
from governance.lineage import Lineage, lineage_of
from governance.provenance.errors import StatementError
from governance.provenance.statement import Statement
from governance.provenance.verify import FileProof, verify_file
from stylecore.data import Digest
from stylecore.image_problems import ImageProblem

How = Literal["bytes", "credentials", "looks", "nothing"]
_MOST_MATCHES = 5


@dataclass(frozen=True, slots=True)
class Match:
    """A picture of ours that this file is, or may be. ``distance`` is in bits of 64; none where bytes decide."""

    what: str
    distance: int | None
    lineage: Lineage


@dataclass(frozen=True, slots=True)
class Traced:
    """How it was found, what the file itself proves, and the pictures of ours that it can be, the likeliest first."""

    how: How
    proof: FileProof
    matches: tuple[Match, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "found_by": self.how,
            "credentials": {"state": self.proof.state, "explanation": self.proof.explanation},
            "matches": [
                {"what": each.what, "distance": each.distance, **each.lineage.as_dict()} for each in self.matches
            ],
        }


def trace(services: Services, content: bytes) -> Traced:
    """The first way that finds something is the surest, and the last."""
    proof = verify_file(content, services.anchors)
    if found := _by_bytes(services, Digest.of(content)):
        return Traced("bytes", proof, found)
    looks = _looks(content)
    if found := _by_credentials(services, proof, looks):
        return Traced("credentials", proof, found)
    if looks is not None and (found := _by_looks(services, looks)):
        return Traced("looks", proof, found)
    return Traced("nothing", proof, ())


def _by_bytes(services: Services, digest: Digest) -> tuple[Match, ...]:
    """The file may also be an asset or an unsigned rendition of ours."""
    found = items.find_by_digest_prefix(services.records, digest, limit=_MOST_MATCHES)
    return _matches(services, ((_part_of(each, digest), None, each.item_id) for each in found))


def _part_of(item: Item, digest: Digest) -> str:
    if item.output_digest == digest:
        return "the published file"
    if item.rendition is not None and item.rendition.digest == digest:
        return "its rendition, before it was signed"
    return "the asset it was made from"


def _by_credentials(services: Services, proof: FileProof, looks: str | None) -> tuple[Match, ...]:
    """What a file says of itself anybody can have written: it counts if we trust the signer, or if it looks like it."""
    statement = _named_statement(services, proof)
    if statement is None:
        return ()
    found = items.find_by_digest_prefix(services.records, statement.subject_sha256, limit=_MOST_MATCHES)
    matches = [("the published file, by its credentials", _distance(services, each, looks), each) for each in found]
    believed = proof.is_intact and proof.is_trusted
    return _matches(
        services,
        (
            (what, distance, item.item_id)
            for what, distance, item in matches
            if believed or (distance is not None and distance <= fingerprints.NEAR_BITS)
        ),
    )


def _named_statement(services: Services, proof: FileProof) -> Statement | None:
    """The statement inside; or the one that the XMP names, if we have it: some tools strip the one, some the other."""
    if proof.statement is not None:
        return proof.statement
    named = proof.statement_digest or (proof.xmp.statement if proof.xmp is not None else None)
    try:
        return Statement.parse(services.staging.get(named)) if named and services.staging.has(named) else None
    except (StatementError, StoreError):
        return None


def _distance(services: Services, item: Item, looks: str | None) -> int | None:
    output = outputs.of_item(services.records, item.item_id)
    if looks is None or output is None or output.fingerprint is None:
        return None
    return fingerprints.distance(looks, output.fingerprint)


def _by_looks(services: Services, looks: str) -> tuple[Match, ...]:
    near = fingerprints.near(services.records, looks, limit=_MOST_MATCHES)
    return _matches(services, (("a published file that looks like it", each.distance, each.item_id) for each in near))


def _looks(content: bytes) -> str | None:
    try:
        return looks_of(content)
    except ImageProblem:
        return None


def _matches(services: Services, found: Iterable[tuple[str, int | None, Digest]]) -> tuple[Match, ...]:
    return tuple(Match(what, distance, lineage_of(services.records, item_id)) for what, distance, item_id in found)
