"""What the attacks run in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sandbox
from sandbox import worker


@pytest.fixture(scope="module")  # other tests are to see the guest as it is
def yard() -> Iterator[sandbox.Pool]:
    """A sandbox of the first backend that works, for the naive graders.

    They start programs as children, to which Landlock would close their own /proc: none of theirs has that wall.
    """
    name = sandbox.choose_backend()
    sandbox.prepare(name)
    sources = worker._guest_sources

    def without_landlock() -> list[tuple[str, str]]:
        return [(each, text.replace("if version < LEAST:", "if version:")) for each, text in sources()]

    with pytest.MonkeyPatch.context() as patched, sandbox.open(name, workers=1) as pool:
        patched.setattr(worker, "_guest_sources", without_landlock)
        yield pool
