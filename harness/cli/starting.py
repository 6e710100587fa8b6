"""A line on the terminal until a command says its first word: from 0.1 s on a person sees that something happens.

Theory of operation. Only the standard library is used, for rich itself takes 0.1 s to import. A thread draws the line
on stderr. While it is there, both streams are watched: whatever is written first, by whomever, takes the line away
before, and for good. What is slow later has words of its own (`console.busy`, an observer's `waiting`).
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, TextIO

AFTER_S = 0.1  # what is done by then has no line
EVERY_S = 0.1
FRAMES, PLAIN = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
SILENT = {"--help", "--version", "--json"}  # with these a command says its answer alone
STREAMS = ("stdout", "stderr")


class _Line(threading.Thread):
    """Draws until it is stopped, then clears the line."""

    def __init__(self, words: str, stream: TextIO) -> None:
        super().__init__(daemon=True)
        self.words = words
        self._stream = stream
        self._end = threading.Event()
        utf8 = (getattr(stream, "encoding", None) or "ascii").lower().startswith("utf")
        self._frames = FRAMES if utf8 else PLAIN

    def run(self) -> None:
        """See the class."""
        drawn, wait_s = 0, AFTER_S
        while not self._end.wait(wait_s):
            line = f"{self._frames[drawn % len(self._frames)]} {self.words}"
            self._stream.write(f"\r{line[: _columns() - 1]}\x1b[K")
            self._stream.flush()
            drawn, wait_s = drawn + 1, EVERY_S
        if drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def stop(self) -> None:
        """Clear the line; it is gone when this returns."""
        self._end.set()
        self.join()


class _Watched:
    """A stream, before which the line goes away."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As the stream does."""
        if text:
            stop()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_line: _Line | None = None


def start(arguments: list[str]) -> None:
    """Show the line for the command that these arguments call, where a person waits for it at a terminal."""
    global _line
    quiet = not arguments or SILENT & set(arguments) or "_HARNESS_COMPLETE" in os.environ
    if quiet or _line is not None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return
    name = arguments[0] if arguments[0].isalpha() and arguments[0].isascii() else ""
    _line = _Line(f"starting {f'harness {name}'.strip()}", sys.stderr)
    for each in STREAMS:
        setattr(sys, each, _Watched(getattr(sys, each)))
    _line.start()


def say(words: str) -> None:
    """Put other words on the line, where there is one."""
    if _line is not None:
        _line.words = words


def stop() -> None:
    """Take the line away, where there is one."""
    global _line
    line, _line = _line, None
    if line is None:
        return
    line.stop()
    for each in STREAMS:
        stream = getattr(sys, each)
        if isinstance(stream, _Watched):  # else somebody has put another in its place, and gives ours back
            setattr(sys, each, stream._stream)


def _columns() -> int:
    try:
        return os.get_terminal_size(2).columns or 80
    except OSError:
        return 80
