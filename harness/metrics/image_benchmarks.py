"""Scores of image and video benchmarks that are run elsewhere and imported: shares of 1, higher is better."""

from __future__ import annotations

from harness.metrics._metric import Direction, Metric, Unit

METRICS: tuple[Metric, ...] = ()
_FAMILIES = ("geneval", "geneval2", "t2i_compbench", "vbench")
_HEADLINES = frozenset({"geneval", "geneval2/atoms", "geneval2/prompts", "t2i_compbench"})


def find(name: str) -> Metric | None:
    """`geneval`, `geneval/counting`, `geneval2/prompts`, `vbench/subject_consistency`."""
    if name.partition("/")[0] not in _FAMILIES:
        return None
    return Metric(
        name=name, direction=Direction.HIGHER, unit=Unit.SHARE, value=None, largest=1.0, headline=name in _HEADLINES
    )  # fmt: skip
