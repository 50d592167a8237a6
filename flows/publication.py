"""What a publication is, read from the very bytes that leave: whether they are stamped and labelled, how they look."""

from __future__ import annotations

from datetime import timedelta

from governance.outputs import Inbound, Publication
from governance.policy_records import Asked
from governance.provenance.verify import FileProof, verify_file
from governance.provenance.xmp import DIGITAL_SOURCE_TYPE
from stylecore.fingerprint import fingerprint
from stylecore.image import FIRST_FRAME, decode, resized

MARKS = frozenset({"logo", "trademark"})
"""Kinds of zones that show somebody's mark."""

_LOOKED_AT_PX = 512
"""The longer edge at which the perceptual hash is taken: it looks at far less."""

_STORE_BEGINS = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
"""The description box of a C2PA manifest store. It begins so in every container, whatever that does to the rest."""


def publication_of(asset: bytes, signed: bytes, asked: tuple[Asked, ...], retain_days: int | None) -> Publication:
    """The facts of this moment. The questions have them as they were put; the day is that of the asking."""
    proof, question = verify_file(signed), asked[0].question
    return Publication(
        asked=asked,
        size_bytes=len(signed),
        stamped=proof.stamped_at is not None,
        ai_label=proof.xmp is not None and proof.xmp.digital_source_type == DIGITAL_SOURCE_TYPE,
        inbound=_fate_of_credentials(asset, proof),
        has_mark=any(zone.kind in MARKS for zone in question.facts.zones),
        fingerprint=looks_of(signed),
        retain_until=None if retain_days is None else question.on + timedelta(days=retain_days),
    )


def looks_of(content: bytes) -> str | None:
    """The perceptual hash of a file's picture, taken in one way of whatever is published and whatever is traced."""
    return fingerprint(resized(decode(content, max_edge_px=_LOOKED_AT_PX, reading=FIRST_FRAME), _LOOKED_AT_PX))


def _fate_of_credentials(asset: bytes, proof: FileProof) -> Inbound:
    """``kept``: the signed file names the source's own manifest as that of its parent."""
    if _STORE_BEGINS not in asset:
        return "none"
    parents = (each for each in proof.ingredients if each.relationship == "parentOf")
    return "kept" if any(parent.had_manifest for parent in parents) else "dropped"
