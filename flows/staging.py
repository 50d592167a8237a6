"""Where content waits under its own digest: renditions before they are published, and whatever else must not change."""

from flows.stores.base import Store
from flows.stores.errors import IntegrityError, StoreConflict
from stylecore.data import Digest

MAX_STAGED_BYTES = 1_000_000_000


def staged_key(digest: Digest) -> str:
    """Two levels of folders, so that no folder grows past what file systems like."""
    return f"sha256/{digest[:2]}/{digest[2:4]}/{digest}"


class Staging:
    """Content-addressed, on any store. Putting twice is putting once; getting checks what it got."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, content: bytes) -> Digest:
        digest = Digest.of(content)
        try:
            self._store.put_new(
                staged_key(digest), content, digest=digest, media_type="application/octet-stream", metadata={}
            )
        except StoreConflict as problem:
            raise _damaged(self._store.uri(staged_key(digest)), digest) from problem
        return digest

    def get(self, digest: Digest) -> bytes:
        content = self._store.read(staged_key(digest), MAX_STAGED_BYTES)
        if Digest.of(content) != digest:
            raise _damaged(self._store.uri(staged_key(digest)), digest)
        return content

    def has(self, digest: Digest) -> bool:
        """Whether something is there; ``get`` says whether it is sound."""
        return self._store.exists(staged_key(digest))

    def uri(self, digest: Digest) -> str:
        return self._store.uri(staged_key(digest))


def _damaged(uri: str, digest: Digest) -> IntegrityError:
    return IntegrityError(
        f"{uri} no longer is what it was staged as", f"the digest {digest}", "Remove the file, then run the item again."
    )
