"""A labelled dataset restyled by the rules: approved styles, a licence for every picture, a line in the ledger."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from flows.errors import NotPermitted, UsageError
from flows.restyle_dataset import RIGHTS, DatasetRequest, restyle_dataset
from governance import ledger
from governance.events import EventKind
from stylecore.labelled.coco import ANNOTATIONS, Coco
from stylecore.labelled.folder_classes import FolderClasses
from stylecore.labelled.restyled import Written
from stylecore.training.listing import read_listing
from tests.flows.world import STYLE, World, photo

KEYS = ("cup/a.jpg", "cup/b.jpg", "spoon/c.jpg")
ASKED = DatasetRequest((STYLE,))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for seed, key in enumerate(KEYS):
        (tmp_path / "pictures" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / key).write_bytes(photo(seed))
    return tmp_path / "pictures"


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    return write_listing(tmp_path / "listing.csv", KEYS)


def write_listing(path: Path, keys: tuple[str, ...]) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "licence", "holder", "source"))
        rows.writerows((key, "CC0-1.0", "the studio", f"shoot 7, {key}") for key in keys)
    return path


def test_the_new_dataset_brings_its_rights_along_and_can_be_trained_on(
    world: World, pictures: Path, listing: Path, tmp_path: Path
) -> None:
    dataset = FolderClasses.read(pictures)

    results = list(restyle_dataset(world.services, dataset, listing, tmp_path / "out", ASKED))

    assert all(isinstance(each, Written) for each in results)
    listed = read_listing(tmp_path / "out" / RIGHTS)
    assert {each.path for each in listed} == {key.replace(".jpg", f"__{STYLE}.jpg") for key in KEYS}
    assert all("restyled as" in each.source and each.licence == "CC0-1.0" for each in listed)


def test_the_ledger_says_who_restyled_what_with_which_styles(
    world: World, pictures: Path, listing: Path, tmp_path: Path
) -> None:
    list(restyle_dataset(world.services, FolderClasses.read(pictures), listing, tmp_path / "out", ASKED))

    event = ledger.page(world.services.records, kind=EventKind.DATASET_RESTYLED, newest_first=True)[0]

    assert event.body["pictures"] == 3
    assert [name.split()[0] for name in event.body["styles"]] == [STYLE]


def test_a_picture_without_a_licence_record_stops_everything_before_it_begins(
    world: World, pictures: Path, tmp_path: Path
) -> None:
    listing = write_listing(tmp_path / "listing.csv", KEYS[:2])

    with pytest.raises(NotPermitted, match=r"1 pictures without a licence record, such as 'spoon/c\.jpg'"):
        list(restyle_dataset(world.services, FolderClasses.read(pictures), listing, tmp_path / "out", ASKED))
    assert not (tmp_path / "out").exists()


def test_a_style_that_nobody_approved_is_not_used(world: World, pictures: Path, listing: Path, tmp_path: Path) -> None:
    asked = DatasetRequest(("unheard-of",))

    with pytest.raises(NotPermitted, match="not approved"):
        list(restyle_dataset(world.services, FolderClasses.read(pictures), listing, tmp_path / "out", asked))


def test_a_folder_with_other_things_is_not_written_into(
    world: World, pictures: Path, listing: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")

    with pytest.raises(UsageError, match="other things"):
        list(restyle_dataset(world.services, FolderClasses.read(pictures), listing, tmp_path / "out", ASKED))


def test_boxes_lie_in_the_new_annotations(world: World, pictures: Path, listing: Path, tmp_path: Path) -> None:
    images = [{"id": n, "file_name": key, "width": 96, "height": 72} for n, key in enumerate(KEYS)]
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [n, 2, 30, 40]} for n in range(3)]
    (tmp_path / "coco.json").write_text(json.dumps({"images": images, "annotations": boxes, "categories": []}))
    dataset = Coco.read(tmp_path / "coco.json", pictures)

    list(restyle_dataset(world.services, dataset, listing, tmp_path / "out", ASKED))

    labels = json.loads((tmp_path / "out" / ANNOTATIONS).read_text())
    assert [each["bbox"] for each in labels["annotations"]] == [[0, 2, 30, 40], [1, 2, 30, 40], [2, 2, 30, 40]]
