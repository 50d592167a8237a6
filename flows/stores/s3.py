"""S3, and what speaks S3, as a store. Facts come from an object's metadata and tags; where both speak, tags win."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flows.stores.backoff import pause
from flows.stores.base import MAX_ASSET_BYTES, Put, Removed
from flows.stores.errors import (
    IntegrityError,
    StoreChanged,
    StoreConflict,
    StoreDenied,
    StoreError,
    StoreNotFound,
)
from flows.stores.facts import field_name, understood
from flows.stores.keys import checked_parts, may_be_asset
from flows.stores.reading import digested, gathered, other_content, refuse_other_content, too_large
from flows.stores.s3_client import client_for
from flows.stores.s3_errors import code_of, s3_errors_told
from flows.stores.s3_read import S3Object, pieces, token_of
from flows.stores.s3_remove import removed
from flows.stores.s3_text import unwrapped
from flows.stores.s3_write import (
    MARKER_KEY,
    OWN_METADATA,
    PUT_TRIES,
    created,
    keeps_create_once,
    refuse_more_than_one_put,
)
from flows.stores.selection import Selection
from flows.stores.spec import S3Spec, Secrets
from stylecore.data import Asset, AssetFacts, AssetRef, Digest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS_PER_PAGE = 1000


def open_from(spec: S3Spec, secrets: Secrets) -> "S3Store":
    store = S3Store(client_for(spec, secrets), spec.bucket, spec.prefix, spec.label)
    store.require_bucket()
    return store


class S3Store:
    """Keys are relative to the prefix. Where the bucket keeps versions, a listed version can be read for ever."""

    def __init__(
        self, client: "S3Client", bucket: str, prefix: str = "", name: str = "", keys_per_page: int = KEYS_PER_PAGE
    ) -> None:
        self._client, self._bucket, self._keys_per_page = client, bucket, keys_per_page
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._name = name or f"s3://{bucket}/{self._prefix}"

    @property
    def name(self) -> str:
        return self._name

    def require_bucket(self) -> None:
        """Asked when the store is opened, so that nobody renders for an hour for a bucket that is not there."""
        with s3_errors_told(f"the bucket {self._bucket!r}"):
            self._client.head_bucket(Bucket=self._bucket)

    def list(self, globs: Sequence[str] = (), after_key: str | None = None) -> Iterator[AssetRef]:
        selection = Selection.of(globs)
        after = after_key or ""
        with s3_errors_told(self._name):
            for page in self._pages(self._prefix + selection.literal_prefix, after):
                for entry in page:
                    key = entry["Key"].removeprefix(self._prefix)
                    if key > after and _is_asset(key) and selection.wants(key):
                        yield self._ref(key, entry, entry["Size"])

    def find(self, key: str) -> AssetRef:
        head = self._head(self._object(key))
        return self._ref(key, head, head["ContentLength"])

    def exists(self, key: str) -> bool:
        try:
            self._head(self._object(key))
        except StoreNotFound:
            return False
        return True

    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def facts(self, ref: AssetRef) -> AssetFacts:
        wanted = self._object(ref.key, ref.version)
        metadata = {field_name(name): unwrapped(text) for name, text in self._head(wanted)["Metadata"].items()}
        told = {name: text for name, text in metadata.items() if not name.startswith(OWN_METADATA)}
        return understood({**told, **self._tags(wanted)}, str(wanted), ref.key)

    def fetch(self, ref: AssetRef, max_bytes: int = MAX_ASSET_BYTES) -> Asset:
        if ref.size_bytes > max_bytes:
            raise too_large(repr(ref.key), max_bytes)
        wanted = self._object(ref.key, ref.version)
        content, digest = gathered(pieces(self._client, wanted), max_bytes, repr(ref.key))
        return Asset(ref, content, digest)

    def digest(self, ref: AssetRef) -> Digest:
        return digested(pieces(self._client, self._object(ref.key, ref.version)))

    def read_range(self, ref: AssetRef, start: int, stop: int) -> bytes:
        stop = min(stop, ref.size_bytes)
        if start >= stop:
            return b""
        return b"".join(pieces(self._client, self._object(ref.key, ref.version), start, stop))

    def read(self, key: str, max_bytes: int = MAX_ASSET_BYTES) -> bytes:
        return gathered(pieces(self._client, self._object(key)), max_bytes, repr(key))[0]

    def put_new(self, key: str, content: bytes, *, digest: Digest, media_type: str, metadata: Mapping[str, str]) -> Put:
        """Looks before it writes, which tells whose content is there; between two writers the condition decides."""
        refuse_more_than_one_put(len(content), key)
        refuse_other_content(content, digest, key)
        wanted = self._object(key)
        self._require_create_once()
        for tries in range(PUT_TRIES):
            found = self._digest_now(wanted)
            if found is not None:
                return self._kept(key, found, digest)
            if created(self._client, wanted, content, digest, media_type, metadata):
                self._read_back(wanted, digest)
                return Put(True, self.uri(key))
            pause(tries)
        raise StoreConflict(f"{wanted} is written and removed by others all the time", "", "Publish under another key.")

    def remove(self, key: str, *, digest: Digest) -> Removed:
        """Where versions are kept, what was there stays readable by its version, behind a delete marker."""
        try:
            current = self.find(key)
        except StoreNotFound:
            return Removed(False)
        wanted = self._object(key, current.version)
        if digested(pieces(self._client, wanted)) != digest:
            raise other_content(self.uri(key), digest)
        removed(self._client, wanted, etag=str(self._head(wanted)["ETag"]))
        if self.exists(key):
            raise StoreChanged(f"{wanted} was written anew while it was removed", "nothing there", "See who writes it.")
        return Removed(True, older_versions=self._keeps_versions)

    def _require_create_once(self) -> None:
        if not self._keeps_create_once:
            raise StoreError(
                f"{self._name}: the server overwrites what is there although told not to (it ignores If-None-Match)",
                "a server that creates a key only once",
                "Nothing was published. Publish into a bucket that keeps no versions, or on another server.",
            )

    @cached_property
    def _keeps_create_once(self) -> bool:
        return keeps_create_once(self._client, self._object(MARKER_KEY))

    def _kept(self, key: str, found: Digest, digest: Digest) -> Put:
        if found == digest:
            return Put(False, self.uri(key))
        raise StoreConflict(
            f"{self.uri(key)} is taken by content with the digest {found}",
            f"nothing there, or {digest}",
            "Publish under another key, or remove the object first.",
        )

    def _read_back(self, wanted: S3Object, digest: Digest) -> None:
        found = self._digest_now(wanted)
        if found != digest:
            next_step = "Check who else writes to this bucket."
            raise IntegrityError(f"{wanted} reads back as {found}", str(digest), next_step)

    def _digest_now(self, wanted: S3Object) -> Digest | None:
        try:
            return digested(pieces(self._client, wanted))
        except StoreNotFound:
            return None

    def _pages(self, prefix: str, after: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Pages of current objects. Only the list of versions names them, so it is used where versions are kept."""
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        request["PaginationConfig"] = {"PageSize": self._keys_per_page}
        if after:
            request["KeyMarker" if self._keeps_versions else "StartAfter"] = self._prefix + after
        if self._keeps_versions:
            for versions in self._client.get_paginator("list_object_versions").paginate(**request):
                yield [entry for entry in versions.get("Versions", []) if entry["IsLatest"]]
        else:
            for page in self._client.get_paginator("list_objects_v2").paginate(**request):
                yield page.get("Contents", [])

    @cached_property
    def _keeps_versions(self) -> bool:
        """Where we may not ask, the ETag pins the content instead: less convenient, as safe."""
        try:
            with s3_errors_told(self._name):
                return "Status" in self._client.get_bucket_versioning(Bucket=self._bucket)
        except StoreDenied:
            return False

    def _head(self, wanted: S3Object) -> Mapping[str, Any]:
        with s3_errors_told(str(wanted)):
            return self._client.head_object(**wanted.address, **wanted.condition)

    def _tags(self, wanted: S3Object) -> dict[str, str]:
        with s3_errors_told(f"the tags of {wanted}"):
            try:
                tags = self._client.get_object_tagging(**wanted.address)["TagSet"]
            except ClientError as problem:
                if code_of(problem) == "NotImplemented":  # some servers know no tags
                    return {}
                raise
        return {field_name(tag["Key"]): tag["Value"] for tag in tags}

    def _object(self, key: str, token: str = "") -> S3Object:
        return S3Object(self._bucket, self._prefix + "/".join(checked_parts(key)), token)

    def _ref(self, key: str, told: Mapping[str, Any], size_bytes: int) -> AssetRef:
        version = token_of(told.get("VersionId"), told["ETag"])
        return AssetRef(self._name, key, version, size_bytes, told["LastModified"], self.uri(key))


def _is_asset(key: str) -> bool:
    """A key that ends with `/` is how some tools draw a folder."""
    return not key.endswith("/") and all(may_be_asset(part) for part in key.split("/"))
