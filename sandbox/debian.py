"""The root file system of a family of languages: Debian packages, taken apart into a folder that is kept.

apt finds and fetches what the packages need, with a state of its own beside the machine's, so that nothing is installed
here and nobody has to be root; it checks the signatures with the machine's keys. Each package is unpacked, none is
configured: no script of a package runs. What scripts would have made and programs need (`/usr/bin/php`) is linked here.

A folder is named after what it is made of, is made once under a lock, and appears by a rename: after kill -9 there is
either a whole one or none. `contents.json` beside it lists every package with its version.
Debian 12 with its archive is needed, and some 300 MB of disk for each family. Knows nothing of engines.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox import languages, wheels
from sandbox.errors import ImageError

RECIPE = 3  # raise it with every change here that changes what is made
BASE = ("python3", "libc-bin", "dash")  # the guest's interpreter; the locale C.UTF-8; /bin/sh
# name in the file system -> what may stand behind it; the last in order is linked
LINKS = {
    "usr/bin/php": "usr/bin/php[0-9]*",
    "usr/bin/awk": "usr/bin/gawk",
    "usr/bin/sh": "usr/bin/dash",
    "usr/bin/which": "usr/bin/which.debianutils",
    "usr/lib/jvm/java-17": "usr/lib/jvm/java-17-openjdk-*",
    "etc/R/Renviron": "usr/lib/R/etc/Renviron.ucf",
}
BIG_BOOST = (  # 100 MB that programs for contests do not use
    "accumulators", "asio", "beast", "compute", "contract", "fusion", "geometry", "gil", "graph", "hana",
    "histogram", "locale", "log", "metaparse", "mpi", "msm", "phoenix", "polygon", "process", "proto", "spirit",
    "statechart", "test", "thread", "python", "units", "graph_parallel", "vmd", "wave", "xpressive", "yap",
)  # fmt: skip
SKIPPED = (
    "./usr/share/doc/*",
    "./usr/share/man/*",
    "./usr/share/info/*",
    "./usr/share/locale/*",
    "./usr/share/lintian/*",
    "./usr/share/go-1.19/*",  # sources of what lies compiled in the same package
    "./usr/lib/jvm/*/jmods/*",  # of which runtimes are made
    "./usr/lib/go-1.19/pkg/*/cmd/*",
    "./usr/lib/go-1.19/bin/*",  # its compiler and linker are started without them
    *(
        f"./usr/lib/go-1.19/pkg/tool/*/{name}"
        for name in (
            "vet",
            "pprof",
            "trace",
            "cover",
            "api",
            "fix",
            "doc",
            "nm",
            "dist",
            "addr2line",
            "asm",
            "buildid",
            "cgo",
            "objdump",
            "test2json",
        )
    ),
    "./usr/bin/*lto-dump*",
    *(f"./usr/bin/*{name}*" for name in ("ld.gold", "gp-", "gprof", "-dwp")),  # of binutils
    "./usr/lib/*/libgprofng*",
    "./usr/lib/*/lib?san.so*",
    "./usr/lib/*/libubsan.so*",
    *(f"./usr/lib/gcc/*/*/lib{name}.a" for name in ("asan", "lsan", "tsan", "ubsan", "itm", "stdc++", "supc++")),
    "./usr/lib/gcc/*/*/plugin/*",
    # for programs that are linked statically; those beside them that are empty the linker asks for
    *(f"./usr/lib/*/lib{name}.a" for name in ("c", "m-2.36", "mvec", "crypto", "ssl", "tirpc", "g", "nsl", "resolv")),
    # character sets of other machines, which no program asks for
    "./usr/lib/*/gconv/IBM*",
    "./usr/lib/*/gconv/EBCDIC*",
    "./usr/lib/*/perl/*/CORE/*",  # of which modules in C are made
    "./usr/lib/R/library/translations/*",
    "./usr/lib/R/library/*/help/*",
    "./usr/lib/R/library/*/html/*",
    "./usr/share/R/doc/*",
    "./usr/share/fonts/*",
    # jest depends on them as a package, and loads none
    *(
        f"./usr/share/nodejs/{name}/*"
        for name in (
            "@types/[!n]*",
            "@types/n[!o]*",
            "core-js",
            "core-js-pure",
            "react-dom",
            "react-test-renderer",
            "sinon",
            "lodash-es",
        )
    ),
    "./usr/bin/rustdoc",
    "./usr/lib/gcc/*/*/lto1",
    *(f"./usr/include/boost/{name}/*" for name in BIG_BOOST),
)
FOLDERS = ("tmp", "proc", "sys", "dev", "root", "etc", "run/harness", "build")
MERGED = ("bin", "sbin", "lib", "lib64")
PASSWD = "root:x:0:0:root:/root:/bin/false\n"
PREFER_DEBIAN = "Package: *\nPin: release o=Debian\nPin-Priority: 990\n"
FETCH_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A root file system. root: its folder; digest: of what it is made of; versions: by package."""

    family: str
    root: Path
    digest: str
    versions: dict[str, str]

    def label(self) -> str:
        """As it stands in a signature: the languages with their versions, and a digest of every package's."""
        names = languages.of_family(self.family)
        known = [f"{name}{_upstream(self.versions[languages.find(name).version_of])}" for name in names]
        return "+".join([*known, hashlib.sha256(json.dumps(self.versions, sort_keys=True).encode()).hexdigest()[:8]])


