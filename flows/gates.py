"""The gates: what a style version has to be, in numbers, before anybody can approve it. One typed file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from flows.campaign import AssetClass, Part, Slug
from flows.errors import UsageError
from stylecore.data import Digest, canonical_json
from stylecore.training.recipe_file import OnceLoader

_MOST_BYTES = 64_000
_HINT = "`restyle styles gates` prints the gates in force"

Metric = Literal["ssim_full", "ssim_quarter", "ssim_eighth", "psnr_db", "lpips", "lpips_lite", "style_gap_closed"]
LESS_IS_BETTER = frozenset({"lpips", "lpips_lite"})
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1000, le=1000)]
Milliseconds = Annotated[float, Field(gt=0, le=100_000_000)]


class GateBound(Part):
    """What the mean of a metric over the pictures of a class has to be, both ends included."""

    metric: Metric
    at_least: Number | None = None
    at_most: Number | None = None
    where_measured: bool = Field(False, description="holds only where the metric could be measured")

    @model_validator(mode="after")
    def _bounds_something(self) -> GateBound:
        ends = [end for end in (self.at_least, self.at_most) if end is not None]
        if not ends or ends != sorted(ends):
            raise ValueError("at_least or at_most is expected, or both, the lower as at_least")
        return self


Bounds = Annotated[tuple[GateBound, ...], Field(max_length=32)]


class FamilyGates(Part):
    """What styles of one family have to be instead."""

    bounds: Annotated[Bounds, Field(min_length=1)] | None = None
    ms_per_megapixel: Milliseconds | None = None


class Gates(Part):
    gates: Literal[1]
    edge_px: int = Field(288, ge=128, le=1024)
    bounds: Annotated[Bounds, Field(min_length=1)]
    classes: Annotated[dict[AssetClass, Bounds], Field(max_length=64)] = Field({})
    families: Annotated[dict[Slug, FamilyGates], Field(max_length=32)] = Field({})
    ms_per_megapixel: Milliseconds
    regressions: dict[Metric, Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]] = Field({})

    @property
    def digest(self) -> Digest:
        """Of what they say: comments and order make no other gates."""
        return Digest.of(canonical_json(self.model_dump(mode="json")))

    def bounds_for(self, family: str, asset_class: str) -> Bounds:
        of_family = self.families.get(family, FamilyGates()).bounds
        return (*(self.bounds if of_family is None else of_family), *self.classes.get(asset_class, ()))

    def slowest_for(self, family: str) -> float:
        of_family = self.families.get(family, FamilyGates()).ms_per_megapixel
        return self.ms_per_megapixel if of_family is None else of_family


def shipped_gates() -> str:
    return (files("flows") / "templates" / "gates.yaml").read_text(encoding="utf-8")


def read_gates(path: Path | None) -> Gates:
    """The gates in that file, or those that come along."""
    if path is None:
        return parse_gates(shipped_gates().encode(), "the shipped gates")
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as problem:
        raise UsageError(f"the gates {path} cannot be read ({problem.strerror})", "a gates file", _HINT) from problem
    return parse_gates(content, path.name)


def parse_gates(content: bytes, name: str = "gates") -> Gates:
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{name} of over {_MOST_BYTES} bytes", "a gates file", _HINT)
    try:
        # A subclass of the safe loader: it makes strings, numbers, lists and mappings, and nothing else.
        told: Any = yaml.load(content.decode("utf-8"), Loader=OnceLoader)  # noqa: S506
        return Gates.model_validate(told)
    except ValidationError as problem:
        faults = [f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in problem.errors()]
        raise UsageError(f"{name}: {'; '.join(faults[:5])}", "gates", _HINT) from problem
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as problem:
        raise UsageError(f"{name} is not YAML: {str(problem).splitlines()[0]}", "gates", _HINT) from problem
