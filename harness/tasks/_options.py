"""What `--set name=value` can say to a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import InputError, did_you_mean


class TaskOptions(BaseModel):
    """A task's options with their defaults; a task derives its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """Raises InputError: which option, and what is wrong with it."""
        known = cls.model_fields
        for name in given:
            if name not in known:
                raise InputError(f"--set {name}: unknown option{did_you_mean(name, known)}; known: {', '.join(known)}")
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            faults = [f"--set {fault['loc'][0]}={fault['input']}: {fault['msg'].lower()}" for fault in error.errors()]
            raise InputError("; ".join(faults)) from error
