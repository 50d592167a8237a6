"""The rules of who may do what, read once and checked: each has an id and a reason that people are told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import cedarpy

from governance.errors import PolicyError
from governance.policy_rules import Rule, digest_of, plain_rules, policy_set_of, read_text
from stylecore.data import Digest

ACCESS_FOLDER = Path(__file__).parent / "access"
_SCHEMA_NAME, _RULES_NAME = "people.cedarschema", "people.cedar"
_WORDS = frozenset({"person", "action", "subject"})
_WORD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The rules as Cedar holds them, by their ids, and the digest of the texts they were read from."""

    rules: Mapping[str, Rule]
    schema: cedarpy.Schema
    policy_set: cedarpy.PolicySet
    digest: Digest


def read_access_rules(file: Path | None = None) -> AccessRules:
    """The rules that come along, or those of a file of your own in their place."""
    path = file or ACCESS_FOLDER / _RULES_NAME
    text, schema_text = read_text(path), read_text(ACCESS_FOLDER / _SCHEMA_NAME)
    schema = cedarpy.Schema.from_str(schema_text)
    rules = plain_rules(path.name, text, schema, ACCESS_FOLDER / _SCHEMA_NAME)
    if not rules:
        raise PolicyError(f"there is no rule in {path}", "at least one permit", f"Begin with a copy of {ACCESS_FOLDER}")
    for rule in rules:
        _check_words(rule)
    by_id = MappingProxyType({rule.id: rule for rule in rules})
    digest = digest_of([(path.name, text), (_SCHEMA_NAME, schema_text)])
    return AccessRules(by_id, schema, policy_set_of(rules), digest)


def _check_words(rule: Rule) -> None:
    unknown = set(_WORD.findall(rule.reason)) - _WORDS
    if unknown:
        got = f"{rule.where}: the reason speaks of {{{min(unknown)[:40]}}}"
        raise PolicyError(got, f"one of {', '.join(sorted(_WORDS))}")
