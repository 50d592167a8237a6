"""A recall as a flow: ordered beforehand, worked on by whoever keeps the schedules, and repeated like any other."""

from __future__ import annotations

from collections import Counter

from prefect import flow

from flows.recalling import take_back
from flows.settings import Settings
from flows.wiring import open_services
from governance import recalls
from governance.authority import Act
from governance.events import recall_subject


@flow(name="recall", validate_parameters=False)
def recall(recall_id: str, actor: str) -> dict[str, int]:
    """Take back what a recall reaches that is still live. Returns how many files ended how."""
    services = open_services(Settings())
    ordered = recalls.get(services.records, recall_id)
    services.require(actor, Act.RECALL, recall_subject(ordered.recall_id))
    return dict(Counter(each.state for each in take_back(services, ordered, actor)))
