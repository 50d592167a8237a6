"""A style package is untrusted: whatever is wrong with it is refused, and says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.bundled import bundled_packages
from registry.errors import IntegrityError, PackageError, RegistryError
from registry.package import StylePackage, load_style
from registry.packing import write_package
from stylecore.data import Digest, RestyleError

MakePackage = Callable[..., StylePackage]


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes style.json as an attacker would who also recomputes whatever digests they like."""
    content = json.loads((folder / "style.json").read_bytes())
    change(content)
    (folder / "style.json").write_text(json.dumps(content))


def replace_file(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    rewrite(folder, lambda manifest: manifest["files"].update({name: Digest.of(content)}))


def test_a_package_tells_what_it_holds(make_package: MakePackage) -> None:
    package = make_package()
    assert (package.name, package.family, package.licence) == ("tiny", "conditional-instance-norm", "Apache-2.0")
    assert [style.name for style in package.styles] == ["dots", "hatching"]
    assert package.style("hatching").suggested_bounds == {"ssim_eighth": 0.45}
    assert package.controls == {"strength"}
    assert package.rights[0].licence == "CC0-1.0"
    assert package.card.startswith("# Tiny")
    assert package.total_bytes == sum(f.stat().st_size for f in package.folder.rglob("*") if f.is_file())


def test_the_digest_of_a_package_is_that_of_its_style_json(folder: Path) -> None:
    assert StylePackage.read(folder).digest == Digest.of((folder / "style.json").read_bytes())


def test_packing_the_same_content_again_gives_the_same_digest(make_package: MakePackage) -> None:
    assert make_package(seed=3).digest == make_package(seed=3).digest
    assert make_package(seed=3).digest != make_package(seed=4).digest


def test_packing_over_an_older_style_json_changes_nothing(make_package: MakePackage) -> None:
    first = make_package()
    again = write_package(
        first.folder,
        package=first.name,
        family=first.family,
        architecture=first.architecture,
        styles=first.styles,
        controls=first.controls,
        licence=first.licence,
    )
    assert again == first


def test_nothing_is_written_when_what_is_said_of_the_package_is_wrong(make_package: MakePackage) -> None:
    package = make_package()
    (package.folder / "style.json").unlink()
    with pytest.raises(PackageError, match="No Slug!"):
        write_package(
            package.folder,
            package="No Slug!",
            family=package.family,
            architecture=package.architecture,
            styles=package.styles,
            controls=package.controls,
            licence=package.licence,
        )
    assert not (package.folder / "style.json").exists()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_flipping_any_byte_of_any_file_makes_reading_fail(make_package: MakePackage, data: st.DataObject) -> None:
    package = make_package()
    name = data.draw(st.sampled_from(["style.json", *package.files]))
    file = package.folder / name
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    with pytest.raises(IntegrityError):
        StylePackage.read(package.folder, package.digest)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_in_style_json_do_more_than_be_refused(make_package: MakePackage, content: bytes) -> None:
    folder = make_package().folder
    (folder / "style.json").write_bytes(content)
    with pytest.raises(PackageError):
        StylePackage.read(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), value=JSON)
