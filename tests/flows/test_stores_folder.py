"""What is particular to a folder: links, pipes, rights, odd names, sidecar files, full disks, and being killed."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.stores import folder_remove, folder_write, open_store
from flows.stores.errors import (
    StoreChanged,
    StoreConflict,
    StoreDenied,
    StoreError,
    StoreFactsError,
    StoreFull,
    StoreNotFound,
)
from flows.stores.folder_names import file_name, spelled
from flows.stores.keys import SIDECAR_NAME
from flows.stores.local import FolderStore
from flows.stores.selection import Selection
from flows.stores.spec import FolderSpec
from stylecore.data import AssetFacts, Digest

NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root, "library")


def keys(store: FolderStore) -> list[str]:
    return [ref.key for ref in store.list()]


def put(store: FolderStore, key: str, content: bytes) -> bool:
    return store.put_new(key, content, digest=Digest.of(content), media_type="image/png", metadata={}).created


def left_over(root: Path) -> list[str]:
    return os.listdir(root / folder_write.INCOMING)  # noqa: PTH208  names are enough


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFound, match=r"nowhere.*Check the path"):
        open_store(FolderSpec(path=tmp_path / "nowhere"))


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreNotFound, match="not a folder"):
        open_store(FolderSpec(path=tmp_path / "file"))


def test_a_root_that_is_a_link_is_the_folder_it_leads_to(root: Path, tmp_path: Path) -> None:
    (root / "a.jpg").write_bytes(b"x")
    (tmp_path / "link").symlink_to(root)
    assert keys(FolderStore(tmp_path / "link")) == ["a.jpg"]


class TestLinks:
    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        folder = tmp_path / "outside"
        folder.mkdir()
        (folder / "secret.jpg").write_bytes(b"secret")
        return folder

    def test_a_linked_file_inside_the_folder_is_read(self, root: Path, store: FolderStore) -> None:
        (root / ".annex").mkdir()
        (root / ".annex" / "object").write_bytes(b"content")
        (root / "a.jpg").symlink_to(Path(".annex/object"))
        [ref] = store.list()
        assert (ref.key, ref.size_bytes) == ("a.jpg", 7)
        assert store.fetch(ref).content == b"content"

    def test_a_linked_file_outside_is_accounted_for_and_denied(
        self, root: Path, store: FolderStore, outside: Path
    ) -> None:
        (root / "a.jpg").symlink_to(outside / "secret.jpg")
        [ref] = store.list()
        for read in (store.fetch, store.digest, lambda ref: store.read(ref.key)):
            with pytest.raises(StoreDenied, match="leaves the store's folder"):
                read(ref)

    def test_nothing_beneath_a_linked_folder_is_listed_read_or_written(
        self, root: Path, store: FolderStore, outside: Path
    ) -> None:
        (root / "linked").symlink_to(outside)
        assert keys(store) == ["linked"]
        for use in (store.read, lambda key: put(store, key, b"x")):
            with pytest.raises(StoreDenied, match="linked folder is not followed"):
                use("linked/secret.jpg")
        assert os.listdir(outside) == ["secret.jpg"]  # noqa: PTH208

    def test_links_in_a_circle_end(self, root: Path, store: FolderStore) -> None:
        (root / "self").symlink_to(root)
        (root / "a").symlink_to(root / "b")
        (root / "b").symlink_to(root / "a")
        assert keys(store) == ["a", "b"]
        with pytest.raises(StoreDenied):
            store.read("a")

    def test_a_dangling_link_is_accounted_for_and_not_found(self, root: Path, store: FolderStore) -> None:
        (root / "a.jpg").symlink_to(root / "gone.jpg")
        [ref] = store.list()
        with pytest.raises(StoreNotFound):
            store.fetch(ref)

    def test_a_folder_swapped_for_a_link_after_the_listing_is_denied(
        self, root: Path, store: FolderStore, outside: Path
    ) -> None:
        (root / "dir").mkdir()
        (root / "dir" / "secret.jpg").write_bytes(b"public")
        [ref] = store.list()
        shutil.rmtree(root / "dir")
        (root / "dir").symlink_to(outside)
        with pytest.raises(StoreDenied):
            store.fetch(ref)


def test_pipes_and_sockets_are_skipped_and_never_waited_for(root: Path, store: FolderStore) -> None:
    os.mkfifo(root / "pipe.jpg")
    os.mkfifo(root / SIDECAR_NAME)
    (root / "a.jpg").write_bytes(b"x")
    assert keys(store) == ["a.jpg"]
    for use in (store.read, store.find, lambda key: store.facts(replace(store.find("a.jpg"), key=key))):
        with pytest.raises(StoreDenied):
            use("pipe.jpg")


def test_a_folder_is_no_file(root: Path, store: FolderStore) -> None:
    (root / "dir").mkdir()
    assert not store.exists("dir")
    with pytest.raises(StoreConflict, match="taken by a folder"):
        put(store, "dir", b"x")
    put(store, "file", b"x")
    with pytest.raises(StoreConflict, match="is a file"):
        put(store, "file/inner", b"x")


@contextmanager
def without_rights() -> Iterator[Path]:
    """A folder and a process that is not root, since root may read everything."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        if os.geteuid() != 0:
            yield Path(folder)
            return
        os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def test_an_unreadable_file_is_listed_and_denied() -> None:
    with without_rights() as root:
        (root / "a.jpg").write_bytes(b"x")
        (root / "a.jpg").chmod(0)
        store = FolderStore(root)
        [ref] = store.list()
        with pytest.raises(StoreDenied, match=r"a\.jpg.*Give this user the right"):
            store.fetch(ref)


