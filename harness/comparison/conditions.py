"""May these runs stand side by side? Field by field: what each recorded of itself, and where they differ.

The model is what a comparison varies; so are fields that the user names. A field that cannot shift a score is harmless,
each with its reason below. Everything else must agree, fields that this version does not know included: a difference
in one of them could be where the scores' difference comes from.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import InputError, did_you_mean
from harness.runs.manifest import Manifest
from harness.runs.signature import Signature

HARMLESS: Mapping[str, str] = {
    "seed": "other draws from the same model; the test takes samples as draws",
    "n": "the estimators have no bias at any n; fewer samples only widen the interval",
    "dedup": "equal programs share the verdict that each would get",
    "isolation": "it keeps programs apart; what a program is asked and given is the same",
    "harness": "another patch version; what moves a number raises the task's version",
    "data": "another name of the same problems, by their digest",
}
UNRECORDED = "a file of saved completions does not tell"
_DRAWN = frozenset({"temperature", "top_p", "top_k", "max_tokens", "stop", "seed", "form", "engine"})
_SKIPPED = frozenset({"signature", "model", "samples", "img", "limits", "cpu", "wall", "mem", "data", "problems"})
_RENAMED = {
    "T": "temperature",
    "max": "max_tokens",
    "v": "harness",
    "backend": "sandbox",
    "contents": "image",
    "args": "engine_args",
}


class MismatchKind(enum.StrEnum):
    """What a difference between runs means for their comparison."""

    VARIED = "varied"
    HARMLESS = "harmless"
    UNRECORDED = "unrecorded"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A field in which runs differ. values: one per run, None where the run did not record it."""

    field: str
    kind: MismatchKind
    values: tuple[str | None, ...]
    reason: str = ""


def recorded_fields(manifest: Manifest) -> dict[str, str]:
    """What a run recorded of itself besides its model: field -> value, by the names of the command line's options."""
    identity = manifest.identity
    found: dict[str, str] = {}
    parts = {name: value or "" for name, value in Signature.parse(manifest.signature).fields}
    for name, value in (*parts.items(), *_leaves(identity)):
        if name not in _SKIPPED:
            found.setdefault(_RENAMED.get(name, name), value if isinstance(value, str) else json.dumps(value))
    problems = identity.get("problems", {})
    found["data"] = f"{problems.get('name')}@{str(problems.get('sha256'))[:16]}"
    label = " ".join(f"{name}:{parts[name]}" for name in ("cpu", "wall", "mem") if name in parts)
    found["limits"] = f"{label} ({str(identity.get('limits'))[:8]})"
    if identity.get("samples"):
        found = {name: value for name, value in found.items() if name not in _DRAWN}
    return found


def _leaves(identity: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Fields of `sampling` and `sandbox` by the options' names; those of other groups after the group's, with a dot."""
    leaves: list[tuple[str, Any]] = []
    for name, value in identity.items():
        if isinstance(value, Mapping) and name not in _SKIPPED:
            leaves.extend(_leaves(value, "" if name in ("sampling", "sandbox") else f"{prefix}{name}."))
        elif not (name == "sampling" and value is None):
            leaves.append((f"{prefix}{name}", value))
    return leaves


def find_mismatches(manifests: Sequence[Manifest], vary: Sequence[str] = ()) -> list[Mismatch]:
    """The fields in which runs differ, conflicts first. Raises InputError for a name in `vary` that no run records."""
    every = [recorded_fields(manifest) for manifest in manifests]
    names = sorted({name for fields in every for name in fields})
    for name in vary:
        if name not in names:
            raise InputError(
                f"--vary {name}: no run records it{did_you_mean(name, names)}; recorded: {', '.join(names)}"
            )
    found = []
    for name in names:
        values = tuple(fields.get(name) for fields in every)
        if len(set(values)) > 1:
            found.append(_judge(name, values, manifests, vary))
    return sorted(found, key=lambda each: list(MismatchKind)[::-1].index(each.kind))


def _judge(name: str, values: tuple[str | None, ...], manifests: Sequence[Manifest], vary: Sequence[str]) -> Mismatch:
    if name in vary:
        return Mismatch(field=name, kind=MismatchKind.VARIED, values=values)
    told = {_essence(name, value) for value in values if value is not None}
    silent = [manifest for manifest, value in zip(manifests, values, strict=True) if value is None]
    explained = name in _DRAWN and all(manifest.identity.get("samples") for manifest in silent)
    if name in HARMLESS and (len(told) == 1 or name not in ("harness", "data")):
        return Mismatch(field=name, kind=MismatchKind.HARMLESS, values=values, reason=HARMLESS[name])
    if len(told) == 1 and explained:
        return Mismatch(field=name, kind=MismatchKind.UNRECORDED, values=values, reason=UNRECORDED)
    return Mismatch(field=name, kind=MismatchKind.CONFLICT, values=values)


def _essence(name: str, value: str) -> str:
    """The part of a value that must agree."""
    if name == "harness":
        return ".".join(value.split(".")[:2])
    return value.rpartition("@")[2] if name == "data" else value


def describe(mismatch: Mismatch, labels: Sequence[str]) -> str:
    """`temperature: A 0.8, B 0.2`."""
    values = zip(labels, mismatch.values, strict=True)
    return f"{mismatch.field}: " + ", ".join(f"{label} {value or 'not recorded'}" for label, value in values)


def refusal(conflicts: Sequence[Mismatch], labels: Sequence[str]) -> str:
    """Why the runs are not compared, field by field, and what to do."""
    lines = "\n".join(f"  {describe(each, labels)}" for each in conflicts)
    names = ",".join(each.field for each in conflicts)
    return (
        f"these runs differ in more than the model, so a difference could come from that:\n{lines}\n"
        f"run one again so that they agree; or say --vary {names} where that is what you compare; or --force"
    )
