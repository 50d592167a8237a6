"""The small frozen values that travel between the rooms. No torch here, and no behaviour but their own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Literal, Self

PIPELINE_VERSION = "1"
"""Part of every item's identity: raise it when the same inputs would give other pixels."""

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")

OutputFormat = Literal["like-input", "jpeg", "png", "webp", "tiff"]


class RestyleError(Exception):
    """A breakage, told in three parts a person can act on: what was got, what was expected, what to do next.

    Each package derives its own base from this one. ``kind`` decides the exit code of the command line.
    """

    kind: ClassVar[str] = "unexpected"

    def __init__(self, got: str, expected: str = "", next_step: str = "") -> None:
        self.got, self.expected, self.next_step = got, expected, next_step
        super().__init__(got, expected, next_step)

    def __str__(self) -> str:
        told = self.got if not self.expected else f"{self.got}; expected {self.expected}"
        return told if not self.next_step else f"{told}. {self.next_step}"


class Digest(str):
    """The sha256 of some bytes, as 64 lower-case hex digits. It identifies; it never merely labels."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not _SHA256_HEX.fullmatch(text):
            raise ValueError(f"not a sha256 digest: {text[:80]!r}; expected 64 lower-case hex digits")
        return super().__new__(cls, text)

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls(hashlib.sha256(content).hexdigest())

    @property
    def short(self) -> str:
        """Enough of it for a person to compare."""
        return str(self[:12])


def canonical_json(value: Any) -> bytes:
    """One spelling for one value: sorted keys, no spaces, UTF-8, no NaN. What is signed or digested is spelled so."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@dataclass(frozen=True, slots=True)
class AssetRef:
    """Where an asset is, before anyone has read it. ``version`` is the store's own opaque token for this content."""

    store: str
    key: str
    version: str
    size_bytes: int
    modified_at: datetime | None
    uri: str


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What the store knows about an asset beyond its bytes. ``None`` means *unknown*, and policy reads it as no."""

    asset_class: str = "unclassified"
    licence: str | None = None
    derivatives_allowed: bool | None = None
    rights_until: date | None = None
    shows_person: bool | None = None
    consent: str | None = None
    consent_until: date | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asset:
    """The bytes of one asset, read once and digested as they came. Never trusted."""

    ref: AssetRef
    content: bytes = field(repr=False)
    digest: Digest


@dataclass(frozen=True, slots=True)
class StyleRef:
    """A style version: the name people choose, the version that runs, and the digest that says which bytes."""

    name: str
    version: int
    package_digest: Digest

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a style is applied. Every field changes the pixels or the bytes, so every field is part of the identity."""

    strength: float = 1.0
    max_edge_px: int = 1600
    output_format: OutputFormat = "like-input"
    quality: int = 90

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Rendition:
    """An encoded, still unsigned result: what scores and reviews speak of, and what staging keeps by its digest."""

    content: bytes = field(repr=False)
    digest: Digest
    media_type: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Scores:
    """The numbers routing decides on. An absent score is ``None`` and ``absent`` says why: no score, no approval."""

    ssim_full: float | None = None
    ssim_quarter: float | None = None
    ssim_eighth: float | None = None
    psnr_db: float | None = None
    lpips: float | None = None
    style_gap_closed: float | None = None
    absent: Mapping[str, str] = field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        """The score of that name; an unknown name is a programming error, so it raises."""
        if metric not in SCORE_NAMES:
            raise ValueError(f"no score named {metric!r}; there are {', '.join(SCORE_NAMES)}")
        value: float | None = getattr(self, metric)
        return value

    def as_dict(self) -> dict[str, Any]:
        return {**{name: self.value(name) for name in SCORE_NAMES}, "absent": dict(self.absent)}


SCORE_NAMES = ("ssim_full", "ssim_quarter", "ssim_eighth", "psnr_db", "lpips", "style_gap_closed")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was decided: a code for machines and counts, and a sentence for people."""

    code: str
    text: str
