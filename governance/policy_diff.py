"""What another policy would change: rules that came, went or say something else, and verdicts that turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from governance.policy import Policy
from governance.policy_cases import Case, Verdict, verdicts
from governance.policy_rules import Rule, RuleBook


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """By rule ids. ``reworded`` rules decide as before and tell people something else."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    reworded: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.reworded)


@dataclass(frozen=True, slots=True)
class Turned:
    """A case that the two policies decide differently."""

    case: Case
    before: Verdict
    after: Verdict


def changes(before: RuleBook, after: RuleBook) -> PolicyChange:
    old, new = ({rule.id: rule for rule in book.rules} for book in (before, after))
    both = sorted(old.keys() & new.keys())
    return PolicyChange(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(name for name in both if not _decide_alike(old[name], new[name])),
        reworded=tuple(
            name for name in both if _decide_alike(old[name], new[name]) and old[name].reason != new[name].reason
        ),
    )


def turned(before: Policy, after: Policy, cases: Sequence[Case]) -> list[Turned]:
    """The cases whose verdict, or whose reasons, would be others."""
    pairs = zip(cases, verdicts(before, cases), verdicts(after, cases), strict=True)
    return [Turned(case, old, new) for case, old, new in pairs if old != new]


def _decide_alike(one: Rule, other: Rule) -> bool:
    """The same rule but for its name, words and place in the file."""
    plain = (replace(rule.template, id="", annotations={}) for rule in (one, other))
    return len({repr(template) for template in plain}) == 1
