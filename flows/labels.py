"""MLflow's label ``approved``: it says to those who look there what the ledger decided, and decides nothing."""

from __future__ import annotations

from governance import approvals, style_records
from governance.db import Database
from registry.catalogue import Catalogue

APPROVED = "approved"


def relabel(catalogue: Catalogue, records: Database, name: str) -> None:
    """Puts the label where the ledger's approval is."""
    current = approvals.current(records, name)
    if current is None:
        catalogue.remove_alias(name, APPROVED)
    else:
        catalogue.set_alias(name, APPROVED, current.style.version)


def moved_label(catalogue: Catalogue, records: Database, name: str, actor: str) -> str | None:
    """What is wrong with the label, if anything; the ledger learns of it once."""
    labelled, current = catalogue.alias(name, APPROVED), approvals.current(records, name)
    wanted = None if current is None else current.style
    found = None if labelled is None else labelled.version
    style = wanted or labelled
    if style is None or found == (None if wanted is None else wanted.version):
        return None
    style_records.record_alias_moved(records, style, APPROVED, found, actor)
    is_on = "on no version" if found is None else f"on v{found}"
    return f"the label {APPROVED} is {is_on}; approved is {'no version' if wanted is None else f'v{wanted.version}'}"
