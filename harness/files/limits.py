"""What a file that somebody gives us may be: one number for each way in which reading it could exhaust the machine.

A file of samples, problems or results may come from anywhere. Nothing in it may hold the reader up or fill the memory:
a line without an end, lists in lists, an archive that unpacks to a thousand times its size. Each limit is declared
once, here, and every reader keeps to it. They are wide; a file that is larger for a good reason is read with
`harness --input-limits FACTOR COMMAND`, which multiplies them all. The command line sets the factor once, before
anything is read (`allow`): handing it through forty readers would hide what each of them does.

It does not limit the size of a plain file that is read line by line: that costs time in proportion and no memory.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimits:
    """line_bytes: of one line, one item of a list, one row of a table. document_bytes: of a file that is one value.

    values: in one JSON value, which bounds the memory that it takes (about 64 bytes each). depth: of lists and objects
    in each other. digits: of an integer. unpacked_ratio: how many times its size a packed file may unpack to, above
    unpacked_bytes, which any may. config_bytes: of a configuration. name_chars: of a model's, a set's or a task's name.
    index: of a sample of one problem.
    """

    line_bytes: int = 64 * MIB
    document_bytes: int = 512 * MIB
    config_bytes: int = MIB
    unpacked_bytes: int = 256 * MIB
    unpacked_ratio: int = 200
    values: int = 16 * MIB
    depth: int = 100
    digits: int = 4300  # as many as Python itself reads
    name_chars: int = 200  # it becomes a folder
    index: int = 10_000_000


_limits = InputLimits()
HINT = "if it is meant to be so, multiply the limits with: harness --input-limits 4 COMMAND"


def limits() -> InputLimits:
    """The limits that hold."""
    return _limits


def allow(factor: float) -> None:
    """Multiply the limits on sizes by `factor`; the depth and the digits stay."""
    global _limits
    default = InputLimits()
    sizes = ("line_bytes", "document_bytes", "config_bytes", "unpacked_bytes", "unpacked_ratio", "values")
    _limits = dataclasses.replace(default, **{name: int(getattr(default, name) * factor) for name in sizes})


def size_label(count: int) -> str:
    """`64 MiB`."""
    return f"{count / MIB:,.0f} MiB" if count >= MIB else f"{count:,} bytes"
