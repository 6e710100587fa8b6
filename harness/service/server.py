"""The service as a process: a socket, a pool, uvicorn, and an orderly end.

SIGTERM or Ctrl-C: `/readyz` says no, new requests are refused with 503, those in hand are finished within `drain_s`,
no connection is cut off that was taken, and the process ends with exit code 0. A second signal ends it at once. After
kill -9 every sandbox ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from harness.errors import InputError
from harness.service.app import create_app
from harness.service.connections import Connection, refuse_handshakes, somebody_waits
from harness.service.gate import Gate
from harness.service.pools import Pools
from harness.service.settings import Settings
from sandbox import Limits, Program, SandboxUnavailable, Verdict

log = logging.getLogger(__name__)

BACKLOG = 2048
LOOK_S = 0.05
KEEP_ALIVE_S = 75  # longer than clients keep an idle connection: none asks on one that is just being closed
LINGER_S = 0.3  # for a request that is on its way over a connection that was taken
PROOF_LIMITS = Limits()


def serve(settings: Settings, pool: Pools, started: Callable[[str], None], ready: Callable[[], None]) -> None:
    """Serve until a signal. `started` is told the address, `ready` is called once the sandbox has proved itself.

    Raises InputError for an address that cannot be listened on, SandboxError where the sandbox does not hold.
    """
    with contextlib.closing(_listen(settings)) as listening:
        host, port = listening.getsockname()[:2]
        started(f"http://{'[' + host + ']' if ':' in host else host}:{port}")
        gate = create_app(settings, pool, pool.backend, pool.names)
        fault = asyncio.run(_serve(settings, pool, gate, listening, ready))
    if fault is not None:
        raise fault


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: uvicorn would end the process by the signal that it got."""
        yield


async def _serve(
    settings: Settings, pool: Pools, gate: Gate, listening: socket.socket, ready: Callable[[], None]
) -> Exception | None:
    config = uvicorn.Config(
        gate,
        http=Connection,
        log_level="warning",
        access_log=False,  # a path may hold a key
        lifespan="on",
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEEP_ALIVE_S,
        proxy_headers=False,  # whose turn it is, no header says: any client could send it
        server_header=False,
        ws="none",
    )
    server = _Server(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop, server)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    proving = asyncio.create_task(asyncio.to_thread(_prove, pool))
    stopping = asyncio.create_task(stop.wait())
    fault: Exception | None = None
    await asyncio.wait({serving, proving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if proving.done() and (fault := proving.exception()) is None:  # type: ignore[assignment]
        gate.service.ready = True
        ready()
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    gate.service.ready = False
    gate.drain()
    await _end(server, gate, listening, loop.time() + settings.drain_s)
    await serving
    stopping.cancel()
    return fault


def _stop(stop: asyncio.Event, server: _Server) -> None:
    if stop.is_set():
        server.should_exit = server.force_exit = True
    stop.set()


async def _end(server: _Server, gate: Gate, listening: socket.socket, end: float) -> None:
    """Answer what is in hand, then who still connects, then close. Until the time is over or a second signal comes."""
    loop = asyncio.get_running_loop()

    async def until(done: Callable[[], bool]) -> bool:
        while not done() and not server.force_exit and loop.time() < end:
            await asyncio.sleep(LOOK_S)
        return done()

    if not await until(lambda: gate.in_hand == 0):
        log.warning("%d requests were in hand at the end of the time for them", gate.in_hand)
        gate.give_up()
    if server.started and not server.force_exit:
        refuse_handshakes(listening)
        end = max(end, loop.time() + 2 * LINGER_S)
        await asyncio.sleep(LINGER_S)
        await until(lambda: not somebody_waits(listening))
        for each in server.servers:
            each.close()
        await until(lambda: _closed_idle(server) == 0)
    server.config.timeout_graceful_shutdown = max(1, int(end - loop.time()))  # for answers that are read slowly
    server.should_exit = True


def _closed_idle(server: _Server) -> int:
    """Close the connections on which nothing is asked; how many are left."""
    for each in list(server.server_state.connections):
        each.close_if_idle()  # type: ignore[union-attr]  # they are ours
    return len(server.server_state.connections)


def _prove(pool: Pools) -> None:
    """The first program has the pool prove what it must deny. Raises SandboxError."""
    execution = pool.run(Program(source="pass"), limits=PROOF_LIMITS)
    if execution.verdict is not Verdict.ACCEPTED:
        raise SandboxUnavailable(f"the {pool.backend} sandbox runs no harmless program: {execution.detail}")


def _listen(settings: Settings) -> socket.socket:
    """A socket that listens. Raises InputError: the address, and why it cannot be had."""
    where = f"--host {settings.host} --port {settings.port}"
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise InputError(f"{where}: {error.strerror}") from error
    listening = socket.socket(family, kind, number)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        hint = "; another process has this port: take another, or --port 0 for a free one" if error.errno == 98 else ""
        raise InputError(f"{where}: {error.strerror}{hint}") from error
    return listening
