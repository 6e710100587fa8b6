"""Sets of problems that a service loads when they are first asked for."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from harness import datasets
from harness.errors import ProblemError
from harness.service.admission import InternalError
from harness.service.judging import Judging
from harness.service.languages import Languages
from harness.service.settings import Settings


def test_a_set_that_takes_long_to_load_holds_up_no_other_and_one_that_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, loads, load_set = threading.Event(), [], datasets.load_set

    def load(name: str, cache: Path) -> object:
        loads.append(name)
        if name == "humaneval":
            go.wait(20)
            raise ProblemError("it could not be downloaded")
        return load_set(name, cache)

    monkeypatch.setattr(datasets, "load_set", load)

    async def main() -> None:
        judging = Judging(Settings(), None, Languages(["python"]))  # type: ignore[arg-type]
        asked = [asyncio.create_task(judging.problem("humaneval/0")) for _ in range(3)]
        await asyncio.sleep(0.1)
        asked[0].cancel()  # its client hung up
        assert (await asyncio.wait_for(judging.problem_set("core"), 20)).problems
        assert not any(each.done() for each in asked[1:])
        go.set()
        for each in [*asked[1:], judging.problem("humaneval/0")]:
            with pytest.raises(InternalError, match="humaneval could not be loaded"):
                await asyncio.wait_for(each, 20)
        assert loads == ["humaneval", "core", "humaneval"]

    asyncio.run(main())
