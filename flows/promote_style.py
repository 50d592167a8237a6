"""From a package folder to an approved style: registered in MLflow, approved in the ledger, labelled for people."""

from __future__ import annotations

from pathlib import Path

from flows.wiring import Services
from governance import approvals
from governance.approvals import Approval, Terms
from registry.package import StylePackage
from stylecore.data import StyleRef


def register_package(services: Services, folder: Path, actor: str) -> tuple[StyleRef, ...]:
    """Every style of the package as a version of its own; the ledger learns of those that are new to it."""
    refs = services.catalogue.register(StylePackage.read(folder), actor)
    for ref in refs:
        approvals.record_registered(services.records, ref, actor)
    return refs


def approve_style(services: Services, name: str, version: int | None, terms: Terms, actor: str) -> Approval:
    """The approval counts; MLflow's alias, set after it, is only a label for those who look there."""
    ref = services.catalogue.find(name, version)
    services.catalogue.confirm(ref)
    approval = approvals.approve(services.records, ref, terms, actor)
    services.catalogue.set_alias(ref.name, "approved", ref.version)
    return approval
