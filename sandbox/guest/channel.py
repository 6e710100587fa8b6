"""The judge's end of one program: its channel, what it prints, what it reads.

Everything that arrives here is hostile. An answer counts only if it carries the nonce of the question that was just
asked (and its number, where many were asked in one frame), is one frame within its bounds, and nothing follows it that
was not asked for; all else is `Tampered`. While the judge waits it also
takes what the program prints, up to the limit, and feeds its standard input, so that neither side can block the other.
"""

from __future__ import annotations

import _thread
import marshal
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from sandbox.guest import codec, known, values, wire
from sandbox.guest.ahead import Plan

CHUNK = 1 << 16
PID = struct.Struct("i")  # the first field of struct ucred (unix(7))
CREDENTIALS_ROOM = socket.CMSG_SPACE(3 * PID.size)
NAP_S = 0.0001  # while answers gather: to be woken for each of them costs more than to answer


class Over(BaseException):
    """The conversation is over. Not an Exception, and raised again by `finish`: no test can catch it for good."""


class Ended(Over):
    """The program closed its channel, or ended."""


class Tampered(Over):
    """The program wrote what is no answer."""


class Overflow(Over):
    """The program printed more than its limit."""


class Unfit(Over):
    """The program's result is data, but more than crosses."""


class TooMuch(Over):
    """The program's result does not fit into the judge's memory."""


class RemoteIterator:
    """An iterator that stays in the program's process: one question per item, a bounded number of items."""

    def __init__(self, ask: Callable[..., Any], number: int) -> None:
        self._ask, self._number, self._left = ask, number, codec.MAX_ITEMS

    def __iter__(self) -> RemoteIterator:
        return self

    def __next__(self) -> Any:
        if not self._left:
            raise codec.CandidateError(f"an iterator gave more than {codec.MAX_ITEMS} items")
        self._left -= 1
        return self._ask("next", self._number)


