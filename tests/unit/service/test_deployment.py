"""The files that start the service elsewhere say what the service says: its options, its probes, its least rights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.service.gate import OPEN_PATHS
from harness.service.settings import Settings

SERVICE = Path("docker/service")
COMPOSE: dict[str, Any] = yaml.safe_load(Path("docker/compose.yaml").read_text())
MANIFESTS = {each["kind"]: each for each in yaml.safe_load_all((SERVICE / "kubernetes.yaml").read_text())}
POD: dict[str, Any] = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
DOCKERFILE = (SERVICE / "Dockerfile").read_text()


def options(arguments: list[str]) -> dict[str, str]:
    """Option -> value of a command line whose options all have one."""
    return dict(zip(arguments[::2], arguments[1::2], strict=True))


def test_no_container_is_privileged_or_has_a_capability() -> None:
    service = COMPOSE["services"]["sandbox"]
    assert service["user"] == "1000:1000" and service["cap_drop"] == ["ALL"]
    assert not {"privileged", "cap_add", "volumes"} & service.keys()  # and no engine's socket
    assert set(service["security_opt"]) == {"seccomp=unconfined", "systempaths=unconfined"}
    rights = CONTAINER["securityContext"]
    assert rights["runAsNonRoot"] and not rights["privileged"] and rights["capabilities"] == {"drop": ["ALL"]}
    assert POD["automountServiceAccountToken"] is False and "USER 1000:1000" in DOCKERFILE


def test_probes_ask_what_needs_no_key() -> None:
    probes = [CONTAINER[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")]
    checks = [*re.findall(r"127\.0\.0\.1:8080(/\w+)", DOCKERFILE + str(COMPOSE["services"]["sandbox"]["healthcheck"]))]
    assert probes == ["/readyz", "/readyz", "/healthz"] and checks == ["/readyz", "/readyz"]
    assert set(probes) <= set(OPEN_PATHS)


@pytest.mark.parametrize("arguments", [CONTAINER["args"], COMPOSE["services"]["sandbox"]["command"]])
def test_others_can_reach_it_and_need_a_key(arguments: list[str]) -> None:
    given = options(arguments)
    assert given["--host"] == "0.0.0.0" and "--key-file" in given
    Settings(host=given["--host"], keys=frozenset({"secret-key-1"}))


def test_the_time_to_stop_is_longer_than_the_requests_in_hand_may_take() -> None:
    drain_s = float(options(CONTAINER["args"])["--drain-s"])
    assert POD["terminationGracePeriodSeconds"] >= drain_s + 10
    assert float(COMPOSE["services"]["sandbox"]["stop_grace_period"].removesuffix("s")) >= Settings().drain_s + 10
    (keys,) = POD["volumes"]
    (mount,) = CONTAINER["volumeMounts"]
    assert keys["name"] == mount["name"] and options(CONTAINER["args"])["--key-file"].startswith(mount["mountPath"])