def test_an_unreadable_folder_stops_the_listing_unless_it_is_left_out() -> None:
    with without_rights() as root:
        (root / "lost+found").mkdir(mode=0)
        (root / "a.jpg").write_bytes(b"x")
        store = FolderStore(root)
        with pytest.raises(StoreDenied, match=r"lost\+found"):
            list(store.list())
        assert [ref.key for ref in store.list(["!lost+found/**"])] == ["a.jpg"]
        (root / "lost+found").chmod(0o700)


def test_a_folder_that_cannot_be_written_to_is_denied() -> None:
    with without_rights() as root:
        root = root / "inner"
        root.mkdir()
        root.chmod(0o500)
        with pytest.raises(StoreDenied, match=r"out\.png"):
            put(FolderStore(root), "out.png", b"x")
        root.chmod(0o700)


def test_names_that_are_not_utf8_are_listed_and_fetched(root: Path, store: FolderStore) -> None:
    names = [b"caf\xe9.jpg", b"\xff\xfe", "caf\u00e9.jpg".encode(), "\ufffde9.jpg".encode(), b"two\nlines.jpg"]
    for name in names:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(name)
    refs = list(store.list())
    assert {store.fetch(ref).content for ref in refs} == set(names)
    for ref in refs:
        ref.key.encode()
        ref.uri.encode("ascii")
    assert [ref.key for ref in refs] == sorted(ref.key for ref in refs)
    assert "caf\ufffde9.jpg" in keys(store)


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_every_file_name_has_its_own_spelling(name: bytes) -> None:
    text = os.fsdecode(name)
    assert file_name(spelled(text)) == text
    spelled(text).encode()


@given(st.text(alphabet="\ufffdef0aé", max_size=12))
def test_no_key_reads_as_a_name_that_is_spelled_otherwise(part: str) -> None:
    name = file_name(part)
    assert name is None or spelled(name) == part


_PART = st.text(alphabet="abAZ-. ~0é😀～", min_size=1, max_size=4).filter(lambda part: not part.startswith("."))
_TREE = st.sets(st.lists(_PART, min_size=1, max_size=4).map("/".join), max_size=20)


@settings(max_examples=60, deadline=None)
@given(tree=_TREE, after=st.lists(_PART, max_size=3).map("/".join), page=st.integers(1, 6))
def test_any_tree_is_listed_as_s3_would_list_it_from_any_place(tree: set[str], after: str, page: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        planted = []
        for key in sorted(tree):
            try:
                (Path(folder) / key).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / key).write_bytes(b"")
                planted.append(key)
            except OSError:
                continue  # a name cannot be a file and a folder
        store = FolderStore(Path(folder), names_per_page=page)
        assert keys(store) == sorted(planted)
        assert [ref.key for ref in store.list(after_key=after)] == sorted(key for key in planted if key > after)


