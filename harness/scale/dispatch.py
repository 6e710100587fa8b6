"""One queue of programs before many hosts of sandboxes, behind the interface of `sandbox.Pool`.

Theory of operation. `submit` puts a program into the queue and blocks while the queue holds as much as keeps all hosts
busy. Each host has a few lanes, a thread each, so that one batch is under way to it while another is executed; a lane
takes a batch from the queue, has the host execute it, and settles each program as its answer comes. A batch is as many
programs as the host executes in about `BATCH_S`, at most `BATCH_BYTES`, and never more than a fair share of the queue:
so the hosts come to the end together. A batch that the host executes in less than `LEAST_S` costs more on its way than
it is worth: one lane at a time waits a moment for more, and the others for it. Where a host has work in hand its next
batch is to be half of all that is under way for it: two of them keep it busy, and each costs a call with its answer,
some 2 ms of CPU time. Tests go along with the first batch that needs them on a host.

Who owns what: a program is in the queue, or in hand of exactly one host, or settled; `_lock` protects the moves. When a
host is lost (`HostLost`: its process ended, or it gave no sign of life for `SILENT_S`) everything in its hand goes back
to the head of the queue, and answers of it that come later are of programs that are not in its hand any more: they are
dropped. So each program is settled once. A program that was on two hosts when they were lost may be what ended them: it
is run alone on a third one, which takes nothing else meanwhile. If that is lost too, its verdict is INTERNAL_ERROR.

A watcher looks every `LOOK_S` for hosts that are not used: new ones, and lost ones that are back. They are opened in
threads of their own, for a host that is half dead may take long to say no. With no host left for `NONE_LEFT_S`, and
none that is being opened, `HostsLost` ends the run; what is done is kept by its caller.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self

from harness.errors import HostsLost, InputError
from harness.scale.hosts import HostAway, HostLost, HostUnfit, Link, Source
from sandbox import Execution, Limits, Program, SandboxError, Tests, Verdict, parcels
from sandbox.parcels import Answer

log = logging.getLogger("harness")

LANES = 3  # batches of one host at once
BATCH_S = 0.5  # of a host's time
LEAST_S = 0.02  # of a host's time, that a lane waits for
GATHER_S = 0.005  # the longest that it waits
BATCH_BYTES = 90_000  # a call of Ray's above 100 KB takes the object store's way, 10 ms instead of 1
MOST_IN_A_BATCH = 64
FIRST_GUESS_S = 0.1  # of a program, before any has run
SMOOTHING = 0.05  # of the running mean of seconds in a sandbox
LOOK_S = 5.0
RETRY_S = 15.0  # before a host that was lost, or could not be used, is opened again
NONE_LEFT_S = 30.0
END_S = 5.0  # for hosts to be given up
LOSSES = 2  # after which a program runs alone
AHEAD = 8  # programs for each sandbox, of callers that wait for each: fewer, and batches are small and late
MOST_WAITING = 512  # threads that `map_in_sandboxes` makes


@dataclass(eq=False, slots=True)
class _Piece:
    """One program on its way. lost_on: the hosts that were lost with it in hand."""

    item: str
    tests: parcels.TestsText | None
    future: Future[Execution]
    lost_on: list[str] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Host:
    """A host that is used. sent: keys of the tests that it has. reserved: for one program alone."""

    link: Link
    wake: threading.Condition
    in_hand: set[_Piece] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    reserved: bool = False
    gone: bool = False


class Dispatcher:
    """Many hosts as one pool. A context manager; leaving it gives all hosts up.

    source: of the hosts. note: told of hosts that come and go, from several threads. Raises HostsLost where none of the
    hosts that are there can be used, with each one's reason.
    """

    def __init__(self, source: Source, limits: Limits, note: Callable[[str], None] = lambda _: None) -> None:
        self._source, self._limits, self._note = source, limits, note
        self._lock = threading.Lock()  # protects all that follows
        self._work = threading.Condition(self._lock)  # for lanes: there is something in the queue
        self._room = threading.Condition(self._lock)  # for callers: the queue is shorter
        self._more = threading.Condition(self._lock)  # for the lane that gathers: the queue is as long as it waits for
        self._gathering = 0  # how long that is; 0 where no lane gathers
        self._sandboxes = 0  # of all hosts
        self._queue: deque[_Piece] = deque()
        self._alone: deque[_Piece] = deque()
        self._hosts: dict[str, _Host] = {}
        self._lanes: list[threading.Thread] = []
        self._opening: set[str] = set()
        self._not_before: dict[str, float] = {}  # name -> when it may be opened again
        self._reasons: dict[str, str] = {}
        self._mean_s = FIRST_GUESS_S
        self._empty_since: float | None = None
        self._fault: Exception | None = None
        self._closed = threading.Event()
        self._open_first()
        threading.Thread(target=self._watch, daemon=True, name="hosts").start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def workers(self) -> int:
        """Threads that keep all hosts busy where each waits for its program."""
        with self._lock:
            return max(1, min(MOST_WAITING, AHEAD * self._sandboxes))

    def hosts(self) -> dict[str, int]:
        """Name -> sandboxes, of the hosts that are used now."""
        with self._lock:
            return {name: host.link.workers for name, host in self._hosts.items()}

    def run(self, program: Program, tests: Tests | None = None, limits: Limits | None = None) -> Execution:
        """Run one program, and wait for it. Thread-safe. Raises SandboxError, HostsLost."""
        return self.submit(program, tests, limits or self._limits).result()

    def submit(self, program: Program, tests: Tests | None, limits: Limits) -> Future[Execution]:
        """Take a program; blocks while enough of them wait. Raises ValueError, SandboxError, HostsLost."""
        if not limits.within(self._limits):
            raise ValueError(f"limits {limits} are above those that the hosts were opened for: {self._limits}")
        packed = None if tests is None else parcels.pack_tests(tests)
        item = parcels.pack_item(program, packed.key if packed else None, limits)
        piece = _Piece(item, packed, Future())
        with self._lock:
            while not self._closed.is_set() and self._fault is None and len(self._queue) >= self._enough():
                self._room.wait()
            if self._fault is not None:
                raise self._fault
            if self._closed.is_set():
                raise SandboxError("the hosts were given up")
            self._queue.append(piece)
            if not self._gathering:
                self._work.notify()
            elif len(self._queue) >= self._gathering:
                self._more.notify()
        return piece.future

    def close(self) -> None:
        """Give up all hosts and what waits for them."""
        self._end(SandboxError("the hosts were given up"))

    # -- lanes

    def _lane(self, host: _Host) -> None:
        while pieces := self._take(host):
            owed = set(range(len(pieces)))  # not what is in the host's hand: another lane may have asked one again
            try:
                for answers in host.link.execute(self._batch(host, pieces), len(pieces)):
                    for answer in answers:
                        self._settle(host, pieces, answer)
                        owed.discard(answer.index)
                if owed:
                    raise HostLost("it left programs without an answer")
            except HostAway as error:
                self._lose(host, str(error), blamed=())
            except (HostLost, ValueError) as error:  # ValueError: an answer that is none
                self._lose(host, str(error), blamed=tuple(host.in_hand))
            except Exception as error:  # a fault of ours, which ends the run and not only this thread
                self._end(error)
            self._free(host)

    def _take(self, host: _Host) -> list[_Piece]:
        """The next batch of a host, in its hand; empty where it is not used any more."""
        gathered = False
        with self._lock:
            while not host.gone and not self._closed.is_set():
                if self._alone and not host.reserved and not any(each.reserved for each in self._hosts.values()):
                    host.reserved = True
                if host.reserved:
                    if self._alone and not host.in_hand:
                        return self._hand_over(host, [self._alone.popleft()])
                    host.wake.wait()
                elif self._queue and not self._gathering:
                    if gathered or len(self._queue) >= self._wanted(host):
                        return self._hand_over(host, self._share(host))
                    gathered = True
                    self._gather(host)
                else:
                    gathered = False
                    self._work.wait()
            return []

    def _gather(self, host: _Host) -> None:
        """Wait a moment for a batch that is worth its way."""
        self._gathering = self._wanted(host)
        self._more.wait(GATHER_S)
        self._gathering = 0
        self._work.notify()  # this lane may not take what is there: its host may be gone

    def _hand_over(self, host: _Host, pieces: list[_Piece]) -> list[_Piece]:
        host.in_hand.update(pieces)
        self._room.notify_all()
        return pieces

    def _share(self, host: _Host) -> list[_Piece]:
        """What a lane takes off the queue: no more than leaves the other hosts as much."""
        most = max(self._least(host), min(self._half(host), -(-len(self._queue) // len(self._hosts))))
        taken = [self._queue.popleft()]
        size = self._size(host, taken[0])
        while self._queue and len(taken) < most:
            size += self._size(host, self._queue[0])
            if size > BATCH_BYTES:
                break
            taken.append(self._queue.popleft())
        if self._queue:
            self._work.notify()
        return taken

    def _in_a_batch(self, sandboxes: float) -> int:
        return max(1, min(MOST_IN_A_BATCH, int(sandboxes * BATCH_S / self._mean_s)))

    def _least(self, host: _Host) -> int:
        return max(1, min(MOST_IN_A_BATCH, int(host.link.workers * LEAST_S / self._mean_s)))

    def _wanted(self, host: _Host) -> int:
        """How many programs a lane waits for a moment: with work in hand the host can spare it."""
        return max(self._least(host), self._half(host)) if host.in_hand else self._least(host)

    def _half(self, host: _Host) -> int:
        """The most of a batch: two of them hold all of what is under way that is this host's."""
        under_way = len(self._queue) + sum(len(each.in_hand) for each in self._hosts.values())
        return min(self._in_a_batch(host.link.workers), -(-under_way // (2 * len(self._hosts))))

    @staticmethod
    def _size(host: _Host, piece: _Piece) -> int:
        """Of a piece in a batch. Tests that must go along are counted for each program: an upper bound."""
        unknown = piece.tests is not None and piece.tests.key not in host.sent
        return len(piece.item) + (len(piece.tests.text) if unknown and piece.tests else 0)

    def _enough(self) -> int:
        """How many programs wait at most."""
        hosts = max(1, len(self._hosts))
        return max(MOST_IN_A_BATCH, LANES * hosts * self._in_a_batch(self._sandboxes / hosts))

    def _batch(self, host: _Host, pieces: Sequence[_Piece]) -> bytes:
        with self._lock:
            new = {each.tests.key: each.tests.text for each in pieces if each.tests and each.tests.key not in host.sent}
            host.sent.update(new)
        return parcels.pack_batch([piece.item for piece in pieces], new)

    def _settle(self, host: _Host, pieces: Sequence[_Piece], answer: Answer) -> None:
        """One answer. Raises ValueError for one to nothing that was asked."""
        if not 0 <= answer.index < len(pieces):
            raise ValueError(f"an answer to item {answer.index} of {len(pieces)}")
        piece = pieces[answer.index]
        with self._lock:
            if piece not in host.in_hand:
                return  # late: the host was lost meanwhile, and the piece is another's
            host.in_hand.discard(piece)
            if answer.missing is not None:  # they are in a batch of another lane's, or were sent too long ago
                host.sent.discard(answer.missing)
                self._queue.appendleft(piece)
                self._work.notify()
                return
            if answer.execution is not None:
                self._mean_s += SMOOTHING * (max(answer.execution.wall_s, 0.001) - self._mean_s)
        if answer.execution is not None:
            piece.future.set_result(answer.execution)
        else:
            piece.future.set_exception(SandboxError(f"{host.link.name}: {answer.refused or 'an empty answer'}"))

    def _free(self, host: _Host) -> None:
        """After a batch: a host that was reserved for one program serves all again."""
        with self._lock:
            if host.reserved and not host.in_hand and not self._alone:
                host.reserved = False
            host.wake.notify_all()
            self._work.notify()

    # -- hosts that come and go

    def _lose(self, host: _Host, why: str, blamed: Sequence[_Piece]) -> None:
        """Ask elsewhere for what a host had in hand. blamed: what may have ended it."""
        with self._lock:
            if host.gone:
                return
            host.gone = True
            held, host.in_hand = list(host.in_hand), set()
            name = host.link.name
            if self._hosts.pop(name, None) is not None:
                self._sandboxes -= host.link.workers
            self._not_before[name] = time.monotonic() + RETRY_S
            if not self._hosts and self._empty_since is None:
                self._empty_since = time.monotonic()
            for piece in held:
                if piece in blamed:
                    piece.lost_on.append(name)
            hopeless = [piece for piece in held if len(piece.lost_on) > LOSSES]
            again = [piece for piece in held if len(piece.lost_on) <= LOSSES]
            self._alone.extend(piece for piece in again if len(piece.lost_on) == LOSSES)
            self._queue.extendleft(piece for piece in again if len(piece.lost_on) < LOSSES)
            host.wake.notify_all()
            self._work.notify_all()
            closed = self._closed.is_set()
        if not closed:
            asked = f"; {len(again)} programs are asked elsewhere" if again else ""
            self._tell(f"{name} is lost: {why}{asked}")
        for piece in hopeless:
            detail = f"each host that ran it was lost: {', '.join(piece.lost_on)}"
            piece.future.set_result(Execution(verdict=Verdict.INTERNAL_ERROR, detail=detail))
        threading.Thread(target=host.link.close, daemon=True).start()

    def _open_first(self) -> None:
        """Open what is there now, all at once. Raises HostUnfit where none can be used."""
        threads = [self._opener(name) for name in self._source.present()]
        for thread in threads:
            thread.join()
        if not self._hosts:
            self._closed.set()
            reasons = "".join(f"\n  {name}: {why}" for name, why in sorted(self._reasons.items()))
            raise HostsLost(f"no host can be used:{reasons or ' there is none'}")

    def _opener(self, name: str) -> threading.Thread:
        with self._lock:
            self._opening.add(name)
        thread = threading.Thread(target=self._open, args=(name,), daemon=True, name=f"open {name}")
        thread.start()
        return thread

    def _open(self, name: str) -> None:
        try:
            link = self._source.open_link(name)
        except (HostUnfit, HostAway, InputError) as error:
            with self._lock:
                self._opening.discard(name)
                self._not_before[name] = time.monotonic() + RETRY_S
                known, self._reasons[name] = self._reasons.get(name), str(error)
            if known != str(error):
                self._tell(f"{name} is left out: {error}")
            return
        except Exception as error:
            self._end(error)
            return
        self._use(link)

    def _use(self, link: Link) -> None:
        host = _Host(link, threading.Condition(self._lock))
        with self._lock:
            self._opening.discard(link.name)
            self._reasons.pop(link.name, None)
            late = self._closed.is_set()
            if not late:
                self._hosts[link.name] = host
                self._sandboxes += link.workers
                self._empty_since = None
                self._room.notify_all()
        if late:
            link.close()
            return
        self._tell(f"{link.name}: {link.workers} sandboxes")
        lanes = [
            threading.Thread(target=self._lane, args=(host,), daemon=True, name=f"lane {link.name}")
            for _ in range(LANES)
        ]
        with self._lock:
            self._lanes = [each for each in self._lanes if each.is_alive()] + lanes
            for lane in lanes:
                lane.start()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_S):
            try:
                present = self._source.present()
            except Exception as error:
                log.warning("the hosts could not be listed: %s", error)
                present = ()
            now = time.monotonic()
            with self._lock:
                new = [
                    name
                    for name in present
                    if name not in self._hosts and name not in self._opening and self._not_before.get(name, 0) <= now
                ]
                over = self._empty_since is not None and now - self._empty_since > NONE_LEFT_S and not self._opening
            for name in new:
                self._opener(name)
            if over:
                self._end(HostsLost(f"no host of sandboxes is left, for {NONE_LEFT_S:.0f} s; what is done is kept"))

    def _end(self, why: Exception) -> None:
        """Give all up: what waits gets `why`."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._fault = why
            hosts, self._hosts = list(self._hosts.values()), {}
            waiting = [*self._queue, *self._alone, *(piece for host in hosts for piece in host.in_hand)]
            self._queue.clear()
            self._alone.clear()
            for host in hosts:
                host.gone = True
                host.in_hand = set()
                host.wake.notify_all()
            self._work.notify_all()
            self._room.notify_all()
        for piece in waiting:
            piece.future.set_exception(why)
        threads = [threading.Thread(target=host.link.close, daemon=True) for host in hosts]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + END_S
        for thread in (*threads, *self._lanes):
            if thread is not threading.current_thread():
                thread.join(max(deadline - time.monotonic(), 0))

    def _tell(self, message: str) -> None:
        log.info("%s", message)
        self._note(message)
