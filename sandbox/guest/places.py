"""Where programs write: how many files fit.

Runs in the supervisor, once, before any program. A container engine mounts the temporary file systems with a number of
inodes; bwrap only with a size, and a file without content then costs the host a kilobyte that nothing counts. So bwrap
leaves the supervisor CAP_SYS_ADMIN, where it is no root's that of its own user namespace, to mount them again; it is
given up here for good. What bwrap mounted belongs to a namespace above, so a plain user takes a mount namespace first.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct

from sandbox.guest import seccomp

WRITABLE = ("/tmp", "/dev/shm", "/build")
MAX_FILES = 16 * 1024
MS_NOSUID, MS_NODEV = 2, 4
CLONE_NEWNS = 0x20000
SYS_ADMIN = 1 << 21
# struct __user_cap_header_struct of version 3, and two of __user_cap_data_struct: effective, permitted, inheritable
HEADER, DATA = struct.Struct("=Ii"), struct.Struct("=6I")
VERSION_3 = 0x20080522


def limit_files() -> None:
    """Bound the inodes of every writable place, where this process may; then give up that right. Raises OSError."""
    held = list(_capabilities())
    if not held[0] & SYS_ADMIN:
        return
    for place in filter(os.path.isdir, WRITABLE):
        try:
            _mount(place)
        except PermissionError:
            if seccomp.libc().unshare(CLONE_NEWNS) != 0:
                raise
            _mount(place)
    for at in range(3):
        held[at] &= ~SYS_ADMIN
    _set_capabilities(held)


def _mount(place: str) -> None:
    """An empty file system over `place`, of its size and mode, with a number of files. Raises OSError."""
    about = os.statvfs(place)
    mode = stat.S_IMODE(os.lstat(place).st_mode)
    options = f"size={about.f_blocks * about.f_frsize},nr_inodes={MAX_FILES},mode={mode:o}"
    if seccomp.libc().mount(b"tmpfs", place.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"{place} cannot be bounded: {os.strerror(ctypes.get_errno())}")


def _capabilities() -> tuple[int, ...]:
    data = ctypes.create_string_buffer(DATA.size)
    if seccomp.libc().capget(_header(), data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    return DATA.unpack(data.raw)


def _set_capabilities(values: list[int]) -> None:
    """What is not permitted and inheritable is no longer ambient either."""
    packed = DATA.pack(*values)
    if seccomp.libc().capset(_header(), ctypes.create_string_buffer(packed, len(packed))) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _header() -> ctypes.Array[ctypes.c_char]:
    packed = HEADER.pack(VERSION_3, 0)
    return ctypes.create_string_buffer(packed, len(packed))
