"""The training recipe: everything that decides a style package, as one typed object. ``recipe_file`` reads it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    Tag,
    model_serializer,
    model_validator,
)

from stylecore.data import Digest, canonical_json
from stylecore.training.early_stopping import Patience
from stylecore.training.loop import Schedule

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Paragraph = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[^\x00-\x1f\x7f]+$")]
Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(gt=0, le=4)]
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


def _inside(path: str) -> str:
    """A path that stays in its folder: written with slashes, relative, and never upwards."""
    parts = PurePosixPath(path).parts
    if "\\" in path or ":" in path or not parts or PurePosixPath(path).is_absolute() or ".." in parts:
        raise ValueError("a path inside the recipe's folder is expected, like pictures/style.png")
    return path


InsidePath = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_inside)]


class Part(BaseModel):
    """Every part of a recipe refuses what it does not know, so that a misspelt field is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rights(Part):
    """Why a picture may be used for training."""

    source: Line
    licence: Line
    holder: Line
    consent: Line | None = Field(None, description="of people shown, where it is needed")


class ImageSource(Part):
    """Where a style's picture comes from: drawn by one of our painters, or a file whose rights are told."""

    drawn: Slug | None = None
    seed: int = Field(7, ge=0, lt=2**31)
    file: InsidePath | None = None
    rights: Rights | None = None

    @model_validator(mode="after")
    def _one_source(self) -> ImageSource:
        if (self.drawn is None) == (self.file is None):
            raise ValueError("either drawn: PAINTER or file: PATH is expected")
        if self.file is not None and self.rights is None:
            raise ValueError("a style image from a file needs rights: source, licence and holder")
        return self


class Pair(Part):
    """One picture before and after somebody graded it."""

    before: InsidePath
    after: InsidePath
    rights: Rights


def _kind_of_pairs(told: object) -> str:
    return "folder" if isinstance(told, str) else "list"


Pairs = Annotated[
    Annotated[InsidePath, Tag("folder")]
    | Annotated[tuple[Pair, ...], Field(min_length=1, max_length=500), Tag("list")],
    Discriminator(_kind_of_pairs),
]
_LATER_FIELDS = frozenset({"pairs", "targets"})


class StylePart(Part):
    name: Slug
    title: Line
    description: Paragraph
    image: ImageSource | None = Field(
        None, description="the picture that stands for it; the first of its pairs or targets may do so instead"
    )
    pull: dict[Slug, Weight] = Field({}, description="how hard each loss pulls on this style, where not as usual")
    taught_by: Slug | None = Field(None, description="a painter to imitate, for a style that is shapes")
    pairs: Pairs | None = Field(
        None, description="pictures before and after: a list, or a folder of before/, after/ and rights.csv"
    )
    targets: InsidePath | None = Field(
        None, description="a folder of pictures of the wanted kind, with a rights.csv that lists every one of them"
    )

    @model_validator(mode="after")
    def _one_teaching(self) -> StylePart:
        if sum(each is not None for each in (self.taught_by, self.pairs, self.targets)) > 1:
            raise ValueError("one of taught_by, pairs and targets is expected")
        if self.image is None and self.pairs is None and self.targets is None:
            raise ValueError("an image is expected: drawn: PAINTER or file: PATH")
        return self

    @model_serializer(mode="wrap")
    def _as_it_was_digested_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A field that came later is written only where it is used: recipes that do not keep their digest."""
        told: dict[str, Any] = handler(self)
        return {name: value for name, value in told.items() if value is not None or name not in _LATER_FIELDS}


class Augmentation(Part):
    """How crops are varied. Factors are drawn evenly from their ranges; 1 to 1 leaves a crop as it is."""

    mirror: Share = 0.5
    brightness: tuple[Factor, Factor] = (0.75, 1.3)
    contrast: tuple[Factor, Factor] = (0.7, 1.3)
    saturation: tuple[Annotated[float, Field(ge=0, le=4)], Factor] = (0.4, 1.4)
    blur: Share = Field(0.0, description="share of crops that are out of focus")
    jpeg: Share = Field(0.0, description="share of crops that are badly compressed")


class Content(Part):
    """The pictures that are restyled in training. Each has a line with its licence in the listing, or is not used."""

    listing: InsidePath | None = Field(None, description="CSV: path, licence, holder, source and, where due, consent")
    synthetic_share: Share = 0.2
    held_out: tuple[Line, ...] | Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.1, description="kept from training, to judge it by: a share of the listing, or paths of it"
    )
    crop_px: int = Field(160, ge=32, le=1024, multiple_of=4)
    augmentation: Augmentation = Augmentation()

    @model_validator(mode="after")
    def _something_to_see(self) -> Content:
        if self.listing is None and self.synthetic_share < 1:
            raise ValueError("without a listing all content is invented: synthetic_share: 1")
        return self


class SchedulePart(Part):
    iterations: int = Field(ge=1, le=10_000_000)
    warm_up: int = Field(50, ge=0)
    gradient_clip: float = Field(5.0, gt=0, allow_inf_nan=False)
    checkpoint_every: int = Field(200, ge=1)
    sample_every: int = Field(400, ge=1, description="how often each style shows what it makes of a free photograph")


class EarlyStopping(Part):
    """Judged on the held-out pictures: medians of the style gap closed, and of SSIM at an eighth of the size."""

    check_every: int = Field(400, ge=1)
    patience: int = Field(3, ge=1, description="checks without a better one before training ends")
    least_content: Share = Field(0.5, description="below this the styles have eaten the pictures")
    least_style: Share = Field(0.4, description="below this the styles have not come through")
    most_style: Share = 0.98


class TrainingRecipe(Part):
    """One package to train. Its digest stands in every checkpoint, so that none is continued by another recipe."""

    package: Slug
    family: Slug
    licence: Line = "Apache-2.0"
    description: Paragraph
    good_for: Paragraph = "Restyling whole libraries of pictures in one look."
    not_for: tuple[Line, ...] = ()
    styles: tuple[StylePart, ...] = Field(min_length=1, max_length=64)
    style_image_px: int = Field(512, ge=64, le=2048)
    content: Content
    settings: dict[Slug | Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Any] = Field(
        {}, description="the family's own settings"
    )
    schedule: SchedulePart
    early_stopping: EarlyStopping | None = None
    seed: int = Field(20, ge=0, lt=2**31)
    start_from: Line | None = Field(None, description="the folder of a package to go on from")

    @model_validator(mode="after")
    def _each_style_once(self) -> TrainingRecipe:
        names = [style.name for style in self.styles]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the style {repeated[0]} is there twice")
        return self

    @model_validator(mode="after")
    def _taught_as_its_family_learns(self) -> TrainingRecipe:
        for field, family in (("pairs", "colour-grade"), ("targets", "image-to-image")):
            if self.family != family and any(getattr(style, field) is not None for style in self.styles):
                raise ValueError(f"{field} are for the family {family}, and this is a recipe of {self.family}")
        return self

    @property
    def digest(self) -> Digest:
        return Digest.of(canonical_json(self.model_dump(mode="json")))

    @property
    def pace(self) -> Schedule:
        return Schedule(self.schedule.iterations, self.schedule.warm_up, self.schedule.gradient_clip)

    @property
    def patience(self) -> Patience | None:
        wanted = self.early_stopping
        return None if wanted is None else Patience(**wanted.model_dump())
