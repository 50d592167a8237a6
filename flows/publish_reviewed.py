"""Publishing what people have approved, as a flow: scheduled, seen and repeated like any other."""

from __future__ import annotations

from prefect import flow

from flows.approved_items import publish_approved
from flows.settings import Settings
from flows.wiring import open_services
from governance.authority import Act


@flow(name="publish-reviewed", validate_parameters=False)
def publish_reviewed(actor: str, campaign: str | None = None) -> list[dict[str, str]]:
    """Publish every approved item, or those of one campaign. Returns what became of each."""
    services = open_services(Settings())
    services.require(actor, Act.PUBLISH_REVIEWED, "review" if campaign is None else f"campaign:{campaign}")
    return [
        {"key": each.key, "state": str(each.state), "why": "; ".join(reason.text for reason in each.reasons)}
        for each in publish_approved(services, actor, campaign)
    ]