def test_any_value_in_any_place_of_style_json_is_taken_as_valid_or_refused(
    make_package: MakePackage, data: st.DataObject, value: Any
) -> None:
    folder = make_package().folder
    manifest = json.loads((folder / "style.json").read_bytes())
    place = data.draw(st.sampled_from([manifest, manifest["styles"][0], manifest["architecture"], manifest["files"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = value
    (folder / "style.json").write_text(json.dumps(manifest))
    assert reads_or_refuses_in_printable_words(folder)


def reads_or_refuses_in_printable_words(folder: Path) -> bool:
    """The words go to terminals and logs, so what an attacker wrote may not reach them raw."""
    try:
        StylePackage.read(folder)
    except (PackageError, IntegrityError) as refusal:
        return str(refusal).isprintable()
    return True


@pytest.mark.parametrize(
    "name",
    ["../evil.jpg", "/etc/passwd", "references/../../x.jpg", "references\\x.jpg", "references/x.jpg\n", "run.py",
     "references/x.pkl", "references//x.jpg", "./CARD.md", "style.json", "weights.pt", "references/.x.jpg", "C:x.jpg"],
)  # fmt: skip
def test_a_file_name_outside_the_fixed_layout_is_refused(folder: Path, name: str) -> None:
    rewrite(folder, lambda manifest: manifest["files"].update({name: "0" * 64}))
    with pytest.raises(PackageError, match=r"style\.json"):
        StylePackage.read(folder)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("name", "Not A Slug"), ("name", "x"), ("name", "a" * 61), ("name", "../up"), ("name", "dots\n"),
        ("index", -1), ("index", 1.5), ("index", True), ("index", "0"), ("title", ""), ("title", "\x1b[31mred"),
        ("title", "evil\u202etxt"), ("title", "x" * 201), ("reference", "previews/none.jpg"), ("preview", None),
        ("suggested_bounds", {"beauty": 1.0}), ("suggested_bounds", {"lpips": "low"}), ("surprise", 1),
    ],
)  # fmt: skip
def test_a_style_that_says_something_odd_is_refused(folder: Path, where: str, value: object) -> None:
    rewrite(folder, lambda manifest: manifest["styles"][0].update({where: value}))
    with pytest.raises(PackageError, match=r"style\.json"):
        StylePackage.read(folder)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("schema", 2), ("styles", []), ("files", {}), ("controls", ["strength", "strength"]), ("licence", " "),
        ("family", "a.b"), ("architecture", {"x": {"deep": 1}}), ("architecture", {"__class__": 1}), ("package", 5),
    ],
)  # fmt: skip
def test_a_manifest_that_breaks_the_schema_is_refused(folder: Path, where: str, value: object) -> None:
    rewrite(folder, lambda manifest: manifest.update({where: value}))
    with pytest.raises(PackageError, match=r"style\.json"):
        StylePackage.read(folder)


@pytest.mark.parametrize("field", ["name", "index"])
def test_two_styles_may_not_share_a_name_or_an_index(folder: Path, field: str) -> None:
    rewrite(folder, lambda manifest: manifest["styles"][1].update({field: manifest["styles"][0][field]}))
    with pytest.raises(PackageError, match=f"style {field} .* twice"):
        StylePackage.read(folder)


@pytest.mark.parametrize(
    "content",
    [b"[" * 200_000, b'{"schema": NaN}', b'{"schema": 1, "schema": 1}', b'{"schema": 1e999}', b"\xff\xfe{}",
     b'{"schema": ' + b"9" * 10_000 + b"}", b"\x80\x04\x95."],
)  # fmt: skip
def test_json_that_is_a_trap_is_refused(folder: Path, content: bytes) -> None:
    (folder / "style.json").write_bytes(content)
    with pytest.raises(PackageError, match=r"style\.json"):
        StylePackage.read(folder)


def test_a_file_that_no_digest_pins_is_refused(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"")
    with pytest.raises(PackageError, match="not listed"):
        StylePackage.read(folder)


def test_a_folder_that_no_package_has_is_refused(folder: Path) -> None:
    (folder / "code").mkdir()
    with pytest.raises(PackageError, match="not a plain file"):
        StylePackage.read(folder)