_GLOB = st.lists(st.sampled_from(["**", "*", "a", "a*", "?", "[ab]"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(_GLOB | _GLOB.map(lambda glob: "!" + glob), max_size=3), st.lists(st.sampled_from("abc"), min_size=1))
def test_a_wanted_key_is_below_entered_folders_and_the_literal_prefix(globs: list[str], parts: list[str]) -> None:
    selection = Selection.of(globs)
    if selection.wants("/".join(parts)):
        assert all(selection.enters("/".join(parts[:depth])) for depth in range(1, len(parts)))
        assert "/".join(parts).startswith(selection.literal_prefix)


def test_a_tree_deeper_than_recursion_is_listed(root: Path, store: FolderStore) -> None:
    depth, here = 1500, os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        here, done = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(done)
    os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    try:
        assert keys(store) == ["d/" * depth + "a.jpg"]
    finally:
        subprocess.run(["rm", "-rf", str(root / "d")], check=True)


def test_a_folder_removed_during_the_listing_is_no_longer_part_of_it(root: Path, store: FolderStore) -> None:
    for name in ("a", "b"):
        (root / name).mkdir()
        (root / name / "x.jpg").write_bytes(b"x")
    listing = store.list()
    assert next(listing).key == "a/x.jpg"
    shutil.rmtree(root / "b")
    assert list(listing) == []
    shutil.rmtree(root)
    with pytest.raises(StoreNotFound):
        keys(store)


def test_a_time_of_no_calendar_does_not_stop_the_listing(root: Path, store: FolderStore) -> None:
    (root / "a.jpg").write_bytes(b"x")
    os.utime(root / "a.jpg", (2**37, 2**37))
    [ref] = store.list()
    assert ref.modified_at is None or ref.modified_at.year > 2400


def test_a_file_that_changes_while_it_is_read_is_refused(root: Path, store: FolderStore) -> None:
    (root / "a.jpg").write_bytes(b"x" * 10)
    ref = store.find("a.jpg")
    with pytest.raises(StoreChanged), store._unchanged(ref):
        (root / "a.jpg").write_bytes(b"y" * 11)


class TestSidecars:
    def sidecar(self, root: Path, text: str | bytes) -> None:
        (root / SIDECAR_NAME).write_bytes(text if isinstance(text, bytes) else text.encode())

    def facts(self, root: Path, name: str = "a.jpg") -> AssetFacts:
        (root / name).write_bytes(b"x")
        store = FolderStore(root)
        return store.facts(store.find(name))

    def test_the_row_of_all_files_fills_what_a_row_leaves_empty(self, root: Path) -> None:
        self.sidecar(root, "file,class,licence,person\n*,product,house,no\na.jpg,,,yes\n")
        facts = self.facts(root)
        assert (facts.asset_class, facts.licence, facts.shows_person) == ("product", "house", True)
        assert self.facts(root, "b.jpg").shows_person is False

    def test_a_row_can_say_that_something_is_unknown_after_all(self, root: Path) -> None:
        self.sidecar(root, "file,licence,person\n*,house,no\na.jpg,,unknown\n")
        assert self.facts(root).shows_person is None

    def test_a_sidecar_speaks_of_its_own_folder_only(self, root: Path) -> None:
        self.sidecar(root, "file,licence\n*,house\n")
        (root / "inner").mkdir()
        assert self.facts(root, "inner/a.jpg") == AssetFacts()

    @pytest.mark.parametrize(
        "text", [b"\xef\xbb\xbffile;licence\r\na.jpg;house\r\n", b"File , LICENCE,,\n\na.jpg,house,,\n"]
    )
    def test_what_spreadsheets_write_is_read(self, root: Path, text: bytes) -> None:
        self.sidecar(root, text)
        assert self.facts(root).licence == "house"

    def test_a_name_is_found_in_either_unicode_form(self, root: Path) -> None:
        self.sidecar(root, "file,derivatives\ncafe\u0301.jpg,no\n")
        assert self.facts(root, "caf\u00e9.jpg").derivatives_allowed is False

    def test_a_changed_sidecar_is_read_again(self, root: Path) -> None:
        (root / "a.jpg").write_bytes(b"x")
        store = FolderStore(root)
        for licence in ("first", "second"):
            self.sidecar(root, f"file,licence\na.jpg,{licence}\n")
            assert store.facts(store.find("a.jpg")).licence == licence

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("file,person\nb.jpg,no\na.jpg,perhaps\n", r"line 3: .*person.*perhaps.*yes"),
            ("name,person\na.jpg,no\n", r"line 1: .*a column `file`"),
            ("", "a column `file`"),
            ("file,person,person\na.jpg,no,yes\n", r"line 1: .*person.*more than once"),
            ("file,person\na.jpg,no\na.jpg,yes\n", r"line 3: .*a\.jpg.*line 2"),
            ("file,person\na.jpg,no,yes\n", r"line 2: 3 cells.*double quotes"),
            ("file,person\ninner/a.jpg,no\n", r"line 2: .*inner/a\.jpg"),
            ('file,person\n"z.jpg,no\na.jpg,no\n', "no readable CSV"),
            (b"file,person\nb.jpg,no\n\xe9.jpg,no\n", "line 3: text that is not UTF-8"),
            ("file,note\na.jpg," + "x" * 200_000, "no readable CSV"),
        ],
    )
    def test_a_malformed_sidecar_says_what_and_where(self, root: Path, text: str | bytes, told: str) -> None:
        self.sidecar(root, text)
        with pytest.raises(StoreFactsError, match=told) as problem:
            self.facts(root)
        assert str(root / SIDECAR_NAME) in str(problem.value)

    def test_a_malformed_row_harms_no_other_row(self, root: Path) -> None:
        self.sidecar(root, "file,person\na.jpg,perhaps\nb.jpg,no\nc.jpg,no,1,2\n")
        assert self.facts(root, "b.jpg").shows_person is False


