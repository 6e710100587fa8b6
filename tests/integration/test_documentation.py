"""README and docs/: their examples run and print what they show, their links lead somewhere, their pages are current."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer.main

from docs.scripts import command_pages
from harness.cli import tree as line
from tests.fixtures.classroom import write_class
from tests.fixtures.commands import COMMAND, Harness
from tests.fixtures.documentation import Example, examples, pages
from tests.fixtures.places import EXAMPLE, ROOT
from tests.fixtures.problems import CALL, write_rows

pytestmark = pytest.mark.xdist_group("documentation")

# Why an example does not run in a test. The rest do.
ELSEWHERE = {
    r"^(make|pip|docker|apt-get) ": "it sets up an environment or an image",
    r"Qwen/": "it takes a model from a hub",
    r"http://": "it takes a model server",
    r"humaneval|mbpp": "it downloads a published set",
    r"run\.toml": "its file names a model server",
    r"\bRUN\b|RESULTS\b": "RUN stands for a run of the reader's",
    r"^harness (images|review|serve) ": "it takes the reader's own pictures, judges or clients; its command has tests of its own",
    r"--serve$": "it serves until Ctrl-C",
    r"--cluster|--sandbox-url|^ray ": "it takes other machines",
}
# What takes more than some seconds; `make test-all` runs it.
SLOW = r"--k 1,10|checkup|--strength|stride=256|\./checkpoint"
# What differs from run to run or from machine to machine.
VOLATILE = r"s CPU|tokens/s|^run: |^look at|^generate |sandbox docker|img:|^\.\.\.$|^loading |^report: |^signature: "
PRICES = {
    "id": "prices/tickets",
    "prompt": 'def price(n):\n    """The price of n tickets: 8 each, and 6 each from the tenth on."""\n',
    "entry_point": "price",
    "tests": {"kind": "call", "source": "def check(candidate):\n    assert candidate(1) == 8\n    assert candidate(5) == 40\n    assert candidate(20) == 138\n"},
    "reference": "    return 8 * n if n < 10 else 72 + 6 * (n - 9)\n",
    "wrong": ["    return 8 * n\n", "    return 6 * n\n"],
}  # fmt: skip
# Commands whose exit code 1 is an answer: a sign was found.
EXIT_CODES = {"harness overfit": (0, 1)}


def _runnable(example: Example) -> bool:
    return not any(re.search(pattern, example.command) for pattern in ELSEWHERE)


RUN = [
    pytest.param(each, id=str(each), marks=[pytest.mark.slow] if re.search(SLOW, each.command) else [])
    for each in examples()
    if _runnable(each)
]
OPTIONS = [pytest.param(each, id=str(each)) for each in examples() if "harness " in each.command]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples speak of."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "results").mkdir()
    (folder / "results" / "example").symlink_to(EXAMPLE.parent)
    (folder / "checkpoint").symlink_to(ROOT / "harness" / "models" / "nano")
    (folder / "main.py").write_text("import sys\nprint(sys.argv[1:], open('data.csv').read())\n")
    (folder / "main.cpp").write_text('#include <cstdio>\nint main() { std::puts("42"); }\n')
    (folder / "main.ts").write_text("const x: number = 42; console.log(x)\n")
    (folder / "data.csv").write_text("a,b\n1,2\n")
    words = ["amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath"]
    texts = [{"text": " ".join(words[(n * k) % 8] + str(n * k) for k in range(1, 12))} for n in range(1, 61)]
    for name, rows in {"data": texts, "train": texts[:40], "validation": texts[40:]}.items():
        write_rows(folder / f"{name}.jsonl", *rows)
    write_rows(
        folder / "texts.jsonl",
        *({"id": f"t/{n}", "prompt": "def f(x):\n", "reference": "    return x\n"} for n in range(2)),
    )
    write_rows(
        folder / "tickets.jsonl", *({"id": f"t/{n}", "text": f"It fails {n} times", "label": "bug"} for n in range(3))
    )
    write_class(folder)
    write_rows(folder / "mini.jsonl", CALL)
    write_rows(folder / "prices.jsonl", PRICES)
    write_rows(folder / "mini_samples.jsonl", {"task_id": CALL["id"], "completion": CALL["reference"]})
    history = [{"step": n * 10, "loss": 2.0 / n, "eval_loss": 2.5 / n} for n in range(1, 6)]
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    subprocess.run([COMMAND, "export", EXAMPLE, "--format", "evalplus", "-o", "samples.jsonl"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("example", RUN)
def test_an_example_runs_and_prints_what_the_page_shows(
    harness: Harness, place: Path, monkeypatch: pytest.MonkeyPatch, example: Example
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PATH", str(Path(COMMAND).parent), prepend=os.pathsep)
    if re.search(r"^harness [^|>;]*$", example.command):
        answer = harness(*shlex.split(example.command)[1:], cwd=place)
    else:
        shell = ["bash", "-c", example.command]
        answer = subprocess.run(shell, cwd=place, capture_output=True, text=True, timeout=600, check=False)
    allowed = next((codes for start, codes in EXIT_CODES.items() if example.command.startswith(start)), (0,))
    assert answer.returncode in allowed, answer.stderr
    printed = " ".join((answer.stdout + answer.stderr).split())
    shown = [" ".join(text.split()) for text in example.output if text.strip() and not re.search(VOLATILE, text)]
    assert [text for text in shown if text not in printed] == []


@pytest.mark.parametrize("example", OPTIONS)
def test_the_options_of_an_example_exist(example: Example) -> None:
    words = shlex.split(example.command, comments=True)
    words = words[words.index("harness") + 1 :]
    words = words[: words.index("--")] if "--" in words else words
    command = cast(Any, typer.main.get_command(line.app)).commands[words[0]]
    command = getattr(command, "commands", {}).get(words[1] if len(words) > 1 else "", command)
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if re.match(r"-{1,2}[a-z]", word)} <= known


# One quick call of each command that prints JSON, in the folder of `place`.
JSON = {
    "compare": ["results/example/nano-T0.8", "results/example/nano-base-T0.8"],
    "doctor": [],
    "exec": ["main.py", "--file", "data.csv"],
    "export": ["results/example/nano-T0.8", "--format", "csv", "-o", "out.csv"],
    "import": ["samples.eval_results.json", "--model", "org/model"],
    "leaks": ["train.jsonl", "validation.jsonl"],
    "overfit": ["--curve", "trainer_state.json"],
    "plan": ["--effect", "3"],
    "run": ["--problems", "mini.jsonl", "--n", "2", "--k", "1"],
    "score": ["mini_samples.jsonl", "--problems", "mini.jsonl"],
    "show": ["results/example/nano-T0.8"],
    "split": ["data.jsonl", "-o", "parts"],
    "verify": ["mini.jsonl"],
}


def _explained(command: str) -> set[str]:
    """The words in code of the sections of docs/json.md that are about a command."""
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", text, re.MULTILINE)
    return {
        word for title, body in sections if command in re.split(r",? ", title) for word in re.findall(r"`(\w+)`", body)
    }


@pytest.mark.parametrize("command", JSON)
def test_every_key_that_a_command_prints_is_explained(harness: Harness, place: Path, command: str) -> None:
    answer = harness(command, *JSON[command], "--json", cwd=place)
    printed = json.loads(answer.stdout.splitlines()[-1])
    assert printed.keys() - _explained(command) == set()


def test_the_readme_is_one_page_that_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    commands = cast(Any, typer.main.get_command(line.app)).commands
    assert [name for name in commands if f"`harness {name}`" not in text] == []


def test_the_pages_of_the_commands_are_current() -> None:
    assert command_pages.stale() == [], f"renew them with: {command_pages.RENEW}"


def _links() -> Iterator[tuple[str, str, str]]:
    for path in pages():
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" not in target:
                file, _, anchor = target.partition("#")
                yield str(path.relative_to(ROOT)), str(path.parent / file) if file else str(path), anchor


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    broken = [
        (page, target, anchor)
        for page, target, anchor in _links()
        if not Path(target).exists() or (anchor and anchor not in _anchors(Path(target)))
    ]
    assert broken == []


def test_the_site_builds_without_a_warning_has_a_search_index_and_fetches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    index = (tmp_path / "site" / "search" / "search_index.json").read_text(encoding="utf-8")
    assert "pass@k" in index and "commands/verify.html" in index
    for page in (tmp_path / "site").rglob("*.html"):
        assert not re.search(
            r"""<(script|link|img)[^>]*(src|href)=["']?(https?:)?//""", page.read_text(encoding="utf-8")
        )
