"""Restyle a labelled dataset: synthetic training data with true labels, approved styles, and rights that go along."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.errors import NotPermitted, UsageError
from flows.wiring import ApprovedStyle, Services
from governance import ledger
from governance.events import EventKind, NewEvent
from registry.package import load_style
from stylecore.data import Digest
from stylecore.labelled.base import LabelledSet
from stylecore.labelled.restyled import LeftOut, Restyling, Written, restyled
from stylecore.training.listing import COLUMNS, OPTIONAL_COLUMNS, Listed, read_listing

RIGHTS = "rights.csv"
"""Beside the new pictures: a listing like the one that came in, so that the new dataset can be trained on as well."""


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """Which styles, how many of them for each picture, and how strongly."""

    styles: tuple[str, ...]
    copies: int = 1
    strength: float = 1.0
    seed: int = 0


def restyle_dataset(
    services: Services, dataset: LabelledSet, listing: Path, out: Path, asked: DatasetRequest
) -> Iterator[Written | LeftOut]:
    """Every picture restyled, as it is done; then labels, rights, and a line in the ledger.

    A picture that the listing does not name is refused before anything is made, and so is a style that is not approved.
    """
    rights = {each.path: each for each in read_listing(listing)}
    unlisted = [picture.key for picture in dataset.pictures if picture.key not in rights]
    if unlisted:
        raise NotPermitted(
            f"{len(unlisted)} pictures without a licence record, such as {ascii(unlisted[0])[:120]}",
            f"a line in {listing.name} for each",
            "Add what allows their use, or take them out of the dataset",
        )
    if out.exists() and any(out.iterdir()) and not (out / RIGHTS).exists():
        raise UsageError(f"{out} holds other things", "an empty folder, or a dataset of ours to complete")
    styles = {name: services.approved_style(name, None) for name in asked.styles}
    models = tuple(load_style(style.package, name) for name, style in styles.items())
    out.mkdir(parents=True, exist_ok=True)
    (out / RIGHTS).touch()
    written: list[Written] = []
    for result in restyled(dataset, Restyling(models, asked.copies, asked.strength, asked.seed), out):
        if isinstance(result, Written):
            written.append(result)
        yield result
    dataset.write_labels(out, [each.made for each in written])
    _write_rights(out / RIGHTS, written, rights, styles)
    _record(services, out, written, list(styles.values()))


def _write_rights(
    path: Path, written: Sequence[Written], rights: dict[str, Listed], styles: dict[str, ApprovedStyle]
) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow((*COLUMNS, *OPTIONAL_COLUMNS))
        for each in written:
            of, style = rights[each.made.source_key], styles[each.made.style]
            source = f"{of.source}, restyled as {style.ref} (package {style.ref.package_digest.short})"
            rows.writerow((each.made.key, of.licence, of.holder, source, of.consent or ""))
    partial.replace(path)


def _record(services: Services, out: Path, written: Sequence[Written], styles: Sequence[ApprovedStyle]) -> None:
    told = {
        "pictures": len(written),
        "rights": Digest.of((out / RIGHTS).read_bytes()),
        "styles": {str(style.ref): style.ref.package_digest for style in styles},
    }
    with services.records.write() as connection:
        event = NewEvent(EventKind.DATASET_RESTYLED, services.settings.actor, f"dataset:{out.name}", told)
        ledger.append(connection, [event])