def cache_folder() -> Path:
    """Where the folders are kept: `codegen-harness/images` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codegen-harness" / "images"


def packages(family: str) -> tuple[str, ...]:
    """What a family's image is asked for. Raises ValueError for a family that is not there."""
    names = languages.of_family(family)
    if not names or family == languages.PYTHON:
        raise ValueError(f"no family of languages is called {family!r}")
    return tuple(sorted({*BASE, *(package for name in names for package in languages.find(name).packages)}))


def wheel_locks(family: str) -> list[Path]:
    """The lock files of the wheels that a family's image has."""
    named = (languages.find(name).wheels for name in languages.of_family(family))
    return [Path(languages.__file__).parent / name for name in named if name]


def find(family: str) -> Tree | None:
    """The family's file system where it has been made; None where not."""
    folder = cache_folder() / f"{family}-{digest(family)}"
    try:
        versions = json.loads((folder / "contents.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Tree(family=family, root=folder / "root", digest=digest(family), versions=versions)


def missing(family: str) -> str:
    """What to say where it has not been made."""
    names = languages.of_family(family)
    return f"the image of {', '.join(names)} is missing; make it with: harness doctor --fix --languages {names[0]}"


def make(family: str, note: Callable[[str], None], *, anew: bool = False) -> Tree:
    """The family's file system, made where it is missing. `note` is called with what is being done.

    Raises ImageError, with the package that is missing where it is that.
    """
    with _locked(family):
        found = find(family)
        if found is not None and not anew:
            return found
        part = cache_folder() / f"{family}.part"
        try:
            _remove(part)  # of an attempt that was killed
            part.mkdir(parents=True)
            _build(family, part, note)
            target = cache_folder() / f"{family}-{digest(family)}"
            _remove(target)
            part.rename(target)
        except OSError as error:
            raise ImageError(f"the image of {family} cannot be made in {cache_folder()}: {error}") from error
    made = find(family)
    assert made is not None
    return made


def size_bytes(tree: Tree) -> int:
    """What the file system takes on disk."""
    return sum(file.lstat().st_size for file in tree.root.rglob("*") if file.is_file() and not file.is_symlink())


def write_tar(tree: Tree, target: Path) -> None:
    """The file system as a tar file, all of it root's. Raises OSError."""
    with tarfile.open(target, "w") as tar:
        tar.add(tree.root, arcname=".", filter=_as_root)


@functools.cache
def digest(family: str) -> str:
    """Of what a family's file system is made of: another one has another name."""
    prepared = [languages.find(name).prepare for name in languages.of_family(family)]
    made_of: list[object] = [RECIPE, packages(family), prepared, sorted(LINKS.items()), SKIPPED]
    made_of += [wheels.RECIPE + lock.read_text("utf-8") for lock in wheel_locks(family)]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]


def _upstream(version: str) -> str:
    """Of Debian's version what its authors call it: without epoch and revision."""
    return re.sub(r"^\d+:|[-+~].*$", "", version)


@contextlib.contextmanager
def _locked(family: str) -> Iterator[None]:
    """One process makes a family's image at a time; the lock ends with the process."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        lock = open(cache_folder() / f"{family}.lock", "w")
    except OSError as error:
        raise ImageError(f"no image can be kept in {cache_folder()}: {error}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(family: str, part: Path, note: Callable[[str], None]) -> None:
    note(f"fetching the packages of {', '.join(languages.of_family(family))} (once): {', '.join(packages(family))}")
    archives = _fetch(packages(family), part / "apt")
    megabytes = sum(each.stat().st_size for each in archives) / 1e6
    note(f"unpacking {len(archives)} packages ({megabytes:.0f} MB)")
    root = part / "root"
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    versions = {}
    locks = wheel_locks(family)
    for number, archive in enumerate(archives, start=1):
        name, version = _unpack(archive, root)
        versions[name] = version
        if number % 20 == 0:
            note(f"unpacked {number} of {len(archives)}")
    for lock in locks:
        versions |= wheels.unpack(lock, root, note)
    _finish(root)
    for name in languages.of_family(family):
        if languages.find(name).prepare:
            note(f"compiling the libraries of {name}")
            _prepare(name, root)
    shutil.rmtree(part / "apt")
    (part / "contents.json").write_text(json.dumps(versions, indent=1, sort_keys=True))


def _fetch(wanted: tuple[str, ...], state: Path) -> list[Path]:
    """The archives of packages and of all that they need. Raises ImageError."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ImageError(
            "images of languages are made from Debian's packages, by apt-get and dpkg-deb, which are not here; "
            "make them on Debian 12"
        )
    (state / "lists" / "partial").mkdir(parents=True)
    (state / "archives" / "partial").mkdir(parents=True)
    (state / "status").touch()
    (state / "preferences").write_text(PREFER_DEBIAN, "utf-8")
    settings = {
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache::archives": state / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Dir::Etc::Preferences": state / "preferences",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "APT::Keep-Downloaded-Packages": "true",
        "Debug::NoLocking": "true",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    _apt([*options, "update"])
    _apt([*options, "--yes", "--download-only", "install", *wanted])
    return sorted((state / "archives").glob("*.deb"))


def _apt(arguments: list[str]) -> None:
    command = ["apt-get", "-q", *arguments]
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=FETCH_TIMEOUT_S,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"Debian's archive did not answer in {FETCH_TIMEOUT_S} s") from error
    if ended.returncode != 0:
        raise ImageError(_reason(ended.stdout + ended.stderr))


