"""A boto3 client that gives up in bounded time and keeps its secrets to itself."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from flows.stores.errors import StoreError
from flows.stores.s3_errors import s3_errors_told
from flows.stores.spec import S3Spec, Secrets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SECRET_NAMES = ("access_key_id", "secret_access_key", "session_token")
_CONNECTIONS = 32


def client_for(spec: S3Spec, secrets: Secrets) -> "S3Client":
    """Credentials as given, or by boto3's own chain: environment, profile, role of the machine."""
    unknown = sorted(set(secrets) - set(_SECRET_NAMES))
    if unknown:
        allowed = f"one of {', '.join(_SECRET_NAMES)}"
        raise StoreError(f"the credential {unknown[0]!r}", allowed, "Correct the settings.")
    key_id, key, token = (_plain(secrets, name) for name in _SECRET_NAMES)
    with s3_errors_told(spec.label):
        session = boto3.Session(aws_access_key_id=key_id, aws_secret_access_key=key, aws_session_token=token)
        region = spec.region or session.region_name or ("us-east-1" if spec.endpoint_url else None)
        return session.client("s3", endpoint_url=spec.endpoint_url, region_name=region, config=_config(spec))


def _plain(secrets: Secrets, name: str) -> str | None:
    secret = secrets.get(name)
    return secret.get_secret_value() if secret else None


def _config(spec: S3Spec) -> Config:
    return Config(
        connect_timeout=spec.connect_timeout_s,
        read_timeout=spec.read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": spec.attempts},
        max_pool_connections=_CONNECTIONS,
        # Servers that are not Amazon's are seldom reachable as bucket.host.
        s3={"addressing_style": "path" if spec.endpoint_url else "auto"},
        # Checksum trailers are not understood by many servers. We send a sha256 ourselves, and read back.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
