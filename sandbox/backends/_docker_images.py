"""The engine, and the images that its sandboxes start from: made here and given to it, without a registry."""

from __future__ import annotations

import atexit
import functools
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker.errors
import requests.exceptions

import docker
from sandbox import debian, languages
from sandbox import image as files
from sandbox.errors import ImageError, SandboxUnavailable

PYTHON_IMAGE = "codegen-harness-sandbox"
CONTENTS_LABEL = "codegen-harness.contents"
INSTALL = "install one (Debian: apt-get install docker.io) and start it (dockerd, or systemctl start docker)"


@functools.cache
def connect() -> docker.DockerClient:
    """The one client of this process. Raises SandboxUnavailable; a failure is not remembered."""
    try:
        _look()
        client = docker.from_env(timeout=60, max_pool_size=64)
        client.ping()
    except (OSError, docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise SandboxUnavailable(f"no Docker engine answers ({_short(error)}); {INSTALL}") from error
    atexit.register(client.close)
    return client


os.register_at_fork(after_in_child=connect.cache_clear)  # two processes cannot share a client's connections


def _look() -> None:
    """Connect to the engine's socket on this machine. Raises OSError.

    The client would find out too, but keeps a socket open for each attempt at which nothing listens.
    """
    host = os.environ.get("DOCKER_HOST") or docker.constants.DEFAULT_UNIX_SOCKET.removeprefix("http+")
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(60)
            probe.connect(host.removeprefix("unix://"))


def _short(error: Exception) -> str:
    text = str(error)
    if "Connection refused" in text or "No such file or directory" in text or "FileNotFoundError" in text:
        return "nothing listens at its socket"
    if "Permission denied" in text or "PermissionError" in text:
        return "permission denied at its socket: join the docker group"
    return text.splitlines()[0][:200] if text else type(error).__name__


def prepare(note: Callable[[str], None], family: str = languages.PYTHON) -> None:
    """Make the family's image where the engine has none. Raises ImageError, SandboxUnavailable."""
    if has_image(name_of(family)):
        return
    if family != languages.PYTHON:
        make_family_image(debian.make(family, note), note)
    else:
        note("making the sandbox image from an interpreter of this machine (once, about 10 s)")
        make_image()


def environment_label(family: str = languages.PYTHON) -> str:
    """What programs find inside, such as `py3.11.7+numpy2.4.6`: the image's label, else the start of its id.

    Raises ImageError where the image is missing, SandboxUnavailable.
    """
    found = find(connect(), name_of(family))
    return str((found.labels or {}).get(CONTENTS_LABEL) or f"img{found.short_id.removeprefix('sha256:')}")


def image_bytes(family: str = languages.PYTHON) -> int:
    """What the family's image takes. Raises ImageError where it is missing, SandboxUnavailable."""
    return int(find(connect(), name_of(family)).attrs.get("Size", 0))


def name_of(family: str) -> str:
    """The name of a family's image; it changes with what the image is made of. Raises ValueError."""
    return PYTHON_IMAGE if family == languages.PYTHON else f"{PYTHON_IMAGE}-{family}:{debian.digest(family)}"


def make_family_image(tree: debian.Tree, note: Callable[[str], None]) -> None:
    """Give the engine a family's file system as an image. Raises ImageError, SandboxUnavailable."""
    note(f"giving the image of {', '.join(languages.of_family(tree.family))} to the engine")
    with tempfile.TemporaryDirectory() as folder:
        tar = Path(folder) / "root.tar"
        try:
            debian.write_tar(tree, tar)
        except OSError as error:
            raise ImageError(f"the image of {tree.family} cannot be packed: {error}") from error
        import_image(str(tar), tree.label(), name_of(tree.family))


def find(client: docker.DockerClient, image: str) -> Any:
    """The engine's image of a name. Raises ImageError, with how to make it."""
    try:
        return client.images.get(image)
    except docker.errors.ImageNotFound as error:
        family = image.partition(":")[0].removeprefix(f"{PYTHON_IMAGE}-")
        if family != PYTHON_IMAGE and languages.of_family(family):
            raise ImageError(debian.missing(family)) from error
        raise ImageError(f"the sandbox image {image!r} is missing; make it with: harness doctor --fix") from error


def has_image(image: str = PYTHON_IMAGE) -> bool:
    """Whether the engine has the image. Raises SandboxUnavailable."""
    try:
        find(connect(), image)
    except ImageError:
        return False
    return True


def make_image() -> str:
    """Make the image from an interpreter at hand; its id. Raises ImageError, SandboxUnavailable."""
    with tempfile.TemporaryDirectory() as folder:
        tar = os.path.join(folder, "root.tar")
        try:
            files.write_tar(Path(tar))
        except (OSError, RuntimeError) as error:
            raise ImageError(f"the sandbox image cannot be made here: {error}") from error
        return import_image(tar, files.environment_label())


def import_image(tar: str, label: str, image: str = PYTHON_IMAGE) -> str:
    """Make an image of a root file system in a tar file; its id. `label` tells what is in it.

    Raises SandboxUnavailable, ImageError.
    """
    changes = ["ENV LC_ALL=C.UTF-8", f"LABEL {CONTENTS_LABEL}={label}"]
    client = connect()
    try:
        repository, _, tag = image.partition(":")
        client.api.import_image_from_file(tar, repository=repository, tag=tag or "latest", changes=changes)
        return str(client.images.get(image).id)
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise ImageError(f"the engine did not take the sandbox image: {error}") from error