@pytest.mark.parametrize("name", ["CARD.md", "weights.safetensors", "references/dots.jpg"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PackageError, match=f"{name} is missing"):
        StylePackage.read(folder)


def test_a_link_is_refused_even_to_the_right_bytes(folder: Path, tmp_path: Path) -> None:
    moved = shutil.move(folder / "CARD.md", tmp_path / "CARD.md")
    (folder / "CARD.md").symlink_to(moved)
    with pytest.raises(PackageError, match="not a plain file"):
        StylePackage.read(folder)


def test_a_linked_subfolder_is_refused(folder: Path, tmp_path: Path) -> None:
    moved = shutil.move(folder / "previews", tmp_path / "previews")
    (folder / "previews").symlink_to(moved)
    with pytest.raises(PackageError, match="not a plain file"):
        StylePackage.read(folder)


def test_a_pipe_is_refused_without_waiting_on_it(folder: Path) -> None:
    (folder / "CARD.md").unlink()
    os.mkfifo(folder / "CARD.md")
    with pytest.raises(PackageError, match="not a plain file"):
        StylePackage.read(folder)


@pytest.mark.parametrize(
    ("name", "size_bytes"),
    [("style.json", 300_000), ("weights.safetensors", 200_000_001), ("references/dots.jpg", 10_000_001)],
)
def test_a_file_over_its_limit_is_refused_before_it_is_read(folder: Path, name: str, size_bytes: int) -> None:
    os.truncate(folder / name, size_bytes)
    with pytest.raises(PackageError, match="at most"):
        StylePackage.read(folder)


@pytest.mark.parametrize(
    "rights",
    ["[]", "{}", "[1]", '[{"what": "x"}]', '[{"what": "x", "source": "y", "licence": "", "holder": "z"}]',
     '[{"what": "x", "source": "y", "licence": "CC0", "holder": "z", "digest": "abc"}]'],
)  # fmt: skip
def test_incomplete_rights_are_refused(folder: Path, rights: str) -> None:
    replace_file(folder, "rights.json", rights.encode())
    with pytest.raises(PackageError, match=r"rights\.json"):
        StylePackage.read(folder)


@pytest.mark.parametrize("card", [b"\xff\xfe", b"\x1b]0;title\x07"])
def test_a_card_that_is_not_plain_text_is_refused(folder: Path, card: bytes) -> None:
    replace_file(folder, "CARD.md", card)
    with pytest.raises(PackageError, match=r"CARD\.md"):
        StylePackage.read(folder)


def test_a_valid_package_that_is_not_the_expected_one_is_an_integrity_error(make_package: MakePackage) -> None:
    with pytest.raises(IntegrityError, match=r"style\.json") as caught:
        StylePackage.read(make_package(seed=1).folder, make_package(seed=2).digest)
    assert caught.value.kind == "integrity"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="cannot be read"):
        StylePackage.read(tmp_path / "nowhere")


def test_an_unknown_style_names_the_closest_one(make_package: MakePackage) -> None:
    with pytest.raises(RegistryError, match="Did you mean 'hatching'"):
        make_package().style("hatchin")


def test_a_style_of_a_package_renders(make_package: MakePackage) -> None:
    import torch

    torch.set_num_threads(1)
    model = load_style(make_package(), "hatching")
    assert (model.name, model.reference.shape) == ("hatching", (24, 32, 3))
    rendered = model.render(torch.rand(1, 3, 20, 33))
    assert rendered.shape == (1, 3, 20, 33)
    assert 0 <= float(rendered.min()) <= float(rendered.max()) <= 1


def test_weights_changed_after_the_package_was_read_do_not_load(make_package: MakePackage) -> None:
    package = make_package()
    weights = bytearray((package.folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (package.folder / "weights.safetensors").write_bytes(weights)
    with pytest.raises(RestyleError) as caught:
        load_style(package, "dots")
    assert caught.value.kind == "integrity"


def test_a_pickle_in_the_place_of_the_weights_does_not_load_and_does_not_run(folder: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    replace_file(folder, "weights.safetensors", f"cpathlib\nPath.touch\n(S'{witness}'\ntR.".encode())
    with pytest.raises(RestyleError):
        load_style(StylePackage.read(folder), "dots")
    assert not witness.exists()


def test_a_reference_that_is_no_picture_does_not_load(folder: Path) -> None:
    replace_file(folder, "references/dots.jpg", b"\x80\x04\x95 not a picture")
    with pytest.raises(PackageError, match=r"references/dots\.jpg"):
        load_style(StylePackage.read(folder), "dots")


def test_the_product_comes_with_a_package() -> None:
    assert bundled_packages(), "registry/bundled is empty"


def test_every_bundled_package_reads_and_loads() -> None:
    for folder in bundled_packages():
        package = StylePackage.read(folder)
        assert package.name == folder.name
        assert package.total_bytes < 3_000_000
        for style in package.styles:
            assert load_style(package, style.name).name == style.name


def test_reading_packages_imports_neither_torch_nor_mlflow() -> None:
    code = "import sys, registry.package, registry.catalogue; print({'torch', 'mlflow', 'PIL'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
