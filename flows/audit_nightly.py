"""The night's audit as a flow. It fails when something needs somebody, so that whoever watches the flows sees it."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger

from flows.auditing import audit
from flows.settings import Settings
from flows.wiring import open_services
from governance.authority import Act
from governance.errors import IntegrityError


@flow(name="audit-nightly", validate_parameters=False)
def audit_nightly(actor: str) -> dict[str, Any]:
    """Look at the ledger, at published files, and at what ends soon. Returns the report."""
    services = open_services(Settings())
    services.require(actor, Act.READ_AUDIT, "audit")
    report = audit(services, actor)
    get_run_logger().info("%s", report.text)
    if not report.is_well:
        bad = [each for each in report.findings if each.state == "bad"]
        raise IntegrityError(
            f"{len(bad)} findings; the first: {bad[0].subject}: {bad[0].found}", "nothing amiss", bad[0].next_step
        )
    return report.as_dict()
