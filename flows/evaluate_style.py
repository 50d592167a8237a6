"""Evaluate a style version: measured on the golden pictures, held against the gates, recorded in ledger and MLflow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.gates import Gates, read_gates
from flows.wiring import Services
from governance import approvals, evaluations, style_sources
from governance.authority import Act
from governance.evaluations import Evaluation, NewEvaluation
from governance.events import style_subject
from registry.evaluation_runs import ShownEvaluation
from registry.package import StylePackage, load_style
from stylecore.data import StyleRef

if TYPE_CHECKING:
    from flows.evaluation import Finding, Means, Measured
    from flows.golden_set import GoldenSet
    from stylecore.score import Judge


_NO_METRIC_NAME = re.compile(r"[^A-Za-z0-9_./ -]")
"""MLflow takes no other characters, and a class is called as a brand calls its folders."""


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Which version, and what it is measured on and against; by default what is configured here."""

    name: str
    version: int | None = None
    golden: Path | None = None
    gates: Path | None = None


def evaluate_style(
    services: Services, asked: EvaluationRequest, actor: str, *, now: datetime | None = None
) -> Evaluation:
    """The evaluation as it is on record now. Whether it passed is part of it: failing the gates is no breakage."""
    ref = services.catalogue.find(asked.name, asked.version)
    services.require(actor, Act.EVALUATE, style_subject(ref))
    return _Bench.of(services, asked.golden, asked.gates).evaluated(ref, actor, now or datetime.now(UTC))


def evaluate_styles(services: Services, refs: Sequence[StyleRef], actor: str) -> list[Evaluation]:
    """Several, on the pictures and against the gates that are configured here."""
    for ref in refs:
        services.require(actor, Act.EVALUATE, style_subject(ref))
    bench = _Bench.of(services, None, None)
    return [bench.evaluated(ref, actor, datetime.now(UTC)) for ref in refs]


@dataclass(frozen=True, slots=True)
class _Bench:
    """What versions are measured with. torch is imported from here on."""

    services: Services
    gates: Gates
    golden: GoldenSet
    judge: Judge

    @classmethod
    def of(cls, services: Services, golden_folder: Path | None, gates_file: Path | None) -> _Bench:
        from flows.golden_set import golden_set
        from stylecore.score import Judge

        gates = services.gates if gates_file is None else read_gates(gates_file)
        golden = golden_set(golden_folder or services.settings.golden, gates.edge_px)
        return cls(services, gates, golden, Judge(services.settings.weights))

    def evaluated(self, ref: StyleRef, actor: str, now: datetime) -> Evaluation:
        from flows.evaluation import judged

        package = self.services.catalogue.fetch(ref)
        measured = self._measured(package, ref.name)
        baseline = self._baseline(ref)
        found = (
            *judged(measured, self.gates, package.family, None if baseline is None else baseline[1]),
            *self._rights(ref, package, now),
        )
        report = self._report(package, measured, found, None if baseline is None else baseline[0])
        failures = tuple(each.code for each in found if not each.holds)
        new = NewEvaluation(ref, self.gates.digest, self.golden.digest, failures, report)
        kept = evaluations.record(self.services.records, new, actor, now=now)
        self.services.catalogue.keep_evaluation(ref, _shown(kept, measured, actor))
        return kept

    def _measured(self, package: StylePackage, name: str) -> Measured:
        from flows.evaluation import measure
        from stylecore.engine import Engine
        from stylecore.weights import WeightsFolder

        model = load_style(package, name, WeightsFolder(self.services.settings.weights))
        return measure(model, self.golden, self.judge, Engine.choose())

    def _baseline(self, ref: StyleRef) -> tuple[StyleRef, Means] | None:
        """What the version that is approved now does to these very pictures: as it was measured, or measured anew."""
        approved = approvals.current(self.services.records, ref.name)
        if approved is None or approved.style.package_digest == ref.package_digest:
            return None
        style = approved.style
        for each in evaluations.of_version(self.services.records, style.name, style.version):
            at_this_size = each.report["gates"]["edge_px"] == self.gates.edge_px
            if each.golden == self.golden.digest and each.style == style and at_this_size:
                return style, each.report["classes"]
        return style, self._measured(self.services.catalogue.fetch(style), style.name).classes

    def _rights(self, ref: StyleRef, package: StylePackage, now: datetime) -> tuple[Finding, ...]:
        from flows.evaluation import Finding

        with self.services.records.read() as connection:
            amiss = style_sources.shortcomings(connection, ref, package.licence, now.date())
        if not amiss:
            return (Finding("rights", "every source has a licence and a holder, and none has ended", True),)
        return tuple(Finding(f"rights:{reason.code}", reason.text, False) for reason in amiss)

    def _report(
        self, package: StylePackage, measured: Measured, found: tuple[Finding, ...], baseline: StyleRef | None
    ) -> dict[str, Any]:
        return {
            "family": package.family,
            "gates": self.gates.model_dump(mode="json"),
            "golden": {each.name: each.asset_class for each in self.golden.pictures},
            "classes": {name: dict(means) for name, means in measured.classes.items()},
            "ms_per_megapixel": measured.ms_per_megapixel,
            "compared_with": None if baseline is None else {"version": baseline.version},
            "findings": [each.as_dict() for each in found],
        }


def _shown(kept: Evaluation, measured: Measured, actor: str) -> ShownEvaluation:
    from flows.contact_sheet import contact_sheet

    metrics = {
        _NO_METRIC_NAME.sub("_", f"{name}/{metric}"): value
        for name, means in measured.classes.items()
        for metric, value in means.items()
    }
    return ShownEvaluation(
        metrics={**metrics, "ms_per_megapixel": measured.ms_per_megapixel},
        parameters={"gates": kept.gates, "golden": kept.golden, "evaluation": str(kept.ordinal)},
        passed=kept.passed,
        report=kept.report,
        sheet=contact_sheet([(each.picture, after) for each, after in measured.results]),
        actor=actor,
    )
