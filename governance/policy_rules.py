"""The rules of a policy, read from a folder: every file accounted for, every rule checked, parsed once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

import cedarpy
from cedarpy import pst

from governance.errors import PolicyError
from governance.policy_question import (
    ASSET_ATTRIBUTES,
    ASSET_DAYS,
    CONTEXT_ATTRIBUTES,
    REASON_WORDS,
    STYLE_ATTRIBUTES,
    Reads,
)
from stylecore.data import Digest, canonical_json

SHIPPED_POLICIES = Path(__file__).parent / "policies"
SCHEMA_NAME = "schema.cedarschema"

_MAX_FILE_BYTES = 1_000_000
_MAX_RULE_CHARS = 20_000
_MAX_RULE_DEPTH = 100
_MAX_RULE_LINKS = 500
_LINK = re.compile(r"&&|\|\||[.+*!-]|\bif\b")
_COMPARISONS = frozenset({"less", "less_eq", "greater", "greater_eq", "eq", "not_eq"})
_RULE_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_REASON_WORD = re.compile(r"\{([^{}]*)\}")
_PIECE = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"?|;|\s+|[^\s;"/]+|.', re.DOTALL)
_KNOWN_ATTRIBUTES = ASSET_ATTRIBUTES.keys() | STYLE_ATTRIBUTES | CONTEXT_ATTRIBUTES
_NAMELESS = {"Asset": "its attributes or tags", "Style": "context.style.name, .version or .package_digest"}


PolicyFiles = tuple[tuple[str, str], ...]
"""Name and text of every file of a policy, the schema's with them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``permit`` or ``forbid``. Its ``@id`` is the reason code, its ``@reason`` the text for people."""

    id: str
    reason: str
    where: str
    template: pst.Template

    @property
    def forbids(self) -> bool:
        return self.template.effect == "forbid"

    def reason_with(self, words: Mapping[str, str]) -> str:
        """The reason's text with the facts of the case in it. Plain substitution: a fact is never a format."""
        return _REASON_WORD.sub(lambda found: words[found[1]], self.reason)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of a policy, parsed and validated, with the digest of the files that they were read from."""

    rules: tuple[Rule, ...]
    files: PolicyFiles
    digest: Digest
    schema: cedarpy.Schema
    policy_set: cedarpy.PolicySet
    reads: Reads


@dataclass(frozen=True, slots=True)
class _Statement:
    """The text of one rule and where it begins."""

    file: str
    line: int
    text: str

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


def read_rule_book(*folders: Path) -> RuleBook:
    """The rules of these folders together. Each file is read once, and those very bytes are digested and parsed."""
    return rule_book(read_files(*folders), ", ".join(str(folder) for folder in folders))


def read_files(*folders: Path) -> PolicyFiles:
    """What a policy is made of: name and text of its files, and of the schema in force."""
    schema_text = read_text(SHIPPED_POLICIES / SCHEMA_NAME)
    files = [(path.name, read_text(path)) for folder in folders for path in _rule_files(folder, schema_text)]
    return (*files, (SCHEMA_NAME, schema_text))


def rule_book(files: Sequence[tuple[str, str]], origin: str) -> RuleBook:
    """The rules in these files, which need not lie in a folder any more: a policy that was in force is kept so."""
    schema = cedarpy.Schema.from_str(next(text for name, text in files if name == SCHEMA_NAME))
    rule_files = [(name, text) for name, text in files if name != SCHEMA_NAME]
    statements = [statement for name, text in rule_files for statement in _statements(name, text)]
    rules = tuple(_rule(statement, schema) for statement in statements)
    if not rules:
        raise PolicyError(
            f"there is no rule in {origin}",
            "at least one permit in a *.cedar file",
            f"Begin with a copy of {SHIPPED_POLICIES}",
        )
    _refuse_duplicates(rules)
    return RuleBook(rules, tuple(files), digest_of(files), schema, policy_set_of(rules), _reads(rules))


def policy_set_of(rules: Iterable[Rule]) -> cedarpy.PolicySet:
    """The rules as Cedar holds them, under our ids: an answer then names our rules, not their positions."""
    return policy_set({rule.id: rule.template for rule in rules})


def policy_set(templates: Mapping[str, pst.Template]) -> cedarpy.PolicySet:
    named = {name: replace(template, id=name) for name, template in templates.items()}
    return cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=named, template_links=()))


def _rule_files(folder: Path, schema_text: str) -> list[Path]:
    """The rule files by name. A file that is neither rule nor note is refused: it might be a rule that nobody reads."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as problem:
        raise PolicyError(
            f"the policy folder {folder} cannot be read ({problem.strerror})", "a folder of *.cedar files"
        ) from problem
    strange = [entry.name for entry in entries if not _belongs(entry)]
    if strange:
        raise PolicyError(
            f"{', '.join(strange[:5])} in the policy folder {folder} would not be read",
            f"only *.cedar files, {SCHEMA_NAME} and *.md notes",
            "Rename it or take it out",
        )
    if any(entry.name == SCHEMA_NAME and read_text(entry) != schema_text for entry in entries):
        raise PolicyError(
            f"{folder / SCHEMA_NAME} differs from the schema in force",
            "the same text or no schema",
            f"Delete it, or copy {SHIPPED_POLICIES / SCHEMA_NAME} again",
        )
    return [entry for entry in entries if entry.suffix == ".cedar"]


