"""Reading a campaign file: from hostile text to a typed campaign, or to every problem with its line and field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.campaign import Campaign
from flows.errors import UsageError
from flows.stores.spec import FolderSpec

MAX_FILE_BYTES = 1_000_000
_SCHEMA_HINT = "`restyle campaign schema` prints every field and what it allows"

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a campaign file, at the place where a person mends it."""

    line: int | None
    field: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.field}" if self.line else self.field
        return f"{where}: {self.message}"


class CampaignError(UsageError):
    """A campaign file that cannot be run, with all its problems at once."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        told = "; ".join(str(problem) for problem in problems)
        super().__init__(f"{source}: {told}", next_step=_SCHEMA_HINT)


def read_campaign(path: Path) -> Campaign:
    """The campaign in that file, with relative store folders made absolute from the file's own folder."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read the campaign file {path} ({error.strerror})",
            next_step="Check the path; `restyle campaign example` prints a file to start from",
        ) from error
    return anchored(parse_campaign(content, source=path.name), path.resolve().parent)


def parse_campaign(content: bytes, source: str = "campaign") -> Campaign:
    """The campaign that this YAML text describes."""
    data, lines = _load(content, source)
    try:
        return Campaign.model_validate(data)
    except ValidationError as error:
        problems = tuple(_problem(entry, lines) for entry in error.errors(include_url=False))
        raise CampaignError(source, problems) from None


def anchored(campaign: Campaign, folder: Path) -> Campaign:
    """The same campaign with its relative folders taken from ``folder``: it means the same wherever it is run."""

    def anchor(store: Any) -> Any:
        return store.model_copy(update={"path": folder / store.path}) if isinstance(store, FolderSpec) else store

    source = campaign.source.model_copy(update={"store": anchor(campaign.source.store)})
    publish = campaign.publish.model_copy(update={"store": anchor(campaign.publish.store)})
    return campaign.model_copy(update={"source": source, "publish": publish})


def _load(content: bytes, source: str) -> tuple[Any, dict[FieldPath, int]]:
    if len(content) > MAX_FILE_BYTES:
        raise CampaignError(source, (Problem(None, "file", f"larger than {MAX_FILE_BYTES} bytes"),))
    try:
        _refuse_aliases(content)
        return _constructed(content, source)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise CampaignError(source, (Problem(line, "YAML", str(error.problem)),)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CampaignError(source, (Problem(None, "YAML", str(error).splitlines()[0]),)) from None


def _constructed(content: bytes, source: str) -> tuple[Any, dict[FieldPath, int]]:
    loader = yaml.SafeLoader(content)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise CampaignError(source, (Problem(1, "file", "empty or a list; expected fields like `campaign: name`"),))
        lines = dict(_lines(node, ()))
        return loader.construct_document(node), lines
    finally:
        loader.dispose()


def _refuse_aliases(content: bytes) -> None:
    """Anchors and aliases let a few lines unfold into gigabytes; a campaign has no use for them."""
    for event in yaml.parse(content, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise yaml.YAMLError(f"line {line}: aliases (*name) are not accepted; write the value out")


def _lines(node: yaml.Node, path: FieldPath) -> Iterator[tuple[FieldPath, int]]:
    """Every field's line; and no field twice, for of two values one would be lost in silence."""
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, entry in enumerate(node.value):
            yield from _lines(entry, (*path, index))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.MarkedYAMLError(problem=f"the field {name} stands here twice", problem_mark=key.start_mark)
            seen.add(name)
            yield (*path, name), key.start_mark.line + 1
            yield from ((p, line) for p, line in _lines(value, (*path, name)) if p != (*path, name))


def _problem(entry: Mapping[str, Any], lines: Mapping[FieldPath, int]) -> Problem:
    # The discriminator of a store ("folder", "s3") stands in pydantic's path, but not in the file.
    path = tuple(step for step in entry["loc"] if step not in ("folder", "s3"))
    nearest = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in lines), ())
    return Problem(lines.get(nearest), ".".join(str(step) for step in path) or "file", _message(entry))


def _message(entry: Mapping[str, Any]) -> str:
    match entry["type"]:
        case "missing":
            return "missing, and it is required"
        case "extra_forbidden":
            return "unknown field"
        case "union_tag_invalid":
            return f"got kind {entry['ctx']['tag']!r}; allowed: {entry['ctx']['expected_tags']}"
        case "union_tag_not_found":
            return "missing kind; allowed: 'folder', 's3'"
    message = str(entry["msg"]).removeprefix("Value error, ")
    if isinstance(entry["input"], Mapping):  # a whole part is wrong in itself; the message names the field
        return message
    shown = repr(entry["input"])
    return f"got {shown if len(shown) <= 80 else shown[:77] + '...'}; {message[0].lower()}{message[1:]}"
