"""The stores' world: a real S3 server over HTTP, and a wire that can be cut. Nothing of ours is replaced by a mock."""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from tests.flows.world import World, make_world, twin


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """A command says where the workspace and Prefect are, for itself and its children: no later test sees it."""
    names = ("RESTYLE_HOME", "PREFECT_HOME", "PREFECT_API_URL")
    before = {name: os.environ[name] for name in names if name in os.environ}
    yield
    for name in names:
        os.environ.pop(name, None)
    os.environ.update(before)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """``RESTYLE_TEST_S3_URL`` with the usual AWS variables, or moto's server in a thread of this process."""
    given = os.environ.get("RESTYLE_TEST_S3_URL")
    if given:
        yield given
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture(scope="session")
def s3_is_moto() -> bool:
    """For the few places where moto is not as S3 is. A real server is always tested to the full."""
    return "RESTYLE_TEST_S3_URL" not in os.environ


@pytest.fixture(scope="session")
def s3_admin(s3_endpoint: str):
    """A client that is not ours, to prepare buckets and to look at what we left there."""
    config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    return boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1", config=config)


@pytest.fixture(scope="session")
def s3_bucket(s3_admin) -> Iterator[str]:
    with _bucket(s3_admin, {}) as name:
        yield name


@pytest.fixture(scope="session")
def s3_bucket_with_versions(s3_admin) -> Iterator[str]:
    with _bucket(s3_admin, {"Status": "Enabled"}) as name:
        yield name


@pytest.fixture
def another_s3_bucket(s3_admin) -> Iterator[str]:
    with _bucket(s3_admin, {}) as name:
        yield name


@pytest.fixture(scope="session")
def s3_creates_once(s3_admin) -> Callable[[str], bool]:
    """Whether the server keeps `If-None-Match: *` in a bucket, asked without any code of ours."""

    @cache
    def creates_once(bucket: str) -> bool:
        key = f"asked-{uuid.uuid4().hex}"
        s3_admin.put_object(Bucket=bucket, Key=key, Body=b"first", IfNoneMatch="*")
        with suppress(ClientError):
            s3_admin.put_object(Bucket=bucket, Key=key, Body=b"second", IfNoneMatch="*")
        return s3_admin.get_object(Bucket=bucket, Key=key)["Body"].read() == b"first"

    return creates_once


@contextmanager
def _bucket(admin, versioning: dict[str, str]) -> Iterator[str]:
    """Made for this run and removed after it, since the endpoint may be somebody's real one."""
    name = f"restyle-test-{uuid.uuid4().hex[:12]}"
    admin.create_bucket(Bucket=name)
    if versioning:
        admin.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
    yield name
    doomed = [
        (entry["Key"], entry["VersionId"])
        for page in admin.get_paginator("list_object_versions").paginate(Bucket=name)
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    ]
    for key, version in doomed:
        admin.delete_object(Bucket=name, Key=key, VersionId=version)
    admin.delete_bucket(Bucket=name)


class CuttableWire:
    """A TCP relay to a server. It cuts the connection once so many bytes of an answer have passed, so often."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("http://").rstrip("/").partition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut_after_bytes = 0
        self.cuts_left = 0
        self.cuts = 0
        self.when_cut: Callable[[], object] = lambda: None
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, after_bytes: int, times: int) -> None:
        self.cut_after_bytes, self.cuts_left = after_bytes, times

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                threading.Thread(target=self._relay, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._relay, args=(far, near, True), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        passed = 0
        with suppress(OSError), closing(source), closing(target):
            while piece := source.recv(65536):
                passed += len(piece)
                if is_answer and self.cuts_left and passed > self.cut_after_bytes:
                    self.cuts_left -= 1
                    self.cuts += 1
                    self.when_cut()
                    target.sendall(piece[: len(piece) // 2])
                    target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(piece)


@pytest.fixture
def cuttable_wire(s3_endpoint: str) -> Iterator[CuttableWire]:
    if not s3_endpoint.startswith("http://"):
        pytest.skip("the wire is cut below HTTP, so the endpoint must not be HTTPS")
    wire = CuttableWire(s3_endpoint)
    yield wire
    wire.close()


class _Refusing(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """Answers everybody with 403: moto does not check rights."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a world that was made once; tests work in twins of it."""
    return make_world(tmp_path_factory.mktemp("world") / "home").home


@pytest.fixture
def world(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A workspace with an approved style and an empty library, which the settings name."""
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path / "home"))
    return twin(tmp_path / "home", prepared)
