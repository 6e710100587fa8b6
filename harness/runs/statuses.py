"""The outcome of the base tests and of all tests, in EvalPlus's words, of a set that has both parts."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.types import Verdict


def evalplus_status(verdict: Verdict) -> str:
    """pass, fail or timeout."""
    return {Verdict.ACCEPTED: "pass", Verdict.TIME_LIMIT: "timeout"}.get(verdict, "fail")


def evalplus_statuses(verdict: Verdict, values: Mapping[str, float]) -> dict[str, str]:
    """`base_status` and `plus_status` of a completion; {} where the set has no base tests.

    values: of its score. plus_status is of all tests: those after the base tests are not reached where these fail.
    """
    if "base_passed" not in values:
        return {}
    whole = evalplus_status(verdict)
    return {"base_status": "pass" if values["base_passed"] else whole, "plus_status": whole}
