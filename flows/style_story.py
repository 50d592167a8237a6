"""All that is on record of one style version: what it is, what it was measured to be, who let it in, on what terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from flows.style_list import ListedStyle, terms_as_dict
from flows.wiring import Services
from governance import approvals, evaluations, style_sources
from governance.evaluations import Evaluation
from governance.style_sources import Source
from registry.catalogue import StyleVersion
from registry.package import StylePackage
from stylecore.data import RestyleError

_SHOWN_EVALUATIONS = 5


@dataclass(frozen=True, slots=True)
class StyleStory:
    """``signature`` says whether the approval holds; it is empty where there is none to check."""

    version: StyleVersion
    package: StylePackage
    listed: ListedStyle
    signature: str
    evaluations: tuple[Evaluation, ...]
    sources: tuple[Source, ...]

    def as_dict(self) -> dict[str, Any]:
        package, version, approval = self.package, self.version, self.listed.approval
        return {
            **asdict(version.ref),
            "state": self.listed.state,
            "aliases": list(version.aliases),
            "registered_by": version.registered_by,
            "registered_at": version.registered_at,
            "package": package.name,
            "family": package.family,
            "licence": package.licence,
            "files": dict(package.files),
            "approved_by": None if approval is None else approval.approved_by,
            "approved_at": None if approval is None else approval.approved_at,
            "terms": None if approval is None else terms_as_dict(approval.terms),
            "signature": self.signature,
            "evaluations": [evaluation_as_dict(each) for each in self.evaluations],
            "sources": [asdict(each) for each in self.sources],
        }

    def facts(self) -> Iterator[tuple[str, str]]:
        """For people, a line a fact."""
        package, version = self.package, self.version
        yield "style", f"{version.ref}, {self.listed.state}"
        yield "package", f"{package.name} {version.ref.package_digest} ({package.family})"
        yield "labels in MLflow", ", ".join(version.aliases) or "none"
        yield "registered", f"by {version.registered_by}, {version.registered_at:%Y-%m-%d %H:%M} UTC"
        if (approval := self.listed.approval) is not None:
            yield "approved", f"by {approval.approved_by}, {approval.approved_at:%Y-%m-%d %H:%M} UTC"
            yield "terms", self.listed.terms
            yield "signature", self.signature
        for each in self.evaluations:
            yield f"evaluation {each.ordinal}", _in_words(each)
        for source in self.sources:
            consent = f"; consent {source.consent}" if source.consent else ""
            yield source.role, f"{source.title}; {source.licence}; {source.holder}{consent}"


def story_of(services: Services, name: str, version: int | None) -> StyleStory:
    ref = services.catalogue.find(name, version)
    (found,) = (each for each in services.catalogue.versions(name) if each.ref == ref)
    approval = approvals.find(services.records, name, ref.version)
    kept = evaluations.of_version(services.records, name, ref.version)[:_SHOWN_EVALUATIONS]
    listed = ListedStyle(ref, found.package, approval)
    sources = style_sources.recorded(services.records, ref)
    return StyleStory(found, services.catalogue.fetch(ref), listed, _signature(services, listed), kept, sources)


def _signature(services: Services, listed: ListedStyle) -> str:
    approval = listed.approval
    if approval is None or approval.state is not approvals.ApprovalState.APPROVED:
        return ""
    try:
        services.require_signed(approval)
    except RestyleError as problem:
        return problem.got
    return "holds"


def evaluation_as_dict(evaluation: Evaluation) -> dict[str, Any]:
    told = {name: getattr(evaluation, name) for name in ("ordinal", "gates", "golden", "passed", "evaluated_by", "at")}
    return {**asdict(evaluation.style), **told, "report": dict(evaluation.report)}


def failed(evaluation: Evaluation) -> list[str]:
    """What did not hold, in words."""
    return [each["text"] for each in evaluation.report.get("findings", ()) if not each["holds"]]


def _in_words(evaluation: Evaluation) -> str:
    told = "passed" if evaluation.passed else f"did not pass: {'; '.join(failed(evaluation))}"
    return f"{told}; by {evaluation.evaluated_by}, {evaluation.at:%Y-%m-%d %H:%M} UTC, gates {evaluation.gates.short}"
