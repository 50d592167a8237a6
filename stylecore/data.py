"""The small frozen values that travel between the rooms. No torch here, and no behaviour but their own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError

PIPELINE_VERSION = "2"
"""Part of every item's identity: raise it when the same inputs would give other pixels."""

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")

ColourKeeping = Literal["none", "luminance", "histogram", "covariance"]
OutputFormat = Literal["like-input", "jpeg", "png", "webp", "tiff", "avif"]
ChromaSampling = Literal["auto", "4:4:4", "4:2:2", "4:2:0"]


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


MASK_SUFFIX = ".mask.png"
"""Pictures of this name say where things are in other pictures; they are no assets themselves."""

MAX_ZONES = 200
_MAX_POINTS = 200


def _digest(value: object) -> Digest:
    if not isinstance(value, str):
        raise ValueError("expected a sha256 digest")
    return Digest(value)


def mask_key(key: str) -> str:
    """The key of a mask as it is, if it is one; ValueError otherwise."""
    parts = key.split("/")
    if not key.endswith(MASK_SUFFIX) or any(part.startswith(".") or not part for part in parts) or "\\" in key:
        raise ValueError(f"expected a plain relative path that ends with {MASK_SUFFIX}")
    if not key.isprintable() or len(key) > 1024:
        raise ValueError("expected a path of at most 1024 characters without control characters")
    return key


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
_Share = Annotated[float, Field(ge=0, le=1)]
_Point = tuple[_Share, _Share]
_Colour = Annotated[str, Field(pattern=r"^[0-9a-f]{6}$")]
_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of one picture and what it shows: a box, a polygon, or a mask picture in the same store.

    Places are fractions of the width and height of the picture as it is seen, after its orientation is applied.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    kind: Slug
    box: tuple[_Share, _Share, _Share, _Share] | None = None
    """left, top, right, bottom"""
    polygon: Annotated[tuple[_Point, ...], Field(max_length=_MAX_POINTS)] = ()
    mask: Annotated[str, AfterValidator(mask_key)] | None = None
    """The key of a grey picture beside the asset: white is inside."""
    mask_digest: Annotated[Digest, PlainValidator(_digest)] | None = None

    def __post_init__(self) -> None:
        if (self.box is not None) + bool(self.polygon) + (self.mask is not None) != 1:
            raise ValueError("expected exactly one of box, polygon and mask")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError("expected a box as left, top, right, bottom, with left < right and top < bottom")
        if self.polygon and len(self.polygon) < 3:
            raise ValueError("expected a polygon of at least 3 points")

    def as_dict(self) -> dict[str, Any]:
        """What it says, without what it does not."""
        told = {"kind": self.kind, "box": self.box, "polygon": self.polygon, "mask": self.mask}
        return {name: value for name, value in {**told, "mask_digest": self.mask_digest}.items() if value}


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What the store knows about an asset beyond its bytes. ``None`` means *unknown*, and policy reads it as no.

    The last five are what a register of licences adds: ``None`` where nothing lapsed and nothing is limited.
    """

    asset_class: str = "unclassified"
    licence: str | None = None
    derivatives_allowed: bool | None = None
    rights_until: date | None = None
    shows_person: bool | None = None
    consent: str | None = None
    consent_until: date | None = None
    zones: tuple[Zone, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    licence_lapse: str | None = None
    """Why the licence is not in force, said after its name."""
    consent_lapse: str | None = None
    """Which consent is not in force, and why."""
    licensed_classes: frozenset[str] | None = None
    licensed_channels: frozenset[str] | None = None
    licensed_territories: frozenset[str] | None = None


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

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    strength: _Share = 1.0
    max_edge_px: Annotated[int, Field(ge=1, le=1_000_000)] = 1600
    output_format: OutputFormat = "like-input"
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    chroma: ChromaSampling = "auto"
    """Of JPEG and AVIF. By itself: full at a quality of 90 and more."""
    colours: Literal["keep", "srgb"] = "keep"
    """The colour space that the file came in, or sRGB for all."""
    gps: Literal["keep", "drop"] = "keep"
    animated: Literal["refuse", "first", "frames"] = "refuse"
    """What becomes of a file of several frames or pages: put aside, its first one restyled, or all of its frames."""
    blend: Annotated[tuple[tuple[Slug, _Share], ...], Field(max_length=64)] = ()
    """Other styles of the package with their weights; the rest of the weight is the style's own."""
    regions: Annotated[tuple[tuple[Slug, Slug], ...], Field(max_length=64)] = ()
    """(kind of zone, name of the style it gets instead). Kinds that no zone has leave the picture as it is."""
    protect: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    """Kinds of zones in which nothing may change."""
    detect: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    """Kinds of zones to look for in the pixels: "face", "text"."""
    feather: _Share = 0.01
    """The width of the rim of a protected zone, as a fraction of the longer edge."""
    keep_colour: ColourKeeping = "none"
    palette: Annotated[tuple[_Colour, ...], Field(max_length=64)] = ()
    """Colours as six hex digits: the result stays within ``palette_delta_e`` of the nearest of them."""
    palette_delta_e: Annotated[float, Field(ge=0.5, le=100)] = 12.0
    stroke: Annotated[float, Field(ge=0.25, le=8)] = 1.0
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    zones: Annotated[tuple[Zone, ...], Field(max_length=MAX_ZONES)] = ()
    """The zones of this one asset that the recipe uses: other zones give other pixels, so they are part of it."""

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Recipe:
        """What ``as_dict`` wrote. Strict: a name or a value that no recipe has is a ValueError of one line."""
        return _strictly(_recipes(), canonical_json(told))

    def as_dict(self) -> dict[str, Any]:
        """As JSON knows it. A control that is not used is not written: items keep their identity as controls grow."""
        said = {name: value for name, value in asdict(self).items() if name in _ALWAYS_SAID or value != _UNUSED[name]}
        if self.zones:
            said["zones"] = [zone.as_dict() for zone in self.zones]
        plain: dict[str, Any] = json.loads(json.dumps(said))
        return plain

    @property
    def further_styles(self) -> tuple[str, ...]:
        """The styles it needs beyond the one it is a recipe for."""
        named = (*(name for name, _ in self.blend), *(name for _, name in self.regions))
        return tuple(dict.fromkeys(named))

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of zones in which something else is to happen than in the rest of the picture."""
        return frozenset((*self.protect, *(kind for kind, _ in self.regions)))

    def on(self, zones: Iterable[Zone]) -> Recipe:
        """This recipe for one asset: with those of its zones that it uses, and no others."""
        return replace(self, zones=tuple(zone for zone in zones if zone.kind in self.kinds))


_ALWAYS_SAID = frozenset({"strength", "max_edge_px", "output_format", "quality"})
_UNUSED = {each.name: each.default for each in fields(Recipe)}


@cache
def _recipes() -> TypeAdapter[Recipe]:
    return TypeAdapter(Recipe)


@cache
def _lists_of_zones() -> TypeAdapter[tuple[Zone, ...]]:
    return TypeAdapter(Annotated[tuple[Zone, ...], Field(max_length=MAX_ZONES)])


def read_zones(content: bytes) -> tuple[Zone, ...]:
    """Zones as JSON, as somebody wrote them beside an asset; a ValueError of one line says what is wrong."""
    zones = _strictly(_lists_of_zones(), content)
    if any(zone.mask_digest for zone in zones):
        raise ValueError("mask_digest: expected nothing; it is computed from the mask")
    return zones


_Read = TypeVar("_Read")


def _strictly(adapter: TypeAdapter[_Read], content: bytes) -> _Read:
    try:
        return adapter.validate_json(content)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(step)[:80] for step in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        told = f"{where}: {said}" if where else said
    raise ValueError(told)


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
    lpips_lite: float | None = None
    """The bundled student's distance. It is not LPIPS, and no bound on one holds for the other."""
    style_gap_closed: float | None = None
    absent: Mapping[str, str] = field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        """The score of that name; an unknown name is a programming error, so it raises."""
        if metric not in SCORE_NAMES:
            raise ValueError(f"no score named {metric!r}; there are {', '.join(SCORE_NAMES)}")
        value: float | None = getattr(self, metric)
        return value

    def as_dict(self) -> dict[str, Any]:
        """As JSON knows it. A score that came later is written only where it was asked for: what was signed before it
        came keeps its bytes."""
        said = {name: self.value(name) for name in SCORE_NAMES}
        later = {name for name in _LATER_SCORES if said[name] is None and name not in self.absent}
        return {**{name: value for name, value in said.items() if name not in later}, "absent": dict(self.absent)}


SCORE_NAMES = ("ssim_full", "ssim_quarter", "ssim_eighth", "psnr_db", "lpips", "lpips_lite", "style_gap_closed")
_LATER_SCORES = frozenset({"lpips_lite"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was decided: a code for machines and counts, and a sentence for people."""

    code: str
    text: str
