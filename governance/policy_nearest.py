"""Cedar refuses by default and then gives no reason. This finds the permit that came nearest, and what it lacked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cedarpy
from cedarpy import pst

from governance.policy_rules import Rule, policy_set

_NEEDLESS_BRACKETS = re.compile(r"(?<![\w)])\(([\w.]+|\"[^\"\\]*\")\)")


@dataclass(frozen=True, slots=True)
class _Condition:
    """One condition of one permit, as a rule of its own: where it permits, the condition is met."""

    rule: Rule
    probe: pst.Template
    text: str


class NearestPermit:
    """All conditions of all permits, taken apart, to be asked at once when nothing permits."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        permits = [rule for rule in rules if not rule.forbids]
        conditions = [condition for rule in permits for condition in _conditions(rule)]
        self._conditions = {f"condition{number}": condition for number, condition in enumerate(conditions)}
        self._probes = policy_set({name: condition.probe for name, condition in self._conditions.items()})

    def lacks(self, request: dict[str, object], entities: cedarpy.Entities, schema: cedarpy.Schema) -> str:
        """What the nearest permit asks for beyond what the question offers, in words."""
        if not self._conditions:
            return "no rule of this policy permits anything"
        met = set(cedarpy.is_authorized(request, self._probes, entities, schema).diagnostics.reasons)
        unmet: dict[str, list[_Condition]] = {}
        for name, condition in self._conditions.items():
            unmet.setdefault(condition.rule.id, [])
            if name not in met:
                unmet[condition.rule.id].append(condition)
        nearest, lacking = min(unmet.items(), key=lambda found: len(found[1]))
        wanted = " and ".join(condition.text for condition in lacking)
        return f"no rule permits this; {nearest} comes nearest and also asks for {wanted}"


def _conditions(rule: Rule) -> Iterator[_Condition]:
    """The head of a permit, and then each part of its conditions that is joined by "and"."""
    head = replace(rule.template, clauses=(), annotations={})
    yield _Condition(rule, head, _source(head).removeprefix("permit").rstrip("; "))
    anyone = replace(head, principal=pst.ScopeAny(), action=pst.ScopeAny(), resource=pst.ScopeAny())
    for clause in rule.template.clauses:
        for part in _parts(clause):
            probe = replace(anyone, clauses=(part,))
            text = _source(probe).partition("{")[2].rpartition("}")[0].strip()
            yield _Condition(rule, probe, f"not {text}" if isinstance(part, pst.Unless) else text)


def _parts(clause: pst.Clause) -> Iterator[pst.Clause]:
    if isinstance(clause, pst.When) and isinstance(clause.expr, pst.BinaryOp) and clause.expr.op == "and":
        yield from _parts(pst.When(clause.expr.left))
        yield from _parts(pst.When(clause.expr.right))
    else:
        yield clause


def _source(template: pst.Template) -> str:
    """A rule as Cedar writes it, without the brackets around single words."""
    text = str(policy_set({"rule": template})).strip()
    while (clearer := _NEEDLESS_BRACKETS.sub(r"\1", text)) != text:
        text = clearer
    return text
