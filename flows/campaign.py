"""The campaign file: what somebody asks for, as one typed object. Reading it is in ``campaign_file``."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from flows.stores.spec import StoreSpec
from governance.policy_question import Purpose
from governance.route import Bound, Routing
from stylecore.data import ChromaSampling, ColourKeeping, Digest, OutputFormat, Recipe, canonical_json

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Share = Annotated[float, Field(ge=0, le=1)]
AssetClass = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Weight = Annotated[float, Field(gt=0, lt=1)]


def _as_colour(value: object) -> object:
    """YAML reads 001122 as a number, and what follows a # as a comment: so it has to be text."""
    if not isinstance(value, str):
        raise ValueError('a colour in quotes is expected, like "1d3557"')
    return value.removeprefix("#").lower()


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Sorted, since their order says nothing: the same wish is the same recipe."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"each one once is expected, and {value} is there twice")
    return tuple(sorted(values))


Colour = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{6}$"), BeforeValidator(_as_colour, json_schema_input_type=str)
]
Kinds = Annotated[tuple[Slug, ...], Field(max_length=32), AfterValidator(_each_once)]


class Part(BaseModel):
    """Every part of a campaign refuses what it does not know, so that a misspelt field is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Selection(Part):
    """Which assets of the source: everything, unless narrowed."""

    include: tuple[Glob, ...] = ("**",)
    exclude: tuple[Glob, ...] = ()
    where: dict[str, tuple[str, ...]] = Field({}, description="fact or tag -> the values that are wanted")
    changed_since: date | datetime | None = None


class Source(Part):
    store: StoreSpec
    select: Selection = Selection()


class Style(Part):
    name: Slug
    version: int | None = Field(None, ge=1, description="default: the version that is approved now")
    blend: dict[Slug, Weight] = Field(
        {}, max_length=8, description="other styles of its package -> their weights; the rest is the style's own"
    )
    regions: dict[Slug, Slug] = Field(
        {}, max_length=16, description="kind of zone -> the style of the package that zones of this kind get instead"
    )

    @model_validator(mode="after")
    def _mixes_others(self) -> Style:
        if not sum(self.blend.values()) < 1:
            raise ValueError(f"blend: weights that sum to less than 1 are expected; the rest is {self.name}'s own")
        if self.name in self.blend:
            raise ValueError(f"blend: other styles are expected; {self.name} has the rest of the weight anyway")
        if self.name in self.regions.values():
            raise ValueError(f"regions: other styles are expected; {self.name} is that of the whole picture anyway")
        return self


class RecipePart(Part):
    strength: Share = Field(1.0, description="0 is the original bit for bit, 1 the full style")
    max_edge_px: int = Field(1600, ge=64, le=20_000, description="the longer edge of the result at most")
    protect: Kinds = Field((), description="kinds of zones in which nothing may change, such as logo or face")
    detect: Annotated[tuple[Literal["face", "text"], ...], AfterValidator(_each_once)] = Field(
        (), description="kinds of zones to look for in the pixels, besides those beside the asset"
    )
    feather: float = Field(0.01, ge=0, le=0.25, description="the soft rim of zones, as a fraction of the longer edge")
    keep_colour: ColourKeeping = Field("none", description="what the result keeps of the original's colours")
    palette: Annotated[tuple[Colour, ...], Field(max_length=64), AfterValidator(_each_once)] = Field(
        (), description="colours near which the result stays, each as six hex digits in quotes"
    )
    palette_delta_e: float = Field(12.0, ge=0.5, le=100, description="how near: at most this ΔE2000 from one of them")
    stroke: float = Field(1.0, ge=0.25, le=8, description="the size of strokes, as a factor of the style's own")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of all chance; the same seed gives the same bytes")
    animated: Literal["refuse", "first", "frames"] = Field(
        "refuse", description="a file of several frames or pages: put aside, its first one restyled, or all its frames"
    )


class QualityBound(Part):
    metric: Literal["ssim_full", "ssim_quarter", "ssim_eighth", "psnr_db", "lpips", "lpips_lite", "style_gap_closed"]
    at_least: float | None = Field(None, allow_inf_nan=False)
    at_most: float | None = Field(None, allow_inf_nan=False)
    otherwise: Literal["review", "reject"] = "review"

    @model_validator(mode="after")
    def _bounds_something(self) -> QualityBound:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a bound needs at_least, at_most, or both")
        return self


class Quality(Part):
    bounds: tuple[QualityBound, ...] = Field((), description="none at all sends every item to review")


class RoutingPart(Part):
    sample_share: Share = Field(0.0, description="share of approved items that people judge, for calibration")
    review_classes: frozenset[AssetClass] = Field(frozenset(), description="always looked at by a person")
    four_eyes_classes: frozenset[AssetClass] = Field(frozenset(), description="always looked at by two people")


class PurposePart(Part):
    channel: Slug
    territory: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|world)$")] = Field(
        description="a country by its two capital letters, or world"
    )


class Publish(Part):
    store: StoreSpec
    format: OutputFormat = "like-input"
    quality: int = Field(90, ge=1, le=100)
    chroma: ChromaSampling = Field("auto", description="of JPEG and AVIF; auto: 4:4:4 from a quality of 90, else 4:2:0")
    colours: Literal["keep", "srgb"] = Field(
        "keep", description="the colour space that each file came in, as far as its format holds it, or sRGB for all"
    )
    gps: Literal["keep", "drop"] = Field("keep", description="places in the metadata")
    retain_days: int | None = Field(
        None, ge=1, le=36_500, description="how long results are to be kept; default: no end is set"
    )


class Schedule(Part):
    cron: Line
    timezone: str = "UTC"

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str) -> str:
        try:
            CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError("five fields are expected, like '0 3 * * *' (minute hour day month weekday)") from error
        return cron

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("a time zone like Europe/Berlin is expected") from error
        return timezone


class EnginePart(Part):
    device: Literal["auto", "cpu", "cuda"] = "auto"
    shard_size: int = Field(500, ge=1, le=5_000, description="assets in one unit of work")
    batch_size: int | None = Field(None, ge=1, le=64, description="default: 1 on a CPU, 8 on a GPU")
    isolate_decoders: bool = Field(
        True, description="files are decoded in processes of their own, so that a crash costs one item"
    )


class Campaign(Part):
    """One request: restyle these assets, this way, for this purpose, and put the results there."""

    campaign: Slug
    description: str = Field("", max_length=2_000)
    asked_by: Line
    purpose: PurposePart
    source: Source
    style: Style
    recipe: RecipePart = RecipePart()
    quality: Quality = Quality()
    routing: RoutingPart = RoutingPart()
    publish: Publish
    schedule: Schedule | None = None
    engine: EnginePart = EnginePart()

    @model_validator(mode="after")
    def _uses_zones_once(self) -> Campaign:
        used = {*self.recipe.protect, *self.style.regions}
        idle = [kind for kind in self.recipe.detect if kind not in used]
        if idle:
            raise ValueError(
                f"recipe.detect: nothing is done with {idle[0]}; name it under recipe.protect or style.regions as well"
            )
        both = sorted({*self.recipe.protect} & {*self.style.regions})
        if both:
            raise ValueError(f"recipe.protect: {both[0]} is to stay as it is, but style.regions gives it a style")
        return self

    @property
    def digest(self) -> Digest:
        return Digest.of(canonical_json(self.model_dump(mode="json")))

    @property
    def full_recipe(self) -> Recipe:
        """The recipe as the core knows it: with the output, since that decides bytes as well.

        Where regions overlap, the kind that is later in the alphabet lies on top.
        """
        return Recipe(
            output_format=self.publish.format,
            quality=self.publish.quality,
            chroma=self.publish.chroma,
            colours=self.publish.colours,
            gps=self.publish.gps,
            blend=tuple(sorted(self.style.blend.items())),
            regions=tuple(sorted(self.style.regions.items())),
            **self.recipe.model_dump(),
        )

    @property
    def full_purpose(self) -> Purpose:
        return Purpose(asked_by=self.asked_by, channel=self.purpose.channel, territory=self.purpose.territory)

    @property
    def rules(self) -> Routing:
        """Quality bounds and routing, as the router knows them."""
        bounds = tuple(Bound(b.metric, b.at_least, b.at_most, b.otherwise) for b in self.quality.bounds)
        return Routing(
            bounds=bounds,
            sample_share=self.routing.sample_share,
            four_eyes_classes=self.routing.four_eyes_classes,
            review_classes=self.routing.review_classes,
        )
