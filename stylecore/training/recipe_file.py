"""Reading a training recipe: bounded, plain YAML, and every fault told with the place where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stylecore.training.errors import TrainingError
from stylecore.training.recipe import TrainingRecipe

MAX_BYTES = 256_000


class OnceLoader(yaml.SafeLoader):
    """Plain values alone, no key twice and no aliases: what a person reads is what is trained."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not accepted: write it out", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                mark = node.value[place][0].start_mark
                raise yaml.MarkedYAMLError(problem=f"{key!r} is there twice", problem_mark=mark)
        return super().construct_mapping(node, deep)


def read_recipe(path: Path) -> TrainingRecipe:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as problem:
        raise TrainingError(f"{path} cannot be read ({problem.strerror})", "a training recipe") from problem
    if len(content) > MAX_BYTES:
        raise TrainingError(f"a recipe over {MAX_BYTES} bytes", "a training recipe")
    return parse_recipe(content, path.name)


def parse_recipe(content: bytes, name: str = "the recipe") -> TrainingRecipe:
    try:
        # A subclass of the safe loader: it makes strings, numbers, lists and mappings, and nothing else.
        told = yaml.load(content.decode("utf-8"), Loader=OnceLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as problem:
        raise TrainingError(f"{name} is not a recipe: {_where(problem)}", "plain YAML in UTF-8") from problem
    try:
        return TrainingRecipe.model_validate(told)
    except ValidationError as problem:
        faults = [_fault(each) for each in problem.errors(include_url=False, include_context=False)]
        more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        raise TrainingError(f"{name}: {'; '.join(faults[:5])}{more}", "a training recipe") from problem


def _where(problem: Exception) -> str:
    mark = getattr(problem, "problem_mark", None)
    told = getattr(problem, "problem", None) or str(problem)
    return f"line {mark.line + 1}: {told}" if mark is not None else ascii(told)[:200]


def _fault(error: Any) -> str:
    place = ".".join(str(step) for step in error["loc"]) or "it"
    told = str(error["msg"]).removeprefix("Value error, ")
    shown = "" if error["type"] in ("missing", "value_error") else f" (got {ascii(error['input'])[:80]})"
    return f"{place}: {told}{shown}"
