"""Bytes that arrive in pieces: gathered or only digested, counted and hashed while they come."""

import hashlib
from collections.abc import Iterable
from io import BytesIO

from flows.stores.errors import IntegrityError, StoreChanged, StoreTooLarge
from stylecore.data import Digest


def gathered(pieces: Iterable[bytes], max_bytes: int, what: str) -> tuple[bytes, Digest]:
    """All of it and its digest; stops as soon as it is too much, whatever size the store had announced."""
    buffer, sha256 = BytesIO(), hashlib.sha256()
    for piece in pieces:
        if buffer.tell() + len(piece) > max_bytes:
            raise too_large(what, max_bytes)
        buffer.write(piece)
        sha256.update(piece)
    return buffer.getvalue(), Digest(sha256.hexdigest())


def digested(pieces: Iterable[bytes]) -> Digest:
    sha256 = hashlib.sha256()
    for piece in pieces:
        sha256.update(piece)
    return Digest(sha256.hexdigest())


def too_large(what: str, max_bytes: int) -> StoreTooLarge:
    return StoreTooLarge(
        f"{what} has more bytes than the limit",
        f"at most {max_bytes:,} bytes",
        "Give a smaller file, or raise the limit on purpose.",
    )


def refuse_other_content(content: bytes, digest: Digest, key: str) -> None:
    """What is about to be written must be what its digest says: the last chance to notice before others rely on it."""
    actual = Digest.of(content)
    if actual != digest:
        raise IntegrityError(
            f"the content for {key!r} has the digest {actual}", str(digest), "Nothing was written; run the item again."
        )


def other_content(what: str, digest: Digest) -> StoreChanged:
    return StoreChanged(
        f"{what} holds other bytes than those that are to be removed",
        f"content with the digest {digest}",
        "Nothing was removed. Find out who changed it, and remove it by hand if it is to go.",
    )