def _reason(said: str) -> str:
    """Why apt failed, in our words where it is a package that is missing."""
    missing = re.findall(r"Unable to locate package (\S+)|Package '(\S+)' has no installation candidate", said)
    if missing:
        names = ", ".join(first or second for first, second in missing)
        return f"the image cannot be made: this machine's package archive lacks {names}; Debian 12 has it"
    errors = [line for line in said.splitlines() if line.startswith("E: ")]
    return f"the image cannot be made: apt-get says: {'; '.join(errors[:3]) or said[-300:]}"


def _unpack(archive: Path, root: Path) -> tuple[str, str]:
    """Unpack one package; its name and version. Raises ImageError."""
    form = "${Package} ${Version}"
    about = subprocess.run(
        ["dpkg-deb", "--show", f"--showformat={form}", archive], capture_output=True, encoding="utf-8", errors="replace"
    )
    skipped = [part for pattern in SKIPPED for part in ("--exclude", pattern)]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as source:
        unpacked = subprocess.run(
            ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", *skipped, "-C", root],
            stdin=source.stdout, capture_output=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    if about.returncode or source.returncode or unpacked.returncode:
        raise ImageError(f"{archive.name} cannot be unpacked: {(about.stderr + unpacked.stderr).strip()[:300]}")
    name, version = about.stdout.split()
    return name, version


def _finish(root: Path) -> None:
    """What the scripts of packages would have made; and no file that gives rights to who runs it."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text(PASSWD, "utf-8")
    for name, pattern in LINKS.items():
        behind = sorted(root.glob(pattern))
        if behind and not os.path.lexists(root / name):
            (root / name).symlink_to(f"/{behind[-1].relative_to(root)}")
    for settings in root.glob("usr/share/php*/*/*.ini"):  # of extensions, which are loaded only where they are named
        folder = root / "etc" / "php" / settings.parent.parent.name[3:].partition("-")[0] / "cli" / "conf.d"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(settings, folder / f"20-{settings.name}")
    for place, _, names in os.walk(root):
        for each in (Path(place), *(Path(place) / name for name in names)):
            if not each.is_symlink() and each != root / "tmp":
                mode = each.stat().st_mode & 0o777
                each.chmod(mode | (0o555 if each.is_dir() or mode & 0o100 else 0o444))


def _prepare(name: str, root: Path) -> None:
    """Run a language's command in the file system. Raises ImageError.

    What runs there are programs of Debian's signed packages, as those that unpacked them.
    """
    root_here = os.geteuid() == 0
    become = [] if root_here else ["--map-root-user"]
    apart = ["unshare", *become, "--mount", "--pid", "--fork", "--net", f"--mount-proc={root / 'proc'}"]
    command = ["chroot", str(root), "/usr/bin/sh", "-c", languages.find(name).prepare]
    ended = _run_inside(name, [*apart, *command])
    if (
        ended.returncode != 0 and root_here and ended.stderr.startswith("unshare: ")
    ):  # a container may not; root can still
        ended = _run_inside(name, command)
    if ended.returncode != 0:
        said = (ended.stderr or ended.stdout).strip()[-600:]
        hint = "" if root_here else "; without root this needs user namespaces: make it as root, or allow them"
        raise ImageError(f"the libraries of {name} cannot be compiled: {said}{hint}")


def _run_inside(name: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Raises ImageError where it cannot be started."""
    path = {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=FETCH_TIMEOUT_S, env=path,
            stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(f"the libraries of {name} cannot be compiled: {error}") from error


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
