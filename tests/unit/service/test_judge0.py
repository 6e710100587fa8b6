"""What the service keeps of submissions whose clients come back with a token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.service.admission import Refused
from harness.service.dialects.judge0 import KEPT_BYTES, _Kept


def test_large_programs_that_wait_are_bounded_together_and_a_single_one_is_always_taken() -> None:
    async def main() -> None:
        kept, go = _Kept(), asyncio.Event()

        async def run() -> dict[str, Any]:
            await go.wait()
            return {"stdout": "1"}

        kept.add("a", KEPT_BYTES + 1, run())
        with pytest.raises(Refused):
            kept.add("b", 1, run())
        go.set()
        await asyncio.sleep(0.01)
        kept.add("c", KEPT_BYTES, run())
        await asyncio.sleep(0.01)
        assert [name for name in "abc" if kept.find(name)] == ["a", "c"]

    asyncio.run(main())
