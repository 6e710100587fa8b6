"""What works on this machine: each part that a run needs, looked at by using it."""

from __future__ import annotations

import importlib
import json
import platform
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sandbox
from harness.models import NAMES, model_dir
from sandbox import SandboxError
from sandbox.languages import PYTHON
from sandbox.languages import find as find_language

DEFAULT_SERVER = "http://127.0.0.1:8000/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCheck:
    """state: `ok`, `missing` (a run works without it) or `broken`. mend: what to do, empty where nothing is."""

    name: str
    state: str
    detail: str
    mend: str = ""


def check_machine(
    *, fix: bool, languages: Sequence[str] = (), note: Callable[[str], None] = lambda _: None
) -> list[MachineCheck]:
    """Every check. `fix` makes the sandbox image first where it is missing, and those of `languages`.

    `note` is called with what is being made.
    """
    checks = [_python(), *_backends(), *_sandbox(fix)]
    return [*checks, *(_language(name, fix, note) for name in languages), _models(), _torch(), _server()]


def can_run(checks: list[MachineCheck]) -> bool:
    """Whether a run with the embedded model could start."""
    return all(check.state != "broken" for check in checks)


def rebuild_image() -> None:
    """Make the docker sandbox's image anew. Raises SandboxError."""
    from sandbox.backends import _docker_images

    _docker_images.make_image()


def rebuild_languages(names: Sequence[str], note: Callable[[str], None]) -> None:
    """Make the images of languages anew, from today's packages. Raises SandboxError."""
    from sandbox import debian
    from sandbox.backends import _docker_images

    docker_works = importlib.import_module("sandbox.backends.docker").available() is None
    for family in sorted({find_language(name).family for name in names} - {PYTHON}):
        tree = debian.make(family, note, anew=True)
        if docker_works:
            _docker_images.make_family_image(tree, note)


def _python() -> MachineCheck:
    return MachineCheck(name="python", state="ok", detail=f"{platform.python_version()} at {sys.executable}")


def _backends() -> list[MachineCheck]:
    checks = []
    for name in sandbox.BACKENDS:
        problem = importlib.import_module(f"sandbox.backends.{name}").available()
        checks.append(MachineCheck(name=name, state="missing" if problem else "ok", detail=problem or "works here"))
    return checks


def _sandbox(fix: bool) -> list[MachineCheck]:
    try:
        backend = sandbox.choose_backend()
    except SandboxError as error:
        return [MachineCheck(name="sandbox", state="broken", detail="none works here", mend=str(error))]
    try:
        if fix:
            sandbox.prepare(backend)
        contents = sandbox.environment_label(backend)
    except SandboxError as error:
        return [
            MachineCheck(
                name="sandbox", state="missing", detail=str(error), mend="harness doctor --fix (a run does it too)"
            )
        ]
    return [MachineCheck(name="sandbox", state="ok", detail=f"{backend} with {contents}"), _denials(backend)]


def _language(name: str, fix: bool, note: Callable[[str], None]) -> MachineCheck:
    """Whether programs of a language run here, seen by asking its family's sandbox for what it must deny."""
    try:
        backend = sandbox.choose_backend()
        if fix:
            sandbox.prepare(backend, note, name)
        contents = sandbox.environment_label(backend, name)
    except SandboxError as error:
        return MachineCheck(name=name, state="missing", detail=str(error))
    denied = _denials(backend, name)
    if denied.state != "ok":
        return MachineCheck(name=name, state=denied.state, detail=denied.detail)
    size = sandbox.image_bytes(backend, name)
    takes = f" ({size / 1e6:,.0f} MB)" if size else ""
    return MachineCheck(name=name, state="ok", detail=f"{backend} with {contents}{takes}; it denies what it must")


def _denials(backend: str, language: str = PYTHON) -> MachineCheck:
    """That the sandbox denies what it must, seen by asking for it."""
    try:
        with sandbox.open(backend, workers=1, language=language) as box:
            findings = box.prove_denials()
    except SandboxError as error:
        return MachineCheck(name="isolation", state="broken", detail=str(error))
    faults = [f"{each.name}: {each.fault}" for each in findings if each.fault]
    if faults:
        return MachineCheck(name="isolation", state="broken", detail=f"does not hold here: {'; '.join(faults)}")
    return MachineCheck(name="isolation", state="ok", detail=f"denied: {', '.join(each.name for each in findings)}")


def _models() -> MachineCheck:
    missing = [name for name in NAMES if not (model_dir(name) / "model.safetensors").is_file()]
    if missing:
        return MachineCheck(name="embedded model", state="broken", detail=f"no weights of {', '.join(missing)}",
                     mend="python -m harness.models.training.train")  # fmt: skip
    return MachineCheck(name="embedded model", state="ok", detail=", ".join(NAMES))


def _torch() -> MachineCheck:
    """In a process of its own: a broken torch must not end the doctor, and the import takes seconds."""
    code = (
        "import torch, transformers\n"
        "gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU: generation runs on the CPU'\n"
        "print(f'torch {torch.__version__}, transformers {transformers.__version__}; {gpu}')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if answer.returncode != 0:
        reason = answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "no message"
        return MachineCheck(name="torch", state="broken", detail=reason, mend="pip install torch transformers")
    return MachineCheck(name="torch", state="ok", detail=answer.stdout.strip())


def _server() -> MachineCheck:
    """Whether a model server answers where vLLM listens by default. A run with an embedded model needs none."""
    try:
        with urllib.request.urlopen(f"{DEFAULT_SERVER}/models", timeout=2) as answer:
            served = ", ".join(str(model["id"]) for model in json.load(answer)["data"])
    except (OSError, ValueError, KeyError) as error:
        reason = getattr(error, "reason", error)
        mend = f"start one (vllm serve MODEL), then: harness run --base-url {DEFAULT_SERVER}"
        return MachineCheck(
            name="model server", state="missing", detail=f"none at {DEFAULT_SERVER}: {reason}", mend=mend
        )
    return MachineCheck(name="model server", state="ok", detail=f"{DEFAULT_SERVER} serves {served}")