class Conversation:
    """Questions and answers with one program. `stdin`, `out` and `err` are the judge's ends of its pipes.

    signs: the pipe of its launcher, if it has one, which fills `signed`. data: its standard input.
    room: how many bytes it may print in all.
    """

    def __init__(
        self, channel: socket.socket, stdin: int, out: int, err: int, *signs: int, data: bytes, room: int
    ) -> None:
        self._channel, self._socket = channel, channel.fileno()
        self._stdin, self._data = stdin, memoryview(data)
        self.out, self.err, self.signed, self._room = bytearray(), bytearray(), bytearray(), room
        self._printed = {out: self.out, err: self.err, **dict.fromkeys(signs, self.signed)}
        self._decode = codec.Decoder(self._iterator)
        self._over: Over | None = None
        self.taken = 0  # calls that the tests came to; others may be asked ahead
        self.exceptions: Callable[[str], type[Exception] | None] = lambda _: None  # of the prompt, by name
        self.answered = 0  # calls of the program that came back, with a value or an error
        self.plan: Plan | None = None  # the calls that the tests' present loop will make
        self.record: known.Record | None = None  # of calls and answers, where it is to be kept
        self._arrived = bytearray()  # answers of a window that were not looked at
        self._asking = _thread.allocate_lock()  # protects one question with its answer
        self._ends = {stdin, out, err, *signs}
        self._speaker = 0  # the pid of the program's first process, once it spoke
        self._poll = select.poll()
        for fd in (self._socket, out, err, *signs):
            os.set_blocking(fd, False)
            self._poll.register(fd, select.POLLIN)
        os.set_blocking(stdin, False)
        self._poll.register(stdin, select.POLLOUT)
        self._feed()

    def send(self, *packed: Any) -> str:
        """Send a question of packed values; the nonce that its answer must carry. Raises Ended, Overflow."""
        nonce = os.urandom(8).hex()
        self._write(codec.encode([nonce, *packed]))
        return nonce

    def start(self, job: tuple[Any, ...]) -> str:
        """Send what the program's process is to do, of what marshal packs; the nonce that its answer must carry."""
        nonce = os.urandom(8).hex()
        self._write(marshal.dumps((nonce, *job)))
        return nonce

    def _write(self, payload: bytes) -> None:
        view = memoryview(wire.frame(payload))
        while view:
            try:
                view = view[self._channel.send(view) :]
            except BlockingIOError:
                self._poll.modify(self._socket, select.POLLOUT)
                self._wait()
                self._poll.modify(self._socket, select.POLLIN)
            except OSError:
                raise Ended from None

    def answer(self, nonce: str, more: bool = False) -> list[Any]:
        """The answer to the question of `nonce`; `more` of them may follow. Raises Ended, Tampered, Overflow."""
        size = self._await_frame(more)
        return self._message(self._take_frame(size, more), size, nonce)

    def _await_frame(self, more: bool) -> int:
        """Until a whole answer has arrived; its size."""
        data = self._arrived
        size = 0
        while True:
            if not size and len(data) >= wire.HEADER_BYTES:
                size = wire.HEADER_BYTES + _announced(data)
            if size and len(data) >= size:
                return size
            if more and not data:
                time.sleep(NAP_S)
            while self._socket not in self._wait():
                pass
            data += self._receive()

    def _take_frame(self, size: int, more: bool) -> bytearray:
        """The answer that arrived, and where no more may follow what arrived behind it too."""
        frame = self._arrived
        if more:
            frame = frame[:size]
            del self._arrived[:size]
        else:
            self._arrived = bytearray()
        return frame

    def _receive(self) -> bytes:
        try:
            chunk, about, _, _ = self._channel.recvmsg(CHUNK, CREDENTIALS_ROOM)
        except OSError:
            raise Ended from None
        if not chunk:
            raise Ended
        self._check_sender(about)
        return chunk

    def _check_sender(self, about: list[tuple[int, int, bytes]]) -> None:
        """All comes from the process that spoke first, before the program was there: the kernel says who sends.

        Raises Tampered where another process answers in its place, right or wrong.
        """
        for _, _, data in about:
            (pid,) = PID.unpack_from(data)
            self._speaker = self._speaker or pid
            if pid != self._speaker:
                raise Tampered("another process answers in its place")

    def ask(self, kind: str, *rest: Any) -> Any:
        """A question for a value. Raises what the program raised, as a built-in exception, and as `answer` does."""
        with self:  # tests may call from several threads
            self._gather()
            found = self.answer(self.send(kind, *rest))
        return self._value(kind, found)

    def ask_planned(self, plan: Plan, name: str) -> Any:
        """The value of the plan's next call, asked with those behind it, where it is `ready`. Raises as `ask` does."""
        with self:
            if not plan.early and not plan.open:
                self._ask_window(plan, name)
                if self.record is not None:
                    self.record.calls += plan.texts
            found = plan.early.popleft() if plan.early else self._answer_of(plan)
        return self._value("call", found)

    def answers_as(self, key: str, plan: Plan, name: str) -> bool:
        """Whether the answer to the plan's next call, where it is `ready`, is the one of a key (`known`).

        Another answer stays, as if it had just arrived. Raises as `ask` does.
        """
        with self:
            if not plan.open:
                self._ask_window(plan, name)
            more = plan.open > 1
            size = self._await_frame(more)
            frame = self._arrived[wire.HEADER_BYTES : size]
            if known.answered(frame, f"{plan.nonce}.{plan.arrived}") != key or (not more and len(self._arrived) > size):
                return False
            self._take_frame(size, more)
            plan.arrive(last=False)
        self.answered += 1
        return True

    def _ask_window(self, plan: Plan, name: str) -> None:
        nonce = os.urandom(8).hex()
        text = f'["{nonce}","calls",{codec.encode([name])[1:-1].decode()},[{plan.begin(nonce)}]]'
        self._write(text.encode("utf-8", "surrogatepass"))

    def _answer_of(self, plan: Plan) -> list[Any]:
        """The next answer of the open window."""
        more, nonce = plan.open > 1, f"{plan.nonce}.{plan.arrived}"
        size = self._await_frame(more)
        frame = self._take_frame(size, more)
        found = self._message(frame, size, nonce)
        if self.record is not None:
            self.record.answer(frame[wire.HEADER_BYTES :], nonce)
        held = found[:1] == ["held"]  # an iterator, of which the tests may ask before the program goes on
        plan.arrive(last=held)
        return ["value", *found[1:]] if held else found

    def _gather(self) -> None:
        """Take all answers that are still to come, so that another question can be asked."""
        while self.plan and self.plan.open:
            self.plan.early.append(self._answer_of(self.plan))

    def follow(self, plan: Plan | None) -> None:
        """A loop begins, whose calls are known."""
        with self:
            self._gather()
            self.plan = plan
            if self.record is not None and plan is not None:
                self.record.loops += 1

    def __enter__(self) -> None:
        """A question begins. Raises how the conversation ended, where it has."""
        self._asking.acquire()
        if self._over:
            self._asking.release()
            raise self._over

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        """It is answered. What is raised meanwhile ends the conversation."""
        if error is not None:
            # not Over: an alarm of the tests, and what is answered now answers another question
            self._over = error if isinstance(error, Over) else Ended()
        self._asking.release()

    def _value(self, kind: str, found: list[Any]) -> Any:
        match found:
            case ["value", value]:
                self.answered += kind == "call"
                return value
            case ["stop"] if kind == "next":
                raise StopIteration
            case ["error", str(name), str(line), [*args]] if codec.brief(args):
                self.answered += kind == "call"
                _raise(self.exceptions, name, line, args)
            case ["unfit", str(what)]:
                self._over = Unfit(what[:200])
                raise self._over
        self._over = Tampered("an answer of no known form")
        raise self._over

    @property
    def values(self) -> values.Maker:
        """How values of the tests' own classes are made."""
        return self._decode.values

    @property
    def last_opaque(self) -> str:
        """The class of the last value that could not cross; empty where all could."""
        return self._decode.last_opaque

    def finish(self) -> None:
        """The tests are through. Raises how the conversation ended before, and Tampered for what nobody asked for."""
        if self._over:
            raise self._over
        try:
            unasked = bool(self._arrived or self._channel.recv(1))
        except OSError:  # nothing there, or a connection that it reset
            unasked = False
        if unasked and not (self.plan and self.plan.open):  # else the tests failed before they took what they asked
            raise Tampered("wrote more than was asked for")
        self.drain()

    def close(self) -> None:
        """Give all descriptors back."""
        self._channel.close()
        for fd in self._ends:
            os.close(fd)

    def drain(self) -> None:
        """Take what is printed already. Raises Overflow."""
        for fd in list(self._printed):
            while fd in self._printed and self._take(fd):
                pass

    def until_end(self, nonce: str) -> list[Any]:
        """Take all that a script prints until it and its children are gone; the report it sent, empty without one.

        Raises Overflow, Tampered.
        """
        sent = bytearray()
        listening = True
        while listening or self._printed:
            if self._socket in self._wait() and listening:
                try:
                    chunk = self._channel.recv(CHUNK)
                except OSError:
                    chunk = b""
                sent += chunk
                listening = bool(chunk) and len(sent) <= CHUNK
                if not listening:
                    self._poll.unregister(self._socket)
        return self._message(sent, wire.HEADER_BYTES + _announced(sent), nonce) if sent else []

    def _message(self, data: bytearray, size: int, nonce: str) -> list[Any]:
        if len(data) != size:
            raise Tampered("wrote more than one answer, or less")
        try:
            message = self._decode(data[wire.HEADER_BYTES :])
        except codec.CodecError as error:
            raise Tampered(str(error)) from None
        except MemoryError:
            raise TooMuch from None
        if type(message) is not list or len(message) < 2 or type(message[0]) is not str or message[0] != nonce:
            raise Tampered("answered another question than was asked")
        return message[1:]

    def _iterator(self, number: Any) -> Iterator[Any]:
        if type(number) is not int or number < 0:
            raise codec.CodecError("an iterator without a number")
        if self.record is not None:
            self.record.spoilt = True  # its items are further questions
        return RemoteIterator(self.ask, number)

    def _wait(self) -> list[int]:
        """Wait until something can be done; what is printed is taken and stdin fed, the rest of the ready returned."""
        ready = []
        for fd, _ in self._poll.poll():
            if fd in self._printed:
                self._take(fd)
            elif fd == self._stdin:
                self._feed()
            else:
                ready.append(fd)
        return ready

    def _take(self, fd: int) -> int:
        """Read once what was printed there; the number of bytes. Raises Overflow."""
        try:
            data = os.read(fd, min(self._room + 1, CHUNK))
        except BlockingIOError:
            return 0
        if not data:
            self._poll.unregister(fd)
            del self._printed[fd]
            return 0
        self._printed[fd] += data[: self._room]
        if len(data) > self._room:
            raise Overflow
        self._room -= len(data)
        return len(data)

    def _feed(self) -> None:
        try:
            while self._data:
                self._data = self._data[os.write(self._stdin, self._data) :]
        except BlockingIOError:
            return
        except OSError:  # it does not read
            pass
        self._poll.unregister(self._stdin)
        self._ends.remove(self._stdin)
        os.close(self._stdin)


def _announced(data: bytearray) -> int:
    if len(data) < wire.HEADER_BYTES:
        raise Tampered("wrote less than a frame")
    try:
        return wire.length(data[: wire.HEADER_BYTES], codec.MAX_FRAME_BYTES)
    except wire.FrameError:
        raise Tampered("announced a frame that is too large") from None


def _raise(find: Callable[[str], type[Exception] | None], names: str, line: str, args: list[Any]) -> NoReturn:
    """The exception that prompt and program both have, else the built-in one. names: that one's, then the program's."""
    name, *own = names[:1000].split(" ")
    kind = next((found for each in own if (found := find(each)) is not None), None)
    try:
        error = codec.EXCEPTIONS.get(name, codec.CandidateError)(*args) if kind is None else kind.__new__(kind, *args)
    except (TypeError, ValueError):
        error = codec.EXCEPTIONS.get(name, codec.CandidateError)()
    error.line_in_program = line[:500]  # type: ignore[attr-defined]
    raise error from None
