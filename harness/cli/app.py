"""The `harness` command: what a person sees first, what a signal does, and what an error becomes.

Exit codes: 0 done, 1 a checked thing failed, 2 bad input, 3 our own failure; 130 at Ctrl-C and 143 at SIGTERM, which
end a command alike. Nothing heavy is imported before `starting` has shown that something happens.
"""

from __future__ import annotations

import gc
import io
import itertools
import shlex
import signal
import sys
from types import FrameType
from typing import NoReturn

from harness.cli import completions, early, starting

LONGEST_MESSAGE = 2000  # characters


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends what Ctrl-C ends."""


def main() -> None:
    """Run the command line; never returns."""
    before = _hear_sigterm()
    _escape_what_cannot_be_printed()
    gc.disable()  # measured: 8 to 15 % of what importing takes; on again once the command is there
    try:
        starting.start(sys.argv[1:])
        if not completions.asked():
            early.begin(sys.argv[1:])
        from harness.cli import tree  # measured: typer takes 0.1 s

        if completions.asked():
            completions.prepare()
        tree.app()
    except (KeyboardInterrupt, SystemExit) as error:
        stop = _stop(error)
        if stop is None:
            raise
        _end("stopped", _code(stop))
    except Exception as error:
        _failed(error)
    finally:
        gc.enable()
        starting.stop()
        early.end()
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _escape_what_cannot_be_printed() -> None:
    """Where the terminal's encoding lacks a character, such as any beyond ASCII with LC_ALL=C, show its escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def _hear_sigterm() -> signal.Handlers | None:
    """Let SIGTERM end the command as Ctrl-C does; what it did before, None where it is not ours to change."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise Terminated

    try:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return None
        signal.signal(signal.SIGTERM, end)
    except ValueError:  # in another thread than the main one
        return None
    return signal.SIG_DFL


def _stop(error: BaseException | None) -> KeyboardInterrupt | None:
    """The signal that led to this error, if one did: typer makes an exit code of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _code(stop: KeyboardInterrupt | None) -> int:
    """128 and the signal's number."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def _failed(error: Exception) -> NoReturn:
    # measured: with the sandbox's own they take 0.1 s, which --help need not wait for
    from harness.errors import EngineError, HarnessError, HostsLost, InputError, Interrupted
    from sandbox.errors import SandboxError

    if isinstance(error, InputError):
        _fail(error, 2)
    if isinstance(error, Interrupted):
        _end(error, _code(_stop(error)))
    if isinstance(error, (EngineError, HostsLost)):
        _fail(f"{error}\ngo on with: {_command()}", 3)
    if isinstance(error, (HarnessError, SandboxError)):
        _fail(error, 3)
    import traceback

    traceback.print_exception(error)  # a fault in the harness: shown whole, and never as "a checked thing failed"
    sys.exit(3)


def _command() -> str:
    """As it was given, for a shell."""
    from pathlib import Path

    name = Path(sys.argv[0]).name
    return shlex.join([*(["python", "-m", "harness"] if name == "__main__.py" else [name]), *sys.argv[1:]])


def _called() -> str:
    """The command that was called, with its sub-command."""
    words = list(itertools.takewhile(lambda each: not each.startswith("-"), sys.argv[1:]))
    return " ".join(words[:2])


def _fail(error: object, code: int) -> NoReturn:
    from harness.cli import flags, tree

    starting.stop()
    text = str(error)
    _end(text + flags.whose(text, tree.Commands(), _called()), code)


def _end(message: object, code: int) -> NoReturn:
    """Say why it ends."""
    from harness.text.printable import printable

    starting.stop()
    text = str(message)
    if len(text) > LONGEST_MESSAGE:  # it names something that somebody made a megabyte long
        half = LONGEST_MESSAGE // 2
        text = f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"
    print(f"harness: {printable(text)}", file=sys.stderr)
    sys.exit(code)
