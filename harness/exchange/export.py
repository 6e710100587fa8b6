"""From a run directory to another system's files: `harness export`."""

from __future__ import annotations

from pathlib import Path

from harness.datasets import load_set
from harness.errors import InputError, ProblemError
from harness.exchange import find_format, format_names
from harness.exchange.saved_run import ProgramRun
from harness.runs import reader
from harness.types import ProblemSet


def export(run: Path, name: str, out: Path, problems: str | None, cache: Path) -> list[Path]:
    """The files that were written. Raises InputError: no run, an unknown format, a place that cannot be written."""
    module = find_format(name, "write")
    needed = getattr(module, "NEEDS_PROBLEMS", True)
    loaded = _problem_set(run, problems, cache) if needed else None
    saved = ProgramRun(run, loaded)
    task = saved.task
    if needed and task != "codegen":
        others = [
            each for each in format_names("write") if not getattr(find_format(each, "write"), "NEEDS_PROBLEMS", True)
        ]
        raise InputError(f"{name} is a format of programs, and {run} is of the task {task}; take {' or '.join(others)}")
    if needed and not saved.sizes():
        raise InputError(f"{run} holds numbers without completions, which {name} wants; take csv or model-index")
    written: list[Path] = module.write(saved, out)
    if not written:
        raise InputError(f"{run} has no verdicts, which {name} wants; harness score {run} judges it")
    return written


def _problem_set(run: Path, problems: str | None, cache: Path) -> ProblemSet | None:
    """The run's own problem set. Raises InputError where the one at hand is another."""
    manifest = reader.read_manifest(run)
    wanted = (manifest.identity.get("problems") or {}).get("sha256")
    named = problems or str(manifest.config.get("problems") or "")
    if wanted is None and problems is None:
        return None
    try:
        loaded = load_set(named, cache)
    except ProblemError as error:
        raise InputError(f"{error}; {run} is of that set, --problems says where it is") from error
    if wanted is not None and loaded.sha256 != wanted:
        raise InputError(
            f"{named} is not the problem set of {run}: its sha256 is {loaded.sha256[:8]}, not {wanted[:8]}"
        )
    return loaded
