"""COCO annotations (boxes, polygons, masks, keypoints, captions): read strictly, copied for each rendition verbatim."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from stylecore.labelled.base import DatasetError, LabelledPicture, Made, checked_key

MAX_ANNOTATION_BYTES = 1_000_000_000
ANNOTATIONS = "annotations.json"


@dataclass(frozen=True, slots=True)
class Coco:
    """Only names, numbers and sizes are looked at; what an annotation says of its picture is passed on untouched."""

    folder: Path
    pictures: tuple[LabelledPicture, ...]
    document: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, annotations: Path, folder: Path) -> Self:
        document = _parsed(annotations)
        pictures = tuple(_picture(image, annotations.name) for image in document["images"])
        _check_links(document, annotations.name)
        if len({picture.key for picture in pictures}) != len(pictures):
            raise DatasetError(f"{annotations.name} names a picture twice", "each picture once")
        return cls(folder, pictures, document)

    def write_labels(self, out: Path, made: Sequence[Made]) -> None:
        """A COCO file of the renditions: every rendition is an image of its own, with its picture's annotations."""
        images = {str(image["file_name"]): image for image in self.document["images"]}
        told = defaultdict(list)
        for annotation in self.document["annotations"]:
            told[annotation["image_id"]].append(annotation)
        new_images: list[dict[str, Any]] = []
        new_annotations: list[dict[str, Any]] = []
        for number, each in enumerate(made, start=1):
            source = images[each.source_key]
            new_images.append({**source, "id": number, "file_name": each.key})
            for annotation in told[source["id"]]:
                new_annotations.append({**annotation, "id": len(new_annotations) + 1, "image_id": number})
        labels = {**self.document, "images": new_images, "annotations": new_annotations}
        out.mkdir(parents=True, exist_ok=True)
        partial = out / f".{ANNOTATIONS}.partial"
        partial.write_text(json.dumps(labels, ensure_ascii=False), encoding="utf-8")
        partial.replace(out / ANNOTATIONS)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_ANNOTATION_BYTES:
            raise DatasetError(f"{path.name} of over {MAX_ANNOTATION_BYTES} bytes", "a smaller COCO file")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as problem:
        raise DatasetError(f"{path} cannot be read ({ascii(str(problem))[:120]})", "a COCO file in JSON") from problem
    lists = ("images", "annotations")
    if not isinstance(document, dict) or not all(isinstance(document.get(name), list) for name in lists):
        raise DatasetError(f"{path.name} without lists of images and annotations", "a COCO file")
    if not all(isinstance(entry, dict) for name in lists for entry in document[name]):
        raise DatasetError(f"{path.name} with entries that are no objects", "a COCO file")
    return document


def _picture(image: dict[str, Any], where: str) -> LabelledPicture:
    width, height = image.get("width"), image.get("height")
    if type(width) is not int or type(height) is not int:
        raise DatasetError(
            f"image {ascii(image.get('id'))[:40]} in {where} without its size", "its width and height in pixels"
        )
    return LabelledPicture(checked_key(image.get("file_name"), where), width, height)


def _check_links(document: dict[str, Any], where: str) -> None:
    ids = [image.get("id") for image in document["images"]]
    if not all(type(each) is int for each in ids) or len(set(ids)) != len(ids):
        raise DatasetError(f"{where} with images whose ids are missing or repeated", "one number for each image")
    known = set(ids)
    for annotation in document["annotations"]:
        if type(annotation.get("image_id")) is not int or annotation["image_id"] not in known:
            raise DatasetError(
                f"annotation {ascii(annotation.get('id'))[:40]} in {where} of no image", "the id of an image"
            )
