"""Options made of the configuration's fields."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing

from harness.cli import options, tree
from harness.config import Group, RunConfig, command_line_flags
from harness.errors import InputError
from sandbox.types import Isolation

FLAGS = command_line_flags()
# What is given on the command line, and what the configuration then holds.
GIVEN: dict[str, tuple[list[str], Any]] = {
    "model": (["--model", "m"], "m"),
    "engine": (["--engine", "vllm"], "vllm"),
    "vllm_python": (["--vllm-python", "/v/python"], Path("/v/python")),
    "engine_args": (["--engine-arg", "a=1", "--engine-arg", "b=2"], ("a=1", "b=2")),
    "base_url": (["--base-url", "http://127.0.0.1:1/v1"], "http://127.0.0.1:1/v1"),
    "same_server": (["--same-server"], True),
    "samples": (["--samples", "s.jsonl"], Path("s.jsonl")),
    "form": (["--form", "chat"], "chat"),
    "concurrency": (["--concurrency", "7"], 7),
    "n": (["--n", "12"], 12),
    "temperature": (["--temperature", "0.1"], 0.1),
    "top_p": (["--top-p", "0.5"], 0.5),
    "top_k": (["--top-k", "3"], 3),
    "max_tokens": (["--max-tokens", "9"], 9),
    "seed": (["--seed", "4"], 4),
    "stop": (["--stop", "a,b", "--stop", "c"], ("a,b", "c")),
    "shots": (["--shots", "2"], 2),
    "shots_file": (["--shots-file", "f.jsonl"], Path("f.jsonl")),
    "system_prompt": (["--system-prompt", "be brief"], "be brief"),
    "prompt_file": (["--prompt-file", "p.txt"], Path("p.txt")),
    "thinking_tokens": (["--thinking-tokens", "5"], 5),
    "sandbox": (["--sandbox", "docker"], "docker"),
    "runtime": (["--runtime", "runsc"], "runsc"),
    "isolation": (["--isolation", "container"], Isolation.CONTAINER),
    "dedup": (["--no-dedup"], False),
    "workers": (["--workers", "3"], 3),
    "cpu_s": (["--cpu-s", "1.5"], 1.5),
    "wall_s": (["--wall-s", "2"], 2.0),
    "memory_mib": (["--memory-mib", "64"], 64),
    "sandbox_url": (["--sandbox-url", "http://a:1, http://b:1"], ("http://a:1", "http://b:1")),
    "cluster": (["--cluster", "auto"], "auto"),
    "replicas": (["--replicas", "2"], 2),
    "task": (["--task", "perplexity"], "perplexity"),
    "problems": (["--problems", "core"], "core"),
    "k": (["--k", "1,10"], (1, 10)),
    "extractor": (["--extractor", "last"], "last"),
    "price": (["--price", "0.15/0.60"], "0.15/0.60"),
    "price_per_hour": (["--price-per-hour", "3"], 3.0),
    "all_cases": (["--all-cases"], True),
    "only": (["--only", "starter/a, 3"], ("starter/a", "3")),
    "shuffle": (["--shuffle", "0"], 0),
    "limit": (["--limit", "5"], 5),
    "metrics": (["--metrics", "pass^k,pass@k"], ("pass^k", "pass@k")),
    "report_to": (["--report-to", "wandb, mlflow"], ("wandb", "mlflow")),
    "results": (["--results", "r"], Path("r")),
}


def call(*arguments: str, chosen: tuple[Group | str, ...] = tuple(Group)) -> dict[str, Any]:
    """What a command that takes the options is called with."""
    seen: dict[str, Any] = {}

    @options.takes(*chosen)
    def command(flags: options.Flags, own: int = 1) -> None:
        """A command."""
        seen.update(flags, own=own)

    made = typer.Typer()
    made.command()(command)
    typer.main.get_command(made)(list(arguments), standalone_mode=False)
    return seen


@pytest.mark.parametrize("field", FLAGS)
def test_an_option_of_the_command_line_reaches_its_field(field: str) -> None:
    arguments, value = GIVEN[field]
    flags = call(*arguments)
    assert getattr(RunConfig.model_construct(**{**RunConfig().model_dump(), field: flags[field]}), field) == value
    assert {name for name, each in flags.items() if each is not None} == {field, "own"}


def test_a_field_without_an_option_is_one_of_these() -> None:
    assert set(RunConfig.model_fields) - set(FLAGS) == {"api_key", "sandbox_key", "task_options", "cache"}


def test_a_command_takes_the_fields_of_a_group_and_its_own_options() -> None:
    flags = call("--own", "3", "--workers", "2", chosen=("k", Group.SANDBOX))
    assert flags == {**dict.fromkeys(["k", *(name for name in FLAGS if FLAGS[name].group is Group.SANDBOX)]),
                     "workers": 2, "own": 3}  # fmt: skip


def test_a_number_that_is_none_is_named_by_its_option() -> None:
    with pytest.raises(InputError, match="--k takes numbers with commas between them, such as 1,10, not '1;2'"):
        call("--k", "1;2")


def test_a_field_that_does_not_exist_cannot_be_taken() -> None:
    with pytest.raises(AssertionError, match="tmperature"):
        options.takes("tmperature")


def test_the_text_of_an_option_stands_once() -> None:
    texts = {flag.help for flag in FLAGS.values()}
    for path in [*tree.FOLDER.glob("*.py"), Path(inspect.getfile(options))]:
        strings = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not texts & strings, f"{path.name} says again what a field of RunConfig says"


def test_no_function_of_the_harness_has_more_than_60_lines() -> None:
    long = {
        f"{path.name}:{node.lineno} {node.name}"
        for path in tree.FOLDER.parents[1].rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    }
    assert not long
