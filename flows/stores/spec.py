"""Where a store is, as a campaign file or a setting says it. Secrets are never part of it, so it may be shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

Secrets = Mapping[str, SecretStr]
"""What opens a store besides its spec, by name (for S3: access_key_id, secret_access_key, session_token)."""


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("", max_length=100, description="What people call this store; its location when left out.")


class FolderSpec(_Spec):
    """A folder of this machine, or of anything mounted on it."""

    kind: Literal["folder"] = "folder"
    path: Path

    @property
    def label(self) -> str:
        return self.name or str(self.path)


class S3Spec(_Spec):
    """A bucket, or a prefix in it, on S3 or anything that speaks S3."""

    kind: Literal["s3"] = "s3"
    bucket: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$")
    prefix: str = Field("", max_length=900, pattern=r"^[^\x00\\]*$")
    endpoint_url: str | None = Field(None, description="Only for S3 that is not Amazon's, as https://host:port.")
    region: str | None = Field(None, pattern=r"^[a-z0-9-]{1,40}$")
    connect_timeout_s: float = Field(4.0, gt=0, le=60)
    read_timeout_s: float = Field(30.0, gt=0, le=600)
    attempts: int = Field(3, ge=1, le=10)

    @field_validator("endpoint_url")
    @classmethod
    def _is_a_plain_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as https://s3.example.com:9000")
        if "@" in parts.netloc:
            raise ValueError("credentials do not belong into the address; set them in the settings")
        return url

    @property
    def label(self) -> str:
        return self.name or f"s3://{self.bucket}/{self.prefix}".rstrip("/")


StoreSpec = Annotated[FolderSpec | S3Spec, Field(discriminator="kind")]
