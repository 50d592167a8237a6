"""``style.json`` and ``rights.json``: what a style package says of itself, and the rules both files must keep.

A package comes from anywhere, so nothing here is lenient: unknown keys, repeated keys, NaN, unprintable text (it ends
up in terminals and web pages) and any file name outside the fixed layout are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from registry.errors import PackageError
from stylecore.data import SCORE_NAMES, Digest

SLUG = r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])$"
"""Names of styles and packages. MLflow would take far stranger ones, and then they reach URLs, paths and terminals."""

PICTURE_NAME = r"^(references|previews)/[a-z0-9][a-z0-9_-]{0,79}\.(jpg|jpeg|png|webp)$"
FILE_NAME = r"^(weights\.safetensors|CARD\.md|rights\.json)$|" + PICTURE_NAME
"""The whole layout. Names that must match this cannot climb out of the folder, be absolute or bring code along."""

REQUIRED_FILES = frozenset({"weights.safetensors", "CARD.md", "rights.json"})

_STRICT = ConfigDict(extra="forbid", strict=True)


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("must be printable text, without line breaks or control characters")
    return text


def _one_line(text: str) -> str:
    return _printable(text) if text else text


def _digest(value: object) -> Digest:
    if not isinstance(value, str):
        raise ValueError("must be a sha256 digest")
    return Digest(value)


def _score_name(name: str) -> str:
    if name not in SCORE_NAMES:
        raise ValueError(f"must be a score: {', '.join(SCORE_NAMES)}")
    return name


Slug = Annotated[str, Field(pattern=SLUG)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
Paragraph = Annotated[str, Field(max_length=2000), AfterValidator(_printable)]
PictureName = Annotated[str, Field(pattern=PICTURE_NAME)]
FileName = Annotated[str, Field(pattern=FILE_NAME)]
Sha256 = Annotated[Digest, PlainValidator(_digest), WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$"})]
Numbers = Annotated[Mapping[Annotated[str, AfterValidator(_score_name)], FiniteFloat], Field(max_length=16)]
ArchitectureKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Scalar = bool | int | FiniteFloat | Line
ArchitectureValue = Scalar | Annotated[tuple[Scalar, ...], Field(max_length=64)]


@dataclass(frozen=True, slots=True)
class StyleEntry:
    """One style of a package. ``measured`` is what its maker measured; it becomes the metrics of the MLflow run."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Slug
    index: Annotated[int, Field(ge=0, le=255)]
    title: Line
    description: Paragraph
    reference: PictureName
    preview: PictureName
    suggested_bounds: Numbers = field(default_factory=dict)
    measured: Numbers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RightsEntry:
    """Where one ingredient of the style came from, under which licence, and who holds the rights to it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    what: Paragraph
    source: Paragraph
    licence: Line
    holder: Line
    digest: Sha256 | None = None
    role: Literal["style image", "training data", "weights", "preview", "other"] | None = None
    """What it was to the style; where it is not said, it is told by the words of ``what``."""
    consent: Annotated[str, Field(max_length=200), AfterValidator(_one_line)] = ""
    """The reference of a person's consent, where one was needed."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of ``style.json``. It pins every other file of the package, so its own digest pins the package."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    schema: Literal[1]
    package: Slug
    family: Slug
    architecture: Annotated[Mapping[ArchitectureKey, ArchitectureValue], Field(max_length=64)]
    styles: Annotated[tuple[StyleEntry, ...], Field(min_length=1, max_length=64)]
    controls: Annotated[tuple[Slug, ...], Field(max_length=16)]
    files: Annotated[Mapping[FileName, Sha256], Field(max_length=200)]
    licence: Line


_MANIFEST = TypeAdapter(Manifest)
_RIGHTS: TypeAdapter[tuple[RightsEntry, ...]] = TypeAdapter(
    Annotated[tuple[RightsEntry, ...], Field(min_length=1, max_length=10_000)]
)
_Parsed = TypeVar("_Parsed")


def parse_manifest(content: bytes) -> Manifest:
    manifest = _parse(_MANIFEST, content, "style.json")
    _refuse_repeats("style name", [style.name for style in manifest.styles])
    _refuse_repeats("style index", [style.index for style in manifest.styles])
    _refuse_repeats("control", list(manifest.controls))
    pictures = {name for style in manifest.styles for name in (style.reference, style.preview)}
    missing = sorted((REQUIRED_FILES | pictures) - set(manifest.files))
    if missing:
        raise PackageError(
            f"style.json lists no digest for {', '.join(missing)}", "every file of the package under files", REPACK
        )
    return manifest


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of ``style.json``. Beyond it, names are given once and every picture has a digest."""
    return _MANIFEST.json_schema()


def parse_draft(content: bytes) -> dict[str, Any]:
    """A ``style.json`` that is yet to be completed: an object, read as strictly as a whole one."""
    _refuse_ambiguous_json(content, "style.json")
    draft = json.loads(content)
    if not isinstance(draft, dict):
        raise PackageError("style.json is no object", "the fields of a style package", REPACK)
    return draft


def parse_rights(content: bytes) -> tuple[RightsEntry, ...]:
    return _parse(_RIGHTS, content, "rights.json")


REPACK = "Pack the folder again, or get the package again from whoever made it."


def _refuse_repeats(what: str, values: list[Any]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise PackageError(f"style.json gives {what} {repeated[0]!r} twice", "each one once", REPACK)


def _parse(adapter: TypeAdapter[_Parsed], content: bytes, file_name: str) -> _Parsed:
    _refuse_ambiguous_json(content, file_name)
    try:
        return adapter.validate_json(content)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(step)[:80] for step in first["loc"]) or "the document"
        raise PackageError(
            f"{file_name}: {where!a} is {ascii(first['input'])[:120]}", first["msg"], REPACK
        ) from problem


def _refuse_ambiguous_json(content: bytes, file_name: str) -> None:
    """Two readers must never see two documents in the same bytes: no repeated keys, no NaN, nothing but UTF-8."""
    try:
        json.loads(content.decode("utf-8"), object_pairs_hook=_each_key_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise PackageError(
            f"{file_name} cannot be read: {ascii(str(problem))[:200]}", "plain JSON in UTF-8", REPACK
        ) from problem


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
