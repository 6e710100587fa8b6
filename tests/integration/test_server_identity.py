"""Who answers decides which run it is: two servers are two runs, and a server that moved is found again where it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.commands import Harness
from tests.fixtures.problems import write_rows
from tests.fixtures.servers import Answer, serving

ROW = {
    "id": "x/0",
    "prompt": "def f():\n    '''Return 1.'''\n",
    "entry_point": "f",
    "tests": {"kind": "call", "source": "def check(candidate):\n    assert candidate() == 1\n"},
    "reference": "    return 1\n",
    "wrong": ["    return 2\n", "    return 3\n"],
}


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "one.jsonl", ROW)


def answering(body: str) -> Any:
    def respond(wanted: dict[str, Any], _: int) -> Answer:
        texts = [{"index": index, "text": body, "finish_reason": "stop"} for index in range(wanted["n"])]
        return 200, {"id": "1", "object": "text_completion", "model": "m", "choices": texts}

    return respond


def models(root: str) -> Answer:
    return 200, {"object": "list", "data": [{"id": "m", "object": "model", "root": root}]}


def run(harness: Harness, problems: Path, url: str, *more: str) -> tuple[int, dict[str, Any], str]:
    ended = harness(
        "run", "--base-url", url, "--problems", problems, "--k", "1", "--n", "2", "--json", *more, cwd=problems.parent
    )
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else {}, ended.stderr


def test_two_servers_on_one_host_are_two_models(harness: Harness, problems: Path) -> None:
    with serving(answering("    return 1\n")) as (right, _), serving(answering("    return 2\n")) as (wrong, asked):
        _, first, _ = run(harness, problems, right)
        _, second, _ = run(harness, problems, wrong)
    assert first["run"] != second["run"] and asked
    assert (first["estimates"][0]["value"], second["estimates"][0]["value"]) == (1.0, 0.0)


def test_a_password_in_an_address_is_in_no_file_of_the_run(harness: Harness, problems: Path) -> None:
    with serving(answering("    return 1\n")) as (url, asked):
        code, found, _ = run(harness, problems, url.replace("http://", "http://me:hidden-word@") + "?key=hidden-word")
    assert code == 0 and asked
    files = [file for file in (problems.parent / found["run"]).rglob("*") if file.is_file()]
    assert files and not [file for file in files if b"hidden-word" in file.read_bytes()]
    assert url in json.loads((problems.parent / found["run"] / "manifest.json").read_bytes())["config"]["base_url"]


def test_a_query_in_an_address_goes_with_every_request_and_tells_runs_apart(harness: Harness, problems: Path) -> None:
    with serving(answering("    return 1\n")) as (url, asked):
        runs = {run(harness, problems, f"{url}?deployment={name}")[1]["run"] for name in ("a", "b", "a")}
    assert len(runs) == 2
    assert {each["path"] for each in asked} == {f"/v1/completions?deployment={name}" for name in "ab"}


def test_a_password_is_in_no_message_of_a_server_that_fails(harness: Harness, problems: Path) -> None:
    with serving(lambda _, __: (404, {"error": {"message": "gone"}})) as (url, _):
        code, _, said = run(harness, problems, url.replace("http://", "http://me:hidden-word@") + "?key=hidden-word")
    ours = "\n".join(line for line in said.splitlines() if "--base-url" not in line)  # the user's own command
    assert code == 3 and "gone" in ours and "hidden-word" not in ours
    assert not list(problems.parent.rglob("run.log"))  # a run without an answer leaves nothing


def test_what_a_server_does_not_take_is_in_the_signature(harness: Harness, problems: Path) -> None:
    def respond(wanted: dict[str, Any], number: int) -> Answer:
        refused = next((name for name in ("top_k", "max_tokens") if name in wanted), None)
        if refused is not None:
            return 400, {"error": {"message": f"Unsupported parameter: {refused}"}}
        answer: Answer = answering("    return 1\n")(wanted, number)
        return answer

    with serving(respond) as (url, _):
        code, found, _ = run(harness, problems, url)
        again = run(harness, problems, url)[1]
    assert code == 0 and found["run"] == again["run"]
    for summary in (found, again):  # the second asks nothing, and knows it still
        signature = summary["estimates"][0]["signature"]
        assert "dialect:max_tokens=max_completion_tokens,top_k=left out" in signature


def test_the_same_server_at_another_address_goes_on_with_its_run_where_that_is_said(
    harness: Harness, problems: Path
) -> None:
    with serving(answering("    return 1\n"), models("/m/base")) as (url, _):
        _, first, _ = run(harness, problems, url)
    with serving(answering("    return 1\n"), models("/m/base")) as (url, asked):
        code, again, _ = run(harness, problems, url, "--same-server")
        assert code == 0 and again["run"] == first["run"] and not asked
        _, other, _ = run(harness, problems, url)
        assert other["run"] != first["run"]


def test_a_server_that_has_another_model_under_the_same_name_is_refused(harness: Harness, problems: Path) -> None:
    with serving(answering("    return 1\n"), models("/m/base")) as (url, _):
        _, first, _ = run(harness, problems, url)
    (problems.parent / first["run"] / "completions.jsonl").write_text("")  # as a run that was stopped early
    (problems.parent / first["run"] / "executions.jsonl").write_text("")
    (problems.parent / first["run"] / "scores.jsonl").write_text("")
    with serving(answering("    return 1\n"), models("/m/tuned")) as (url, _):
        code, _, said = run(harness, problems, url, "--same-server")
    assert code == 2 and "/m/base" in said and "/m/tuned" in said


def test_same_server_without_a_run_to_go_on_with_says_so(harness: Harness, problems: Path) -> None:
    with serving(answering("    return 1\n")) as (url, _):
        code, _, said = run(harness, problems, url, "--same-server")
    assert code == 2 and "no run of this model" in said


def replies(wanted: dict[str, Any], _: int) -> Answer:
    """As many replies as are asked for, all different; the programs in them are two."""
    texts = [f"Reply {n}:\n```python\ndef f():\n    return {1 + n % 2}\n```" for n in range(wanted["n"])]
    made = [
        {"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        for index, text in enumerate(texts)
    ]
    return 200, {"id": "1", "object": "chat.completion", "model": "m", "choices": made}


def executed(folder: Path) -> tuple[int, int]:
    """Programs of a run that were executed, and replies that share their verdicts."""
    details = [json.loads(row)["detail"] for row in (folder / "executions.jsonl").read_text().splitlines()]
    shared = sum(detail.startswith("the same program as") for detail in details)
    return len(details) - shared, shared


def test_replies_that_hold_one_program_are_executed_once_in_run_score_and_resume(
    harness: Harness, problems: Path
) -> None:
    with serving(replies) as (url, _):
        code, summary, _ = run(harness, problems, url, "--form", "chat", "--n", "8")
        made = problems.parent / summary["run"]
        assert code == 0 and executed(made) == (2, 6) and summary["coverage"]["repeated"] == 6
        whole = (made / "summary.json").read_bytes()
        for name in ("executions.jsonl", "scores.jsonl"):  # as a run that was stopped after its first verdicts
            (made / name).write_text("".join((made / name).read_text().splitlines(keepends=True)[:3]))
        (made / "summary.json").unlink()
        assert run(harness, problems, url, "--form", "chat", "--n", "8")[0] == 0
    resumed = json.loads((made / "summary.json").read_bytes())
    assert executed(made)[0] <= 2 and resumed["estimates"] == json.loads(whole)["estimates"]
    again = harness("score", made, "--extractor", "last", "--json", cwd=problems.parent)
    scored = json.loads(again.stdout)
    assert scored["coverage"]["repeated"] == 6 and executed(Path(scored["run"])) == (2, 6)
