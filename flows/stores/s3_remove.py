"""Removing an object on the condition that it is still the one that was seen."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from flows.stores.s3_errors import code_of, s3_errors_told, status_of
from flows.stores.s3_read import S3Object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def removed(client: "S3Client", seen: S3Object, etag: str) -> None:
    """Removes the current object if it still has this ETag; ``StoreChanged`` where the server finds another.

    Older servers know no condition on a removal. The look that was taken just before is then all there is.
    """
    with s3_errors_told(str(seen)):
        try:
            client.delete_object(Bucket=seen.bucket, Key=seen.key, IfMatch=etag)
        except ClientError as problem:
            if code_of(problem) != "NotImplemented" and status_of(problem) != 501:
                raise
            client.delete_object(Bucket=seen.bucket, Key=seen.key)
