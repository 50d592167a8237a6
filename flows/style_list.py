"""What the registry holds beside what the ledger approved, as one list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from flows.wiring import Services
from governance import approvals
from governance.approvals import Approval, Terms
from stylecore.data import StyleRef


@dataclass(frozen=True, slots=True)
class ListedStyle:
    style: StyleRef
    package: str
    approval: Approval | None

    @property
    def state(self) -> str:
        if self.approval is None:
            return "registered"
        if self.approval.style.package_digest != self.style.package_digest:
            return "changed since its approval"
        return str(self.approval.state)

    def cells(self) -> tuple[str, ...]:
        package = f"{self.package} {self.style.package_digest.short}"
        return self.style.name, str(self.style.version), self.state, package, self.terms

    @property
    def terms(self) -> str:
        if self.approval is None:
            return ""
        terms = self.approval.terms
        until = "no end" if terms.valid_until is None else f"until {terms.valid_until.isoformat()}"
        sets = {"classes": terms.asset_classes, "channels": terms.channels, "territories": terms.territories}
        limits = [f"{name} {', '.join(sorted(words))}" for name, words in sets.items() if approvals.ANY not in words]
        return "; ".join([f"licence {terms.licence_id}, {until}", *limits])

    def as_dict(self) -> dict[str, Any]:
        told: dict[str, Any] = {**asdict(self.style), "package": self.package, "state": self.state}
        if self.approval is not None:
            told["approved_by"] = self.approval.approved_by
            told["terms"] = terms_as_dict(self.approval.terms)
        return told


def terms_as_dict(terms: Terms) -> dict[str, Any]:
    return {name: sorted(each) if isinstance(each, frozenset) else each for name, each in asdict(terms).items()}


def listed_styles(services: Services) -> list[ListedStyle]:
    """Every registered version, by name and number."""
    return list(_listed_styles(services))


def _listed_styles(services: Services) -> Iterator[ListedStyle]:
    for name in services.catalogue.names():
        for version in services.catalogue.versions(name):
            approval = approvals.find(services.records, name, version.ref.version)
            yield ListedStyle(version.ref, version.package, approval)
