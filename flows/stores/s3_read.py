"""Reading an object although the connection drops: what is missing is asked for again, of the very same version."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.stores.backoff import pause
from flows.stores.errors import StoreError, StoreUnreachable
from flows.stores.s3_errors import BROKEN_OFF, s3_errors_told

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

RESUMES = 6
_PIECE_BYTES = 1 << 20
_VERSION, _ETAG = "version:", "etag:"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class S3Object:
    """One version of one object. Without a version (the empty token), the current one."""

    bucket: str
    key: str
    token: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def address(self) -> dict[str, Any]:
        """Which object; in a versioned bucket, also which version."""
        pinned = {"VersionId": self.token.removeprefix(_VERSION)} if self.token.startswith(_VERSION) else {}
        return {"Bucket": self.bucket, "Key": self.key, **pinned}

    @property
    def condition(self) -> dict[str, Any]:
        """Where versions are not kept, the server is to refuse when the object is another one by now."""
        return {"IfMatch": self.token.removeprefix(_ETAG)} if self.token.startswith(_ETAG) else {}


def token_of(version_id: str | None, etag: str) -> str:
    """`null` is the version of what was written while none were kept: it can be overwritten, so it pins nothing."""
    return f"{_VERSION}{version_id}" if version_id and version_id != "null" else f"{_ETAG}{etag}"


def pieces(client: "S3Client", wanted: S3Object, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The bytes from ``start`` up to, not including, ``stop``, however many connections that takes (within bounds)."""
    at, resumes = start, 0
    while True:
        try:
            answer = _answer(client, wanted, at, stop)
            wanted = S3Object(wanted.bucket, wanted.key, token_of(answer.get("VersionId"), answer["ETag"]))
            for piece in answer["Body"].iter_chunks(_PIECE_BYTES):
                at += len(piece)
                yield piece
            return
        except BROKEN_OFF as problem:
            resumes += 1
            if resumes > RESUMES:
                raise StoreUnreachable(
                    f"{wanted}: the connection broke {resumes} times, at last after {at:,} bytes ({problem})",
                    "the whole object",
                    "Check the network, then run again.",
                ) from problem
            _log.warning("%s broke off after %d bytes; resuming (%d of %d)", wanted, at, resumes, RESUMES)
            pause(resumes)


def _answer(client: "S3Client", wanted: S3Object, at: int, stop: int | None) -> "GetObjectOutputTypeDef":
    ranged = at > 0 or stop is not None
    request = {**wanted.address, **wanted.condition}
    if ranged:
        request["Range"] = f"bytes={at}-{'' if stop is None else stop - 1}"
    with s3_errors_told(str(wanted)):
        answer = client.get_object(**request)
    if ranged and not answer.get("ContentRange", "").startswith(f"bytes {at}-"):
        raise StoreError(
            f"{wanted}: the server does not answer ranges", "the bytes that were asked for", "Use another S3 server."
        )
    return answer
