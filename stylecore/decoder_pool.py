"""Decoding in processes of their own: a file that crashes its decoder costs its own item and nothing else."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import weakref
from contextlib import suppress
from dataclasses import asdict
from queue import LifoQueue
from typing import IO

from stylecore.decoder_wire import MAX_LINE_BYTES, WireError, take, write_all
from stylecore.image_problems import DEFAULT_LIMITS, ImageProblem, Limits, ProblemCode
from stylecore.image_reading import AS_SHOWN, Reading
from stylecore.picture import Picture

_SETTINGS = {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "536870912", "MALLOC_MMAP_THRESHOLD_": "33554432"}
"""Memory that one picture gave back is there for the next: a third of the time would else go into page faults."""

_WALL_TIMES_CPU = 10
"""A machine may be that busy; a decoder that needs longer has stopped to work at all."""
_GRACE_S = 5

_INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
"""What a process may see of the environment that runs foreign bytes: no keys, no passwords."""


class DecoderPool:
    """``decode`` in one of so many processes, which are started when they are first needed and end with this object."""

    def __init__(self, processes: int = 2) -> None:
        self._idle: LifoQueue[_Process | None] = LifoQueue()
        for _ in range(processes):
            self._idle.put(None)

    def decode(
        self,
        content: bytes,
        limits: Limits = DEFAULT_LIMITS,
        max_edge_px: int | None = None,
        reading: Reading = AS_SHOWN,
    ) -> Picture:
        """As ``image.decode``: the picture, or an :class:`ImageProblem`, also where the decoder dies of it."""
        if len(content) > limits.max_bytes:
            raise ImageProblem(ProblemCode.TOO_LARGE, f"a file of {len(content)} bytes", f"at most {limits.max_bytes}")
        process = self._idle.get()
        try:
            process = process if process is not None and process.is_alive else _Process()
            return process.decode(content, limits, max_edge_px, reading)
        finally:
            self._idle.put(process)


class _Process:
    """One decoder. Its input is a pipe that closes with this process: then it ends, however this one ended."""

    def __init__(self) -> None:
        self._file = _shared_file()
        self._popen = subprocess.Popen(  # noqa: S603  (our own module)
            [sys.executable, "-m", "stylecore.decoder_process", str(self._file.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._file.fileno()],
            env={name: os.environ[name] for name in _INHERITED if name in os.environ} | _SETTINGS,
        )
        weakref.finalize(self, _end, self._popen)

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def decode(self, content: bytes, limits: Limits, max_edge_px: int | None, reading: Reading) -> Picture:
        told = {
            "size": len(content),
            "limits": asdict(limits),
            "max_edge_px": max_edge_px,
            "reading": asdict(reading),
        }
        try:
            write_all(self._file.fileno(), memoryview(content), 0)
            return take(self._answer(json.dumps(told).encode() + b"\n", limits.max_cpu_s), self._file.fileno(), limits)
        except WireError as error:
            self._popen.kill()
            raise _crashed("answered nonsense") from error

    def _answer(self, request: bytes, max_cpu_s: int) -> bytes:
        requests, answers = self._popen.stdin, self._popen.stdout
        if requests is None or answers is None:
            raise WireError("no pipes")
        with suppress(BrokenPipeError):  # then it is dead, and says so by its end
            requests.write(request)
            requests.flush()
        if not select.select([answers], [], [], _WALL_TIMES_CPU * max_cpu_s)[0]:
            self._popen.kill()
        if line := answers.readline(MAX_LINE_BYTES):
            return line
        raise self._end_of_it()

    def _end_of_it(self) -> ImageProblem:
        code = self._popen.wait()
        if code == -signal.SIGXCPU:
            return ImageProblem(
                ProblemCode.DECOMPRESSION_BOMB,
                "a file that keeps its decoder busy without end",
                "one decoded in seconds",
            )
        return _crashed(f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with {code}")


def _end(popen: subprocess.Popen[bytes]) -> None:
    """Without input it ends by itself; one that is busy is not waited for."""
    for pipe in (popen.stdin, popen.stdout):
        if pipe is not None:
            with suppress(OSError):  # what it can no longer be told
                pipe.close()
    try:
        popen.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()


def _crashed(how: str) -> ImageProblem:
    return ImageProblem(
        ProblemCode.CORRUPT, f"a file on which its decoder {how}", "a sound file", "Save it again with an image editor"
    )


def _shared_file() -> IO[bytes]:
    """In memory where the system can do that, else on its temporary disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("picture"), "r+b")
    return tempfile.TemporaryFile()
