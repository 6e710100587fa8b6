"""What is sent to a real chat model, what its run reports of sampling and cost, and that a resumed run counts all."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import transformers

from harness.config import RunConfig
from harness.models import model_dir
from harness.pipeline.preview import preview
from tests.fixtures.commands import Harness
from tests.fixtures.problems import write_rows

TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}</{{ message.role }}>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
OPTIONS = ["--n", "2", "--max-tokens", "24", "--system-prompt", "Be brief.", "--thinking-tokens", "8"]


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model with a chat template: its tokenizer and weights are nano's."""
    folder = tmp_path_factory.mktemp("models") / "nano-chat"
    shutil.copytree(model_dir("nano"), folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {
            "id": f"small/add{number}", "entry_point": "f", "reference": f"    return x + {number}\n",
            "prompt": f'def f(x):\n    """Return x plus {number}."""\n', "wrong": ["    return x\n", "    return 0\n"],
            "tests": {"kind": "call", "source": f"def check(f):\n    assert f(1) == {number + 1}\n"},
        }
        for number in (1, 2, 3)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("problems") / "small.jsonl"
    write_rows(path, *rows)
    return path


def test_print_prompt_shows_what_the_model_is_given_without_weights_or_sandbox(
    harness: Harness, chat_model: Path, problems: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(chat_model, bare, ignore=shutil.ignore_patterns("*.safetensors"))
    arguments = ["run", "small/add2", "--print-prompt", "--model", bare, "--problems", problems, *OPTIONS]
    answer = harness(*arguments, "--json", "--sandbox", "bubblewrap", "--runtime", "no-such-runtime", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    shown = json.loads(answer.stdout)
    assert [each["role"] for each in shown["messages"]] == ["system", "user"]
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(chat_model)
    rendered = tokenizer.apply_chat_template(shown["messages"], tokenize=False, add_generation_prompt=True)
    assert shown["rendered"] == rendered and rendered.startswith("<system>Be brief.</system>\n<user>Please provide")
    assert shown["sampling"]["max_tokens"] == 24 + 8 and not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("task", "options", "roles"),
    [
        ("summarization", [], ["prompt"]),
        ("classification", [], ["prompt"]),
        ("classification", ["--set", "by=logprob"], ["prompt", *["continuation"] * 4]),
        ("perplexity", [], ["text"]),
    ],
)
def test_print_prompt_works_for_every_task(
    harness: Harness, tmp_path: Path, task: str, options: list[str], roles: list[str]
) -> None:
    answer = harness("run", "--print-prompt", "--task", task, *options, "--model", "nano", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    shown = [
        line.split()[0] for line in answer.stdout.splitlines() if line.endswith("\N{BOX DRAWINGS LIGHT HORIZONTAL}")
    ]
    assert shown == [*roles, "for"] and "nothing was sent" in answer.stdout
    assert not (tmp_path / "results").exists()


def test_a_problem_without_print_prompt_is_refused(harness: Harness, tmp_path: Path) -> None:
    answer = harness("run", "starter/odd_cubes", cwd=tmp_path)
    assert answer.returncode == 2 and "names a problem for --print-prompt" in answer.stderr


def test_a_run_s_prompt_tokens_are_those_of_what_is_shown_and_a_resumed_one_counts_all(
    harness: Harness, chat_model: Path, problems: Path, tmp_path: Path
) -> None:
    run = ["run", "--model", chat_model, "--problems", problems, *OPTIONS, "--json"]
    answer = harness(*run, "--price", "1/2", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    whole = json.loads(answer.stdout)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(chat_model)
    lengths = []
    for problem in ("small/add1", "small/add2", "small/add3"):
        config = RunConfig(model=str(chat_model), problems=str(problems), system_prompt="Be brief.")
        messages = preview(config, problem).request.messages
        lengths.append(len(tokenizer.apply_chat_template(list(messages), add_generation_prompt=True)["input_ids"]))
    cost = whole["cost"]
    assert cost["prompt_tokens"] == sum(lengths) and cost["requests"] == 3 and cost["uncounted_requests"] == 0
    assert cost["price"] == pytest.approx((cost["prompt_tokens"] + 2 * cost["completion_tokens"]) / 1e6)
    assert cost["gpu_s"] == (0.0 if not _on_gpu() else cost["generation_s"])
    assert "|form:chat|system:" in whole["estimates"][0]["signature"]
    assert whole["sampling"]["completions"] == 6 and whole["sampling"]["effective_n"] == 2.0

    folder = tmp_path / whole["run"]
    for name in ("completions.jsonl", "executions.jsonl", "scores.jsonl"):  # as kill -9 leaves it
        kept = (folder / name).read_bytes().splitlines(keepends=True)[: 2 if name == "completions.jsonl" else 1]
        (folder / name).write_bytes(b"".join(kept))
    (folder / "summary.json").unlink()
    again = json.loads(harness(*run, cwd=tmp_path).stdout)
    for key in ("requests", "prompt_tokens", "completion_tokens", "uncounted_requests"):
        assert again["cost"][key] == cost[key]
    assert again["run"] == whole["run"] and again["cost"]["generation_s"] > 0 and again["cost"]["price"] is None


def test_completions_that_are_cut_are_warned_of_by_run_and_show_and_examples_are_not_measured(
    harness: Harness, data: Path, tmp_path: Path
) -> None:
    lines = (data / "mbpp" / "mbpp.jsonl").read_text().splitlines(keepends=True)
    file, template = tmp_path / "some.jsonl", tmp_path / "short.txt"
    file.write_text("".join(lines[1:6]))  # tasks 2 to 6: the examples and two others
    template.write_text("# {text}\n")
    run = ["run", "--problems", file, "--shots", "3", "--n", "1", "--k", "1", "--max-tokens", "1"]
    answer = harness(*run, "--prompt-file", template, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "coverage: 2 of 2 problems" in answer.stdout and "|shots:3|" in answer.stdout
    # of one token each is either cut, or the end of the text and so no program
    warning = re.search(r"warning: (50|100)\.0% of the completions (were cut|are empty).*", answer.stdout)
    (folder,) = tmp_path.glob("results/*/*/*")
    assert warning is not None and warning[0] in harness("show", folder, cwd=tmp_path).stdout


def test_a_sample_file_has_no_cost_and_no_warning(harness: Harness, problems: Path, tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    rows = [{"task_id": f"small/add{n}", "completion": f"    return x + {n}\n"} for n in (1, 2, 3) for _ in range(4)]
    write_rows(file, *rows)
    answer = harness("score", file, "--problems", problems, "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert summary["cost"] is None and summary["sampling"]["warnings"] == []
    assert summary["sampling"]["duplicate_share"] == 0.75 and summary["sampling"]["length_share"] is None
    refused = harness("run", "--samples", file, "--problems", problems, "--shots", "3", cwd=tmp_path)
    assert refused.returncode == 2 and "shots is for sampling" in refused.stderr


def _on_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
