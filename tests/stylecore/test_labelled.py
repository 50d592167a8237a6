"""Restyled datasets: what was true of a picture is true of its renditions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylecore.labelled.base import DatasetError
from stylecore.labelled.coco import ANNOTATIONS, Coco
from stylecore.labelled.folder_classes import FolderClasses
from stylecore.labelled.restyled import LeftOut, Restyling, Written, restyled
from tests.stylecore.sample_images import Inverted, noise


class Named(Inverted):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


STYLES = (Named("dots"), Named("lines"), Named("waves"))
BOX = {"id": 9, "image_id": 5, "category_id": 1, "bbox": [3.5, 2, 10, 8], "iscrowd": 0}
POLYGON = {"id": 11, "image_id": 7, "category_id": 2, "segmentation": [[1, 1, 20, 1, 20, 20]], "score": 0.25}
RUNS = {"id": 4, "image_id": 7, "category_id": 2, "segmentation": {"counts": [3, 5, 8], "size": [24, 32]}}


def save(path: Path, exif: Image.Exif | None = None, width: int = 32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(width, 24)).save(path, exif=exif or Image.Exif())


def classes(folder: Path) -> FolderClasses:
    for key in ("cat/one.png", "cat/two.jpg", "dog/one.png", "dog/young/three.png"):
        save(folder / key)
    return FolderClasses.read(folder)


def coco(folder: Path, **change: Any) -> Coco:
    for name in ("a.png", "deep/b.png"):
        save(folder / "pictures" / name)
    document = {
        "info": {"year": 2026},
        "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "spoon"}],
        "images": [
            {"id": 5, "file_name": "a.png", "width": 32, "height": 24, "licence": 3},
            {"id": 7, "file_name": "deep/b.png", "width": 32, "height": 24},
        ],
        "annotations": [BOX, POLYGON, RUNS],
        **change,
    }
    (folder / "labels.json").write_text(json.dumps(document))
    return Coco.read(folder / "labels.json", folder / "pictures")


def made_of(dataset: Any, out: Path, **how: Any) -> list[Any]:
    results = list(restyled(dataset, Restyling(STYLES, **how), out))
    dataset.write_labels(out, [each.made for each in results if isinstance(each, Written)])
    return results


def pixels(path: Path) -> Any:
    return np.asarray(Image.open(path))


def test_renditions_lie_in_the_folder_of_their_class(tmp_path: Path) -> None:
    results = made_of(classes(tmp_path / "in"), tmp_path / "out", copies=2)

    assert len(results) == 8
    for each in results:
        assert Path(each.made.key).parent == Path(each.made.source_key).parent
        assert (tmp_path / "out" / each.made.key).is_file()


def test_every_copy_of_a_picture_has_another_style(tmp_path: Path) -> None:
    results = made_of(classes(tmp_path / "in"), tmp_path / "out", copies=3)

    for key in {each.made.source_key for each in results}:
        assert {each.made.style for each in results if each.made.source_key == key} == {"dots", "lines", "waves"}


def test_the_same_call_gives_the_same_dataset_and_another_seed_another(tmp_path: Path) -> None:
    dataset = classes(tmp_path / "in")

    first, again = made_of(dataset, tmp_path / "out", seed=1), made_of(dataset, tmp_path / "out", seed=1)
    others = [made_of(dataset, tmp_path / "others", seed=seed) for seed in range(2, 8)]

    assert first == again
    assert any([each.made for each in other] != [each.made for each in first] for other in others)


def test_labels_of_places_are_passed_on_verbatim_with_ids_of_their_own(tmp_path: Path) -> None:
    made_of(coco(tmp_path), tmp_path / "out", copies=2)

    labels = json.loads((tmp_path / "out" / ANNOTATIONS).read_text())
    assert [image["id"] for image in labels["images"]] == [1, 2, 3, 4]
    assert len(labels["annotations"]) == 2 * 3
    by_picture = {image["id"]: image["file_name"].split("__")[0] for image in labels["images"]}
    for annotation in labels["annotations"]:
        (original,) = [each for each in (BOX, POLYGON, RUNS) if annotation.items() >= places_of(each).items()]
        assert by_picture[annotation["image_id"]] == {5: "a", 7: "deep/b"}[original["image_id"]]
    assert len({annotation["id"] for annotation in labels["annotations"]}) == 6
    assert labels["categories"][1] == {"id": 2, "name": "spoon"}
    assert labels["images"][0]["licence"] == 3


def places_of(annotation: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in annotation.items() if name not in ("id", "image_id")}


def test_a_rendition_has_the_size_its_labels_were_drawn_on(tmp_path: Path) -> None:
    results = made_of(coco(tmp_path), tmp_path / "out")

    for each in results:
        rendition, original = (
            pixels(tmp_path / "out" / each.made.key),
            pixels(tmp_path / "pictures" / each.made.source_key),
        )
        assert np.array_equal(rendition, 255 - original)


def test_a_picture_of_another_size_than_its_labels_is_left_out(tmp_path: Path) -> None:
    dataset = coco(tmp_path)
    save(tmp_path / "pictures" / "a.png", width=40)

    results = made_of(dataset, tmp_path / "out")

    assert [each.reason.code for each in results if isinstance(each, LeftOut)] == ["another_size"]
    assert len(json.loads((tmp_path / "out" / ANNOTATIONS).read_text())["annotations"]) == 2


def test_a_picture_that_is_stored_upside_down_is_left_out_of_labels_with_places(tmp_path: Path) -> None:
    dataset, upside_down = coco(tmp_path), Image.Exif()
    upside_down[0x0112] = 3
    save(tmp_path / "pictures" / "a.png", exif=upside_down)

    (left_out,) = [each for each in made_of(dataset, tmp_path / "out") if isinstance(each, LeftOut)]

    assert left_out.reason.code == "turned"


def test_a_missing_or_spoilt_picture_is_left_out_and_the_others_are_made(tmp_path: Path) -> None:
    dataset = classes(tmp_path / "in")
    (tmp_path / "in" / "cat" / "one.png").unlink()
    (tmp_path / "in" / "dog" / "one.png").write_bytes(b"no picture")

    results = made_of(dataset, tmp_path / "out")

    assert {each.reason.code for each in results if isinstance(each, LeftOut)} == {"missing", "not_an_image"}
    assert len([each for each in results if isinstance(each, Written)]) == 2


def test_more_copies_than_styles_are_refused() -> None:
    with pytest.raises(DatasetError, match="4 copies"):
        Restyling(STYLES, copies=4)


@pytest.mark.parametrize("name", ["../up.png", "/etc/passwd", "a\n.png", "..\\up.png", "", 5, None])
def test_a_picture_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(DatasetError, match="picture name"):
        coco(tmp_path, images=[{"id": 5, "file_name": name, "width": 1, "height": 1}], annotations=[])


@pytest.mark.parametrize(
    "change",
    [
        {"images": None},
        {"annotations": {}},
        {"images": [5]},
        {"images": [{"id": 5, "file_name": "a.png"}]},
        {"images": [{"id": "5", "file_name": "a.png", "width": 1, "height": 1}]},
        {"annotations": [{"id": 1, "image_id": 6}]},
        {"annotations": [{"id": 1}]},
    ],
    ids=str,
)
def test_annotations_that_do_not_hang_together_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(DatasetError):
        coco(tmp_path, **change)


def test_a_file_that_is_no_annotations_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("[" * 100_000)

    with pytest.raises(DatasetError, match="cannot be read"):
        Coco.read(tmp_path / "labels.json", tmp_path)


def test_pictures_in_no_class_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "loose.png")

    with pytest.raises(DatasetError, match="no class folder"):
        FolderClasses.read(tmp_path)
