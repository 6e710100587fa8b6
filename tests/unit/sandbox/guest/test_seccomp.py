"""The system call filter, run by an interpreter of its instructions: also for the architecture that is not here."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import pytest

from sandbox import languages
from sandbox.guest import seccomp, syscalls
from sandbox.types import LANGUAGES

MACHINES = tuple(seccomp.AUDIT)
DANGEROUS = [
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kcmp",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "pivot_root",
    "chroot",
    "setns",
    "unshare",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_setup",
    "keyctl",
    "add_key",
    "request_key",
    "shmget",
    "semget",
    "msgget",
    "mq_open",
    "memfd_create",
    "memfd_secret",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "reboot",
    "swapon",
    "acct",
    "settimeofday",
    "clock_settime",
    "adjtimex",
    "iopl",
    "ioperm",
    "open_by_handle_at",
    "name_to_handle_at",
    "fanotify_init",
    "quotactl",
    "personality",
    "sched_setparam",
    "sched_setattr",
    "mincore",
    "cachestat",
    "capset",
    "seccomp",
    "move_pages",
    "migrate_pages",
    "process_madvise",
    "vhangup",
    "sethostname",
    "setdomainname",
    "syslog",
]
REFUSE = seccomp.NOTIFY


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every architecture that has a table, in turn taken for this one."""
    here = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*here[:4], request.param)))
    return str(request.param)


def _answer(program: bytes, data: bytes) -> int:
    """What a filter says of a struct seccomp_data."""
    steps = list(struct.iter_unpack("=HBBI", program))
    at = value = 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == seccomp.LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == seccomp.RETURN:
            return int(operand)
        else:
            holds = {
                seccomp.JUMP_EQUAL: value == operand,
                seccomp.JUMP_ABOVE: value > operand,
                seccomp.JUMP_AT_LEAST: value >= operand,
                seccomp.JUMP_BITS: bool(value & operand),
            }[code]
            at += if_true if holds else if_false


def _asked(machine: str, program: bytes, number: int, *arguments: int) -> int:
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    return _answer(program, struct.pack("=iIQ6Q", number, seccomp.AUDIT[machine], 0, *padded))


def _by_name(machine: str) -> Iterator[tuple[str, int]]:
    program = seccomp.Filter(False, ())._programs[REFUSE]
    for name, number in syscalls.numbers(machine).items():
        yield name, _asked(machine, program, number)


def test_what_is_in_the_list_is_allowed_and_all_else_refused(machine: str) -> None:
    special = {*syscalls.BY_ARGUMENT, *syscalls.IGNORED, *syscalls.ABSENT}
    for name, answer in _by_name(machine):
        if name not in special:
            assert answer == (seccomp.ALLOW if name in syscalls.ALLOWED else REFUSE), name


def test_nothing_dangerous_is_in_the_list(machine: str) -> None:
    assert not {*DANGEROUS} & {*syscalls.ALLOWED}
    assert {*DANGEROUS} <= {name for each in MACHINES for name in syscalls.numbers(each)}


def test_arguments_decide_where_they_must(machine: str) -> None:
    numbers = syscalls.numbers(machine)
    closed, open_ = (seccomp.Filter(loopback, ())._programs[REFUSE] for loopback in (False, True))
    asks = [
        ("socket", (1,), seccomp.ALLOW, seccomp.ALLOW),
        ("socket", (2,), REFUSE, seccomp.ALLOW),
        ("socket", (10,), REFUSE, seccomp.ALLOW),
        ("socket", (16,), REFUSE, REFUSE),
        ("socketpair", (1,), seccomp.ALLOW, seccomp.ALLOW),
        ("socketpair", (30,), REFUSE, REFUSE),
        ("clone", (0x11,), seccomp.ALLOW, seccomp.ALLOW),
        ("clone", (0x10000011,), REFUSE, REFUSE),
        ("prlimit64", (0, 7), seccomp.ALLOW, seccomp.ALLOW),
        ("prlimit64", (1, 7), REFUSE, REFUSE),
        ("prlimit64", (0, 4, 0, 5), seccomp.ALLOW, seccomp.ALLOW),
        ("prlimit64", (0, 4, 7), seccomp.ERRNO, seccomp.ERRNO),
        ("prlimit64", (0, 4, 7 << 32), seccomp.ERRNO, seccomp.ERRNO),
        ("prlimit64", (0, 3, 7), seccomp.ALLOW, seccomp.ALLOW),
        ("setrlimit", (3,), seccomp.ALLOW, seccomp.ALLOW),
        ("setrlimit", (4,), seccomp.ERRNO, seccomp.ERRNO),
        ("fcntl", (3, 2), seccomp.ALLOW, seccomp.ALLOW),
        ("fcntl", (3, 1024), REFUSE, REFUSE),
        ("fcntl", (3, 1025), seccomp.ALLOW, seccomp.ALLOW),
        ("fcntl", (3, 1026), REFUSE, REFUSE),
        ("fcntl", (3, 1031), seccomp.ALLOW, seccomp.ALLOW),
        ("preadv2", (3, 0, 0, 0, 0, 0), seccomp.ALLOW, seccomp.ALLOW),
        ("preadv2", (3, 0, 0, 0, 0, 9), REFUSE, REFUSE),
        *(
            (name, (clock & 0xFFFFFFFF,), answer, answer)
            for name in ("clock_gettime", "clock_nanosleep", "timer_create")
            for clock, answer in (
                (0, seccomp.ALLOW),
                (11, seccomp.ALLOW),
                ((~0 << 3) | 2, seccomp.ALLOW),
                ((~7 << 3) | 6, seccomp.ALLOW),
                ((~1 << 3) | 2, REFUSE),
                ((~1 << 3) | 0, REFUSE),
                ((~1 << 3) | 1, REFUSE),
            )
        ),
        ("sched_setscheduler", (0, 0), seccomp.ERRNO, seccomp.ERRNO),
        ("sched_setscheduler", (0, 1), REFUSE, REFUSE),
        ("sched_setscheduler", (0, 5), REFUSE, REFUSE),
        ("getsockopt", (3, 1, 17), seccomp.ALLOW, seccomp.ALLOW),
        ("getsockopt", (3, 1, 57), REFUSE, REFUSE),
    ]
    for name, arguments, without, with_loopback in asks:
        assert _asked(machine, closed, numbers[name], *arguments) == without, (name, arguments)
        assert _asked(machine, open_, numbers[name], *arguments) == with_loopback, (name, arguments)


def test_other_architectures_are_killed_and_calls_to_come_are_absent(machine: str) -> None:
    program = seccomp.Filter(False, ())._programs[REFUSE]
    assert _answer(program, struct.pack("=iIQ6Q", 0, 0x40000003, 0, *[0] * 6)) == seccomp.KILL
    assert _asked(machine, program, syscalls.NEWEST + 1) == seccomp.ERRNO | 38
    assert _asked(machine, program, syscalls.numbers(machine)["clone3"]) == seccomp.ERRNO | 38
    assert _asked(machine, program, syscalls.numbers(machine)["sync"]) == seccomp.ERRNO


def test_a_language_gets_the_calls_that_it_names(machine: str) -> None:
    program = seccomp.Filter(False, ("personality",))._programs[REFUSE]
    assert _asked(machine, program, syscalls.numbers(machine)["personality"]) == seccomp.ALLOW
    for name in LANGUAGES:
        seccomp.Filter(False, languages.find(name).system_calls)
    with pytest.raises(KeyError, match="personalty"):
        seccomp.Filter(False, ("personalty",))