def _belongs(entry: Path) -> bool:
    return entry.is_file() and (entry.suffix in {".cedar", ".md"} or entry.name == SCHEMA_NAME)


def read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise PolicyError(f"{path} is too large to be a policy", f"at most {_MAX_FILE_BYTES:,} bytes")
        return content.decode("utf-8")
    except OSError as problem:
        raise PolicyError(f"{path} cannot be read ({problem.strerror})", "a readable file") from problem
    except UnicodeDecodeError as problem:
        raise PolicyError(f"{path} is not text (byte {problem.start})", "UTF-8") from problem


def digest_of(files: Iterable[tuple[str, str]]) -> Digest:
    """What identifies a policy: names and contents, in any order of folders."""
    return Digest.of(canonical_json(sorted((name, Digest.of(text.encode())) for name, text in files)))


def _statements(file: str, text: str) -> Iterator[_Statement]:
    """The rules of a file one by one, so that whatever is wrong with one is told with its line.

    In Cedar a ``;`` outside a string or a comment ends a rule, and nothing else does.
    """
    begin = end = 0
    only_space = True
    for piece in _PIECE.finditer(text):
        is_space = piece[0].isspace() or piece[0].startswith("//")
        if only_space and not is_space:
            begin, only_space = piece.start(), False
        end = piece.end()
        if piece[0] == ";":
            yield _Statement(file, _line(text, begin), text[begin:end])
            only_space = True
    if not only_space:
        yield _Statement(file, _line(text, begin), text[begin:end])


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def plain_rules(file: str, text: str, schema: cedarpy.Schema, schema_file: Path) -> tuple[Rule, ...]:
    """The rules of one file by the schema in that file: parsed, valid, each with an id of its own and a reason."""
    rules = tuple(_plain_rule(statement, schema, schema_file) for statement in _statements(file, text))
    _refuse_duplicates(rules)
    return rules


def _rule(statement: _Statement, schema: cedarpy.Schema) -> Rule:
    rule = _plain_rule(statement, schema, SHIPPED_POLICIES / SCHEMA_NAME)
    _check_reason_words(statement, rule.reason)
    _check_names(statement, rule.template)
    return rule


def _plain_rule(statement: _Statement, schema: cedarpy.Schema, schema_file: Path) -> Rule:
    template = _parsed(statement)
    _validate(statement, schema, schema_file)
    rule_id, reason = template.annotations.get("id", ""), template.annotations.get("reason", "")
    if not _RULE_ID.fullmatch(rule_id):
        raise PolicyError(
            f"{statement.where}: the rule's id is {rule_id[:80]!r}",
            'small letters, digits and _, as in @id("embargoed")',
            "It is the reason code that people and counts will see",
        )
    if not reason.strip():
        raise PolicyError(
            f"{statement.where}: the rule {rule_id} has no reason",
            '@reason("...") with the reason in plain words',
            "Whoever is refused has to be told why",
        )
    return Rule(rule_id, reason, statement.where, template)


def _refuse_too_deep(statement: _Statement) -> None:
    """Cedar's parser follows a rule's nesting with its own stack, and takes the whole process down when that ends."""
    words = [piece[0] for piece in _PIECE.finditer(statement.text) if not piece[0].startswith(('"', "//"))]
    depth = deepest = 0
    for letter in "".join(words):
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    links = sum(len(_LINK.findall(word)) for word in words)
    if deepest > _MAX_RULE_DEPTH or links > _MAX_RULE_LINKS or len(statement.text) > _MAX_RULE_CHARS:
        raise PolicyError(
            f"{statement.where}: the rule is too large ({len(statement.text):,} characters, {deepest} brackets deep)",
            f"at most {_MAX_RULE_CHARS:,} characters, {_MAX_RULE_DEPTH} deep, joined by {_MAX_RULE_LINKS} operators",
            "Divide it into several rules",
        )


