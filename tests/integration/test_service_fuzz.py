"""The OpenAPI document is true: whatever a client sends that fits it, or does not, no answer is a failure of ours."""

from __future__ import annotations

import httpx
import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error

from tests.fixtures.service import Running

# what runs programs is asked little in every run, and long in the long tail
QUICK, LONG = 6, 300
HANG = 60


def fuzz(service: Running, examples: int) -> set[str]:
    schema = schemathesis.openapi.from_dict(httpx.get(f"{service.url}/openapi.json").json())
    schema.config.update(base_url=service.url)
    asked: set[str] = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        asked.add(f"{operation.method.upper()} {operation.path}")

        @hypothesis.settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            response = case.call(timeout=HANG)
            if response.status_code not in (503, 504):  # a refusal
                case.validate_response(response, checks=[not_a_server_error])

        check()
    return asked


@pytest.mark.filterwarnings("ignore")
def test_no_request_makes_the_service_fail(service: Running) -> None:
    asked = fuzz(service, QUICK)
    assert {"POST /v1/execute", "POST /run_code", "POST /submissions", "POST /get_reward"} <= asked
    assert service.metric("harness_internal_errors_total") == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore")
def test_no_request_makes_the_service_fail_for_long(service: Running) -> None:
    fuzz(service, LONG)
    assert service.metric("harness_internal_errors_total") == 0
