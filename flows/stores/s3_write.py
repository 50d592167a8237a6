"""Creating an object without ever overwriting one, and finding out whether the server can be trusted with that.

``If-None-Match: *`` is a promise of the server. One that does not know it answers 200 and overwrites: looking first and
reading back narrow that, but of two writers who have both looked the later wins, and neither is told. Some keep the
promise in plain buckets only; Ceph's gateway 16.2.15 breaks it wherever versions are kept. So each store tries it on a
marker of its own before it publishes anything, and does not publish where it is broken. What one client cannot see is a
server that checks and then writes in two steps: there only the reading back remains.
"""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from flows.stores.backoff import pause
from flows.stores.errors import StoreNotFound, StoreTooLarge
from flows.stores.s3_errors import code_of, s3_errors_told, status_of
from flows.stores.s3_read import S3Object
from flows.stores.s3_text import wrapped
from stylecore.data import Digest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_PUT_BYTES = 5 * 1024**3
"""What one PUT can carry. More would need a multipart upload, whose condition real servers do not keep."""

MARKER_KEY = ".restyle-create-once"
"""Hidden, so it is no asset. It stays: removing it would ask for rights that publishing does not need."""

PUT_TRIES = 4
OWN_METADATA = "restyle-"
_MARKER = b"restyle tries to create this again to see that the server refuses to overwrite. It may be removed.\n"


def refuse_more_than_one_put(size_bytes: int, key: str) -> None:
    if size_bytes > MAX_PUT_BYTES:
        raise StoreTooLarge(
            f"{key!r} has {size_bytes:,} bytes", f"at most {MAX_PUT_BYTES:,}, one PUT", "Publish smaller files."
        )


def created(
    client: "S3Client", wanted: S3Object, content: bytes, digest: Digest, media_type: str, metadata: Mapping[str, str]
) -> bool:
    """False when somebody else was there first, or is at it right now."""
    with s3_errors_told(str(wanted)):
        try:
            client.put_object(
                Bucket=wanted.bucket,
                Key=wanted.key,
                Body=content,
                ContentType=media_type,
                Metadata=wrapped({**metadata, f"{OWN_METADATA}sha256": digest}),
                ChecksumSHA256=base64.b64encode(bytes.fromhex(digest)).decode(),
                IfNoneMatch="*",
            )
        except ClientError as problem:
            if _is_taken(problem):
                return False
            raise
    return True


def keeps_create_once(client: "S3Client", marker: S3Object) -> bool:
    """Whether the marker, once it is there, cannot be created again. Only the marker is ever written."""
    for tries in range(PUT_TRIES):
        if _is_there(client, marker):
            return not _marked(client, marker)
        if not _marked(client, marker):
            pause(tries)
    return False  # refused time and again although nothing is there: that server has it the wrong way round


def _marked(client: "S3Client", marker: S3Object) -> bool:
    return created(client, marker, _MARKER, Digest.of(_MARKER), "text/plain", {})


def _is_there(client: "S3Client", wanted: S3Object) -> bool:
    try:
        with s3_errors_told(str(wanted)):
            client.head_object(**wanted.address)
    except StoreNotFound:
        return False
    return True


def _is_taken(problem: ClientError) -> bool:
    """Conditional writes answer 412 when there is something, 409 while somebody else is writing."""
    return status_of(problem) == 412 or code_of(problem) == "ConditionalRequestConflict"