def _parsed(statement: _Statement) -> pst.Template:
    _refuse_too_deep(statement)
    try:
        parsed = cedarpy.policies_to_pst(statement.text)
    except ValueError as problem:
        where = f"{statement.file}:{_line_of_mistake(statement)}"
        raise PolicyError(f"{where}: {problem}", "a rule in Cedar's syntax", "Correct this line") from problem
    if parsed.templates:
        raise PolicyError(
            f"{statement.where}: the rule has a slot (?principal or ?resource), so it would never apply",
            "a rule without slots",
        )
    if len(parsed.static_policies) != 1:
        raise PolicyError(f"{statement.where}: there is no rule before the ;", "a permit or a forbid")
    return next(iter(parsed.static_policies.values()))


def _line_of_mistake(statement: _Statement) -> int:
    """Cedar tells no positions. The mistake is on the first line up to which the text cannot be *begun* either."""
    lines = statement.text.splitlines(keepends=True)
    for count in range(1, len(lines)):
        try:
            cedarpy.policies_to_pst("".join(lines[:count]))
        except ValueError as problem:
            if "end of input" not in str(problem):
                return statement.line + count - 1
    return statement.line + len(lines) - 1


def _validate(statement: _Statement, schema: cedarpy.Schema, schema_file: Path) -> None:
    result = cedarpy.validate_policies(statement.text, schema)
    if result.validation_passed:
        return
    told = sorted({re.sub(r"for policy `policy\d+`, ", "", error.error) for error in result.errors})
    raise PolicyError(
        f"{statement.where}: {'; '.join(told[:3]) or 'the rule does not fit the schema'}",
        f"what {schema_file.name} allows",
        f"The facts that a rule may use are listed in {schema_file}",
    )


def _check_reason_words(statement: _Statement, reason: str) -> None:
    unknown = [word for word in _REASON_WORD.findall(reason) if word not in REASON_WORDS]
    if unknown:
        raise PolicyError(
            f"{statement.where}: the reason speaks of {{{unknown[0][:40]}}}",
            f"one of {', '.join(f'{{{word}}}' for word in sorted(REASON_WORDS))}",
        )


def _check_names(statement: _Statement, template: pst.Template) -> None:
    """Refuse names that would make a rule silently never apply, which validation lets pass.

    ``resource has rihgts_until`` is simply false to Cedar; and assets and styles go by passing names in a question.
    """
    for node in _nodes(template):
        if isinstance(node, pst.HasAttr) and not set(node.attrs) <= _KNOWN_ATTRIBUTES:
            raise PolicyError(
                f"{statement.where}: there is no fact named {'.'.join(node.attrs)!r} to have",
                f"one of {', '.join(sorted(_KNOWN_ATTRIBUTES))}",
            )
    for uid in pst.entity_uids(template):
        if str(uid.type) in _NAMELESS:
            raise PolicyError(
                f'{statement.where}: the rule names {uid.type}::"{uid.id}", and no question ever does',
                f"a rule about {_NAMELESS[str(uid.type)]}",
            )


def _refuse_duplicates(rules: Iterable[Rule]) -> None:
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            raise PolicyError(
                f"{rule.where}: the id {rule.id} is already that of the rule at {seen[rule.id]}",
                "an id of its own for every rule",
            )
        seen[rule.id] = rule.where


def _reads(rules: Iterable[Rule]) -> Reads:
    """What the rules look at. An asset is an entity, so they can see its attributes and tags by name only."""
    values, compared, presences, tags = Counter[str](), Counter[str](), set[str](), set[str]()
    any_tag = False
    for node in (node for rule in rules for node in _nodes(rule.template)):
        if isinstance(node, pst.GetAttr):
            values[node.attr] += 1
        elif isinstance(node, pst.HasAttr):
            presences.update(node.attrs)
        elif isinstance(node, pst.BinaryOp) and node.op in _COMPARISONS:
            compared.update(_compared_with_today(node))
        elif isinstance(node, pst.BinaryOp) and node.op in ("get_tag", "has_tag"):
            tags.update([node.right.value] if isinstance(node.right, pst.StringLit) else [])
            any_tag = any_tag or not isinstance(node.right, pst.StringLit)
    sides = {name for name in ASSET_DAYS if 0 < values[name] == compared[name]}
    return Reads(frozenset(values), frozenset(presences), frozenset(sides), None if any_tag else frozenset(tags))


def _compared_with_today(node: pst.BinaryOp) -> list[str]:
    """The attribute of the asset that this compares with today, if that is what it does."""
    today = pst.GetAttr(pst.Var("context"), "today")
    other = node.left if node.right == today else node.right
    if today in (node.left, node.right) and isinstance(other, pst.GetAttr):
        return [other.attr]
    return []


def _nodes(value: object) -> Iterator[object]:
    """Every node of a rule, whatever kinds of node Cedar may come to have."""
    if is_dataclass(value):
        yield value
        children: Iterable[object] = (getattr(value, field.name) for field in fields(value))
    elif isinstance(value, Mapping):
        children = value.values()
    elif isinstance(value, tuple):
        children = value
    else:
        return
    for child in children:
        yield from _nodes(child)
