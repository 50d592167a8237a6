"""A condition of a rule in plain English, for people who read contracts and not code.

What has no plain words here is quoted as it stands in the rule: a sheet must never say something else than the rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cedarpy import pst

from governance.policy_rules import policy_set

_THINGS: Mapping[str, str] = MappingProxyType(
    {
        "resource.class": "the asset's class",
        "resource.licence": "the name of the asset's licence",
        "resource.rights_until": "the last day of the rights in the asset",
        "resource.consent": "a consent of the person shown",
        "resource.consent_until": "the last day of the consent",
        "resource.licence_lapse": "a reason why the asset's licence is not in force",
        "resource.consent_lapse": "a consent that is not in force",
        "resource.licensed_classes": "the asset classes that the rights in the asset cover",
        "resource.licensed_channels": "the channels that the rights in the asset cover",
        "resource.licensed_territories": "the territories that the rights in the asset cover",
        "context.style": "the style",
        "context.style.name": "the style's name",
        "context.style.version": "the style's version",
        "context.style.package_digest": "the digest of the style's package",
        "context.style.licence": "the name of the style's licence",
        "context.style.licence_lapse": "a reason why the style's licence is not in force",
        "context.style.valid_until": "the last day of the style's licence",
        "context.style.asset_classes": "the asset classes that the style covers",
        "context.style.channels": "the channels that the style covers",
        "context.style.territories": "the territories that the style covers",
        "context.channel": "the channel it is asked for",
        "context.territory": "the territory it is asked for",
        "context.today": "today",
        "resource.registered_by": "whoever registered it",
        "resource.asked_by": "whoever asked for it",
        "principal": "the person who asks",
        "principal.name": "the person who asks",
        "resource": "the asset",
        "action": "what is asked for",
    }
)
_FACTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "resource.derivatives_allowed": (
            "the asset's licence allows altered copies",
            "the asset's licence does not allow altered copies",
            "whether the asset's licence allows altered copies",
        ),
        "resource.shows_person": (
            "the asset shows a person",
            "the asset does not show a person",
            "whether the asset shows a person",
        ),
        "context.style.approved": (
            "the style is approved",
            "the style is not approved",
            "whether the style is approved",
        ),
    }
)
"""What is true, what is not true, and what may be known or not."""

_COMPARED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "eq": ("is", "is not"),
        "not_eq": ("is not", "is"),
        "less": ("is before", "is not before"),
        "less_eq": ("is not after", "is after"),
        "greater": ("is after", "is not after"),
        "greater_eq": ("is not before", "is before"),
        "in": ("is in", "is not in"),
        "contains": ("include", "do not include"),
        "contains_all": ("include all of", "do not include all of"),
        "contains_any": ("include", "do not include"),
    }
)


def in_words(condition: pst.Expr, *, holds: bool = True) -> str:
    """The condition as a clause that is true when it holds, or, with ``holds=False``, when it does not."""
    match condition:
        case pst.BinaryOp(op="and" | "or" as op, left=left, right=right):
            both = (op == "and") == holds
            return f"{in_words(left, holds=holds)} {'and' if both else 'or'} {in_words(right, holds=holds)}"
        case pst.UnaryOp(op="not", arg=inner):
            return in_words(inner, holds=not holds)
        case pst.HasAttr(base=base, attrs=(attribute,)) if (place := _place(base)) is not None:
            return _recorded(f"{place}.{attribute}", holds)
        case pst.GetAttr() if (found := _FACTS.get(_place(condition) or "")) is not None:
            return found[0 if holds else 1]
        case pst.BinaryOp(op="has_tag", right=pst.StringLit(value=tag)):
            return f"the asset {'has' if holds else 'has no'} tag “{tag}”"
        case pst.BinaryOp(op=op, left=left, right=right) if op in _COMPARED:
            return f"{_thing(left)} {_COMPARED[op][0 if holds else 1]} {_thing(right)}"
    return f"{'' if holds else 'it is not so that '}“{_source(condition)}”"


def all_in_words(conditions: Sequence[tuple[pst.Expr, bool]]) -> str:
    """Conditions that hold (or do not) together. That a fact is on record goes without saying where it is told."""
    parts = [part for condition, holds in conditions for part in _parts(condition, holds)]
    told = [
        in_words(condition, holds=holds)
        for condition, holds in parts
        if not (holds and isinstance(condition, pst.HasAttr) and _is_read_by(condition, parts))
    ]
    return " and ".join(told)


def _parts(condition: pst.Expr, holds: bool) -> list[tuple[pst.Expr, bool]]:
    if isinstance(condition, pst.BinaryOp) and condition.op == ("and" if holds else "or"):
        return _parts(condition.left, holds) + _parts(condition.right, holds)
    return [(condition, holds)]


def _is_read_by(known: pst.HasAttr, parts: Sequence[tuple[pst.Expr, bool]]) -> bool:
    place = f"{_place(known.base)}.{'.'.join(known.attrs)}"
    return any(place in _places(part) for part, _ in parts)


def _places(expression: object) -> set[str]:
    """What the values of an expression are read from."""
    if isinstance(expression, pst.UnaryOp):
        return _places(expression.arg)
    if isinstance(expression, pst.BinaryOp):
        return _places(expression.left) | _places(expression.right)
    place = _place(expression) if isinstance(expression, pst.GetAttr) else None
    return set() if place is None else {place}


def _place(expression: pst.Expr) -> str | None:
    """The dotted name of what an expression reads, such as ``context.style.approved``."""
    if isinstance(expression, pst.Var):
        return expression.name
    if isinstance(expression, pst.GetAttr) and (base := _place(expression.base)) is not None:
        return f"{base}.{expression.attr}"
    return None


def _recorded(place: str, holds: bool) -> str:
    if place in _FACTS:
        return f"it is {'' if holds else 'not '}on record {_FACTS[place][2]}"
    return f"{_THINGS.get(place, place)} is {'' if holds else 'not '}on record"


def _thing(expression: pst.Expr) -> str:
    match expression:
        case pst.StringLit(value="*"):
            return "“any”"
        case pst.StringLit(value=value):
            return f"“{value}”"
        case pst.Set(elements=elements):
            return " or ".join(_thing(each) for each in elements)
        case pst.BinaryOp(op="get_tag", right=pst.StringLit(value=tag)):
            return f"the asset's tag “{tag}”"
        case pst.UnaryOp(op="datetime", arg=pst.StringLit(value=day)):
            return day
        case pst.EntityLit(value=uid):
            return str(uid.id)
    place = _place(expression)
    return _THINGS.get(place, "") or f"“{_source(expression)}”" if place else f"“{_source(expression)}”"


def _source(condition: pst.Expr) -> str:
    anything = pst.ScopeAny()
    rule = pst.Template("rule", "permit", anything, anything, anything, (pst.When(condition),), {})
    return str(policy_set({"rule": rule})).partition("{")[2].rpartition("}")[0].strip()