WRITER = """
import sys
from pathlib import Path
from flows.stores.local import FolderStore
from stylecore.data import Digest
store = FolderStore(Path(sys.argv[1]))
content = sys.argv[2].encode() * 3_000_000
print("writing", flush=True)
for number in range(10_000):
    store.put_new(f"out/{number}.png", content, digest=Digest.of(content), media_type="image/png", metadata={})
"""


def writer(root: Path, letter: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", WRITER, str(root), letter]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_writer_killed_at_any_moment_leaves_whole_files_or_none(root: Path) -> None:
    whole = Digest.of(b"k" * 3_000_000)
    for _ in range(6):
        process = writer(root, "k")
        time.sleep(random.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        store = FolderStore(root)
        assert {store.digest(ref) for ref in store.list()} <= {whole}
        shutil.rmtree(root / "out", ignore_errors=True)


RACER = """
import sys
from pathlib import Path
from flows.stores.errors import StoreConflict
from flows.stores.local import FolderStore
from stylecore.data import Digest
store = FolderStore(Path(sys.argv[1]))
content = sys.argv[2].encode() * 100_000
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    try:
        digest = Digest.of(content)
        won = store.put_new(f"{number}", content, digest=digest, media_type="image/png", metadata={}).created
    except StoreConflict:
        won = False
    print(int(won), flush=True)
"""


def test_of_processes_racing_for_the_same_keys_one_wins_each(root: Path) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(root), letter], stdin=-1, stdout=-1) for letter in "123"
    ]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"go\n")
        racer.stdin.flush()
    wins = [[int(line) for line in racer.communicate()[0].split()] for racer in racers]
    assert [sum(of_one_key) for of_one_key in zip(*wins, strict=True)] == [1] * 40
    store = FolderStore(root)
    for number in range(40):
        [winner] = [letter for letter, won in zip("123", wins, strict=True) if won[number]]
        assert store.read(f"{number}") == winner.encode() * 100_000


def test_what_a_killed_writer_left_is_removed_when_it_is_old(root: Path) -> None:
    put(FolderStore(root), "a.png", b"x")
    for name, age_s in (("old.part", 2 * 24 * 3600.0), ("young.part", 60.0)):
        path = root / folder_write.INCOMING / name
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_s,) * 2)
    assert keys(FolderStore(root)) == ["a.png"]
    assert left_over(root) == ["young.part"]


@pytest.fixture
def file_size_limit() -> Iterator[int]:
    """The cheapest full disk: no file may grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_there_is_no_room_nothing_is_left_behind(root: Path, store: FolderStore, file_size_limit: int) -> None:
    with pytest.raises(StoreFull, match=r"out\.png"):
        put(store, "sub/out.png", b"x" * (file_size_limit + 1))
    assert not store.exists("sub/out.png")
    assert left_over(root) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_told_and_nothing_is_left_behind(root: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(root)], check=False)
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        store = FolderStore(root)
        with pytest.raises(StoreFull, match="Free some space"):
            put(store, "sub/out.png", b"x" * 500_000)
        assert keys(store) == []
        assert left_over(root) == []
        assert put(store, "sub/out.png", b"x" * 1_000)
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_a_put_leaves_only_the_file(root: Path, store: FolderStore) -> None:
    put(store, "a/b/c.png", b"x")
    assert left_over(root) == []
    assert (root / "a/b/c.png").stat().st_nlink == 1


def test_credentials_for_a_folder_are_a_mistake(root: Path) -> None:
    from pydantic import SecretStr

    with pytest.raises(StoreError, match="credentials for a folder"):
        open_store(FolderSpec(path=root), {"password": SecretStr("x")})


def test_a_link_is_never_removed_nor_what_it_leads_to(root: Path, store: FolderStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"ours")
    (root / "link.jpg").symlink_to(outside)
    with pytest.raises(StoreDenied):
        store.remove("link.jpg", digest=Digest.of(b"ours"))
    assert outside.read_bytes() == b"ours"
    assert (root / "link.jpg").is_symlink()


def test_what_is_put_in_its_place_while_a_file_is_removed_stays(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"ours")

    def replaced_after_the_look(file: int) -> Digest:
        found = Digest.of(os.pread(file, 100, 0))
        (root / "new").write_bytes(b"theirs")
        (root / "new").replace(root / "a.jpg")
        return found

    with pytest.raises(StoreChanged):
        folder_remove.remove(root, ["a.jpg"], Digest.of(b"ours"), replaced_after_the_look)
    assert (root / "a.jpg").read_bytes() == b"theirs"
    assert left_over(root) == []
