"""codegen-harness: how good is this code model, and can the number be trusted?

From Python, the same runs as the command's:

    run = harness.run("nano", "starter", n=10)
    run.estimates["pass@1"].value
    harness.compare(run, harness.load("results/starter/nano-base/20260101T000000Z-0123abcd"))

`run`, `score`, `compare` and `load` are imported when they are first used: `import harness` takes a millisecond.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.api import Run, RunComparison, compare, load, run, score

__version__ = "0.3.0"
__all__ = ["Run", "RunComparison", "__version__", "compare", "load", "run", "score"]


def __getattr__(name: str) -> object:
    """What `harness.api` offers, by its name."""
    if name not in __all__:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from harness import api  # measured: 0.4 s

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
