"""The engine, and the images that its sandboxes start from: made here and given to it, without a registry."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import languages
from sandbox.backends._engine import Engine, EngineError, connect
from sandbox.errors import ImageError, SandboxUnavailable

if TYPE_CHECKING:  # imported where an image is made: 15 ms that a sandbox of one that is there need not wait for
    from sandbox import debian

PYTHON_IMAGE = "codegen-harness-sandbox"
CONTENTS_LABEL = "codegen-harness.contents"


def prepare(note: Callable[[str], None], family: str = languages.PYTHON) -> None:
    """Make the family's image where the engine has none. Raises ImageError, SandboxUnavailable."""
    if has_image(name_of(family)):
        return
    if family != languages.PYTHON:
        from sandbox import debian

        make_family_image(debian.make(family, note), note)
    else:
        note("making the sandbox image from an interpreter of this machine (once, about 10 s)")
        make_image()


def environment_label(family: str = languages.PYTHON) -> str:
    """What programs find inside, such as `py3.11.7+numpy2.4.6`: the image's label, else the start of its id.

    Raises ImageError where the image is missing, SandboxUnavailable.
    """
    found = find(connect(), name_of(family))
    labels = (found.get("Config") or {}).get("Labels") or {}
    return str(labels.get(CONTENTS_LABEL) or f"img{_id(found)[:12]}")


def image_bytes(family: str = languages.PYTHON) -> int:
    """What the family's image takes. Raises ImageError where it is missing, SandboxUnavailable."""
    return int(find(connect(), name_of(family)).get("Size", 0))


def name_of(family: str) -> str:
    """The name of a family's image; it changes with what the image is made of. Raises ValueError."""
    if family == languages.PYTHON:
        return PYTHON_IMAGE
    from sandbox import debian

    return f"{PYTHON_IMAGE}-{family}:{debian.digest(family)}"


def make_family_image(tree: debian.Tree, note: Callable[[str], None]) -> None:
    """Give the engine a family's file system as an image. Raises ImageError, SandboxUnavailable."""
    from sandbox import debian

    note(f"giving the image of {', '.join(languages.of_family(tree.family))} to the engine")
    with tempfile.TemporaryDirectory() as folder:
        tar = Path(folder) / "root.tar"
        try:
            debian.write_tar(tree, tar)
        except OSError as error:
            raise ImageError(f"the image of {tree.family} cannot be packed: {error}") from error
        import_image(str(tar), tree.label(), name_of(tree.family))


def find(engine: Engine, image: str) -> dict[str, Any]:
    """What the engine says of the image of a name. Raises ImageError, with how to make it; SandboxUnavailable."""
    try:
        return dict(engine.ask("GET", f"/images/{image}/json"))
    except EngineError as error:
        if error.status != 404:
            raise SandboxUnavailable(f"the Docker engine does not say what images it has: {error}") from error
        family = image.partition(":")[0].removeprefix(f"{PYTHON_IMAGE}-")
        if family != PYTHON_IMAGE and languages.of_family(family):
            from sandbox import debian

            raise ImageError(debian.missing(family)) from error
        raise ImageError(f"the sandbox image {image!r} is missing; make it with: harness doctor --fix") from error


def _id(found: dict[str, Any]) -> str:
    return str(found["Id"]).removeprefix("sha256:")


def has_image(image: str = PYTHON_IMAGE) -> bool:
    """Whether the engine has the image. Raises SandboxUnavailable."""
    try:
        find(connect(), image)
    except ImageError:
        return False
    return True


def make_image() -> str:
    """Make the image from an interpreter at hand; its id. Raises ImageError, SandboxUnavailable."""
    from sandbox import image as files

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
    repository, _, tag = image.partition(":")
    query = [
        ("fromSrc", "-"),
        ("repo", repository),
        ("tag", tag or "latest"),
        ("changes", "ENV LC_ALL=C.UTF-8"),
        ("changes", f"LABEL {CONTENTS_LABEL}={label}"),
    ]
    engine = connect()
    try:
        said = engine.ask("POST", "/images/create", query=query, file=Path(tar))
        if isinstance(said, dict) and "error" in said:
            raise EngineError(str(said["error"]))
        return str(find(engine, image)["Id"])
    except EngineError as error:
        raise ImageError(f"the engine did not take the sandbox image: {error}") from error
