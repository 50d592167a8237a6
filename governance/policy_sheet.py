"""A policy as a page for a lawyer: what is allowed, what is refused, when, and what people are told."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from cedarpy import pst

from governance.access_rules import AccessRules
from governance.policy_rules import Rule, RuleBook
from governance.policy_words import all_in_words

_WORD = re.compile(r"\{([a-z_]+)\}")


def sheet(book: RuleBook) -> str:
    """Markdown. Its digest is the policy's own, so that a printed page can be matched with what was in force."""
    lines = [
        "# The policy in plain English",
        "",
        f"Policy {book.digest}.",
        "",
        "Nothing is allowed unless a rule under “Allowed” says so. One rule under “Refused” is enough to refuse, and "
        "every one that applies is told as a reason.",
        "",
        *_both(book.rules),
    ]
    return "\n".join(lines).rstrip() + "\n"


def access_sheet(rules: AccessRules) -> str:
    """The same of who may do what."""
    lines = [
        "# Who may do what",
        "",
        f"Rules {rules.digest}.",
        "",
        "Nobody may do anything unless a rule under “Allowed” says so. One rule under “Refused” is enough to refuse. "
        "As long as nobody has a role, everybody may do everything that is not refused.",
        "",
        *_both(rules.rules.values()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _both(rules: Collection[Rule]) -> Iterator[str]:
    forbids = [rule for rule in rules if rule.forbids]
    yield from ("## Allowed", "", *_told([rule for rule in rules if not rule.forbids], "Allowed"))
    yield from ("## Refused", "", *_told(forbids, "Refused"))


def _told(rules: list[Rule], verdict: str) -> Iterator[str]:
    if not rules:
        yield "Nothing."
        yield ""
    for rule in rules:
        yield f"- **{rule.id}** ({rule.where}): {verdict}{_for_whom(rule.template)}{_when(rule.template)}."
        if rule.forbids:
            yield f"  People are told: “{_WORD.sub(_blank, rule.reason)}”"
        yield ""


def _when(template: pst.Template) -> str:
    conditions = [(clause.expr, isinstance(clause, pst.When)) for clause in template.clauses]
    return f" when {all_in_words(conditions)}" if conditions else " always"


def _for_whom(template: pst.Template) -> str:
    """The head of the rule, where it names somebody or something."""
    parts = []
    match template.principal:
        case pst.ScopeEq(entity=pst.EntityUid(id=person)):
            parts.append(f" to {person}")
        case pst.ScopeIn(entity=pst.EntityUid(id=role)):
            parts.append(f" to people in the role {_spaced(role)}")
    match template.action:
        case pst.ActionEq(entity=action):
            parts.append(f" to {_spaced(action.id)}")
        case pst.ActionIn(entities=actions):
            parts.append(f" to {' or '.join(_spaced(action.id) for action in actions)}")
    return "".join(parts)


def _spaced(name: object) -> str:
    return str(name).replace("_", " ")


def _blank(word: re.Match[str]) -> str:
    return f"[{word[1].replace('_', ' ')}]"
