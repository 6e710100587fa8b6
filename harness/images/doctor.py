"""What image evaluation finds on this machine: libraries that are missing, and those that break others, with the
fix."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from harness import extras
from harness.models import shapes_world

MODELS = ("shapes", "shapes-early", "shapes-clip", "shapes-features")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """state: ok, missing (a thing that some commands need) or broken."""

    name: str
    state: str
    text: str


def examine() -> list[Check]:
    """All checks."""
    return [*(_model(name) for name in MODELS), _torchvision(), _transformers(), _torchmetrics(), _extra("diffusers")]


def _model(name: str) -> Check:
    path = Path(shapes_world.__file__).parent / name / "model.safetensors"
    if path.is_file():
        return Check(name=name, state="ok", text=f"{path.stat().st_size / 1e6:.1f} MB")
    return Check(name=name, state="broken", text=f"{path} is missing; install codegen-harness again")


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _torchvision() -> Check:
    """It is not needed; one that does not fit torch breaks transformers, which imports it where it is installed."""
    if importlib.util.find_spec("torchvision") is None:
        return Check(name="torchvision", state="ok", text="not installed, and not needed")
    try:
        importlib.import_module("torchvision")
    except Exception as error:  # whatever a broken build raises
        return Check(name="torchvision", state="broken", text=torchvision_advice(error))
    return Check(name="torchvision", state="ok", text=f"{_version('torchvision')} fits torch {_version('torch')}")


def torchvision_advice(error: Exception) -> str:
    """What is wrong with an installed torchvision, and how to mend it."""
    first = (str(error) or type(error).__name__).splitlines()[0]
    return (
        f"torchvision {_version('torchvision')} does not fit torch {_version('torch')} ({first}) and "
        f"breaks transformers: "
        "pip uninstall torchvision"
    )


def _transformers() -> Check:
    try:
        importlib.import_module("transformers.models.clip.modeling_clip")
    except Exception as error:  # whatever a broken neighbour raises
        first = (str(error) or type(error).__name__).splitlines()[0]
        return Check(
            name="transformers", state="broken", text=f"CLIP cannot be imported ({first}); see torchvision above"
        )
    return Check(name="transformers", state="ok", text=_version("transformers"))


def _torchmetrics() -> Check:
    """Not used here; named since its CLIP score and its import have known faults beside these versions."""
    if importlib.util.find_spec("torchmetrics") is None:
        return Check(name="torchmetrics", state="ok", text="not installed, and not needed")
    try:
        importlib.import_module("torchmetrics")
    except Exception as error:  # whatever a broken neighbour raises
        first = (str(error) or type(error).__name__).splitlines()[0]
        return Check(name="torchmetrics", state="missing", text=f"cannot be imported ({first}); nothing here needs it")
    version = _version("torchmetrics")
    note = "; its CLIP score fails with transformers 5" if version in ("1.8.0", "1.8.1", "1.8.2", "1.9.0") else ""
    return Check(name="torchmetrics", state="ok", text=f"{version}, not used here{note}")


def _extra(library: str) -> Check:
    if importlib.util.find_spec(library) is None:
        text = f"needed for folders with model_index.json: {extras.install(library)}"
        return Check(name=library, state="missing", text=text)
    return Check(name=library, state="ok", text=_version(library))
