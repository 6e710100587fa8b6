"""`harness checkup` with real models, one of which learned its training texts by heart; each figure made again."""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
import transformers
from sklearn.metrics import accuracy_score
from statsmodels.stats.multitest import multipletests

from harness.datasets import load_set, shipped_folder
from harness.models import model_dir
from harness.tasks import open_task
from harness.text.words import tokens
from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows, write_rows

Record = dict[str, Any]
K, N = "1,2", "3"
LABELS = [
    ("The soup was cold again.", "food"),
    ("return len(xs)", "code"),
    ("for x in xs:", "code"),
    ("Bread.", "food"),
]
SUMMARIES = [("Return the sum of the list.", "Sum a list."), ("def f(xs):\n    return len(xs)\n", "Count items."),
             ("Return the largest number in xs.", "Return the largest.")]  # fmt: skip
PLAIN = ["The fog came in before noon and took the harbour piece by piece.", "Two winters of floods loosened it.",
         "Nobody answers my messages about the blue kettle."]  # fmt: skip
EPOCHS = (2.0, 1.5, 1.8, 2.2)


@pytest.fixture(scope="module")
def problems() -> list[Record]:
    lines = (shipped_folder() / "starter.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines[:6]]


@pytest.fixture(scope="module")
def planted(texts: dict[str, list[str]], problems: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file that a data directory may have. One programming problem and its solution are in the training data."""
    folder = tmp_path_factory.mktemp("planted")
    leak = problems[0]["prompt"] + "\n" + problems[0]["reference"]
    write_rows(folder / "train.jsonl", *({"text": text} for text in [*texts["train"], leak]))
    write_rows(folder / "validation.jsonl", *({"text": text} for text in texts["validation"]))
    write_rows(folder / "codegen.jsonl", *problems)
    write_rows(folder / "summarization.jsonl", *({"text": text, "summary": short} for text, short in SUMMARIES))
    write_rows(folder / "classification.jsonl", *({"text": text, "label": label} for text, label in LABELS))
    write_rows(folder / "perplexity.jsonl", *({"text": text} for text in PLAIN))
    log = [{"epoch": epoch, "step": 10 * epoch, "eval_loss": loss} for epoch, loss in enumerate(EPOCHS, 1)]
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    return folder


@pytest.fixture(scope="module")
def command(planted: Path, overfit: Path) -> list[str | Path]:
    return ["checkup", "--base", "nano", "--tuned", overfit, "--data", planted, "--k", K, "--n", N, "--prompts", "6"]


@pytest.fixture(scope="module")
def place(harness: Harness, command: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the command ran."""
    folder = tmp_path_factory.mktemp("checkup")
    answer = harness(*command, cwd=folder)
    assert answer.returncode == 0, answer.stderr
    (folder / "stdout").write_text(answer.stdout)
    (folder / "stderr").write_text(answer.stderr)
    return folder


@pytest.fixture(scope="module")
def record(place: Path) -> Record:
    found: Record = json.loads((place / "checkup" / "checkup.json").read_text())
    return found


def line(record: Record, part: str, metric: str) -> Record:
    return next(each for each in record["lines"] if (each["part"], each["metric"]) == (part, metric))


def rows(place: Path, record: Record, side: str, part: str, name: str) -> list[Record]:
    return read_rows(place / record["runs"][side][part] / name)


def check(record: Record, name: str) -> Record:
    return next(each for each in record["checks"] if each["name"] == name)


# -- every figure, made again


def passed(place: Path, record: Record, side: str) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {}
    for each in rows(place, record, side, "codegen", "executions.jsonl"):
        found.setdefault(each["problem_id"], []).append(each["verdict"] == "ACCEPTED")
    return found


@pytest.mark.parametrize("k", [1, 2])
def test_pass_at_k_is_the_share_of_draws_of_k_samples_with_one_that_passed(place: Path, record: Record, k: int) -> None:
    for side in ("base", "tuned"):
        shares = [
            np.mean([any(draw) for draw in itertools.combinations(each, k)])
            for each in passed(place, record, side).values()
        ]
        assert len(shares) == 6
        assert line(record, "codegen", f"pass@{k}")[side]["value"] == pytest.approx(np.mean(shares))


def test_rouge_is_that_of_rouge_score_on_the_stored_completions(place: Path, record: Record) -> None:
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    for side in ("base", "tuned"):
        found = rows(place, record, side, "summarization", "completions.jsonl")
        values = [
            scorer.score(SUMMARIES[int(each["problem_id"].rpartition("/")[2]) - 1][1], each["text"])["rougeL"].fmeasure
            for each in found
        ]
        assert line(record, "summarization", "rougeL")[side]["value"] == pytest.approx(np.mean(values))


def test_accuracy_is_that_of_scikit_learn_on_the_most_probable_labels(place: Path, record: Record) -> None:
    labels = ["food", "code"]  # in the file's order
    for side in ("base", "tuned"):
        found = sorted(rows(place, record, side, "classification", "completions.jsonl"), key=lambda x: x["problem_id"])
        predicted = [labels[int(np.argmax([sum(one) for one in each["logprobs"]]))] for each in found]
        accuracy = accuracy_score([label for _, label in LABELS], predicted)
        assert line(record, "classification", "accuracy")[side]["value"] == accuracy


def nats(model: Path, texts: list[str]) -> list[tuple[float, int]]:
    """By transformers alone: loss and number of predicted tokens of each text."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    found = []
    with torch.no_grad():
        for text in texts:
            ids = tokenizer(text, return_tensors="pt").input_ids
            predicted = ids.shape[1] - 1
            found.append((loaded(input_ids=ids, labels=ids).loss.item() * predicted, predicted))
    return found


def mean(pairs: list[tuple[float, int]]) -> float:
    return sum(loss for loss, _ in pairs) / sum(count for _, count in pairs)


@pytest.fixture(scope="module")
def losses(overfit: Path, planted: Path) -> dict[str, dict[str, list[tuple[float, int]]]]:
    """Side -> file -> what transformers says."""
    read = {name: [json.loads(row)["text"] for row in (planted / f"{name}.jsonl").read_text().splitlines()]
            for name in ("train", "validation", "perplexity")}  # fmt: skip
    return {side: {name: nats(model, texts) for name, texts in read.items()}
            for side, model in (("base", model_dir("nano")), ("tuned", overfit))}  # fmt: skip


@pytest.mark.parametrize(("part", "file"), [("validation", "validation"), ("perplexity", "perplexity")])
def test_perplexity_before_and_after_is_that_of_transformers(losses: Any, record: Record, part: str, file: str) -> None:
    found = line(record, part, "perplexity")
    before, after = (math.exp(mean(losses[side][file])) for side in ("base", "tuned"))
    assert (found["base"]["value"], found["tuned"]["value"]) == pytest.approx((before, after), rel=1e-3)
    assert found["relative"]["value"] == pytest.approx(after / before - 1, rel=1e-2)


def test_the_loss_gaps_are_those_of_transformers(losses: Any, record: Record) -> None:
    for side in ("base", "tuned"):
        expected = mean(losses[side]["validation"]) - mean(losses[side]["train"])
        assert record["overfitting"]["gaps"][side]["value"] == pytest.approx(expected, abs=2e-3)


def test_p_values_are_those_of_scipy_and_their_correction_that_of_statsmodels(place: Path, record: Record) -> None:
    found = record["lines"]
    shares = [[np.mean(each) for each in passed(place, record, side).values()] for side in ("tuned", "base")]
    names = [list(passed(place, record, side)) for side in ("tuned", "base")]
    theirs = [dict(zip(*pair, strict=True)) for pair in zip(names, shares, strict=True)]
    gaps = [theirs[0][name] - theirs[1][name] for name in theirs[0]]
    test = scipy.stats.permutation_test(
        (gaps,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    assert line(record, "codegen", "pass@1")["p_value"] == pytest.approx(test.pvalue)
    adjusted = multipletests([each["p_value"] for each in found], method="holm")[1]
    assert [each["p_adjusted"] for each in found] == pytest.approx(list(adjusted))


def test_a_verdict_follows_from_the_corrected_p_and_the_side_of_the_difference(record: Record) -> None:
    assert len({each["verdict"] for each in record["lines"]}) > 1
    for each in record["lines"]:
        up = (each["difference"] > 0) != ("perplexity" in each["metric"])
        expected = ("better" if up else "worse") if each["p_adjusted"] <= 0.05 else "no evidence"
        assert each["verdict"] == expected


def test_the_items_it_takes_to_tell_are_the_fewest_that_detect_the_difference(place: Path, record: Record) -> None:
    found = line(record, "codegen", "pass@1")
    sides = [passed(place, record, side) for side in ("tuned", "base")]
    gaps = [np.mean(sides[0][name]) - np.mean(sides[1][name]) for name in sides[0]]
    alpha = 0.05 / len(record["lines"])

    def detectable(n: int) -> float:
        quantiles = scipy.stats.t.ppf(1 - alpha / 2, n - 1) + scipy.stats.t.ppf(0.8, n - 1)
        return float(quantiles * math.sqrt(np.var(gaps, ddof=1) / n))

    by_variance = next(n for n in range(2, 10**6) if detectable(n) <= abs(np.mean(gaps)))
    # of 6 items that all differ the smallest p of an exact test is 2 / 2^6
    differing = sum(gap != 0 for gap in gaps)
    by_test = next(n for n in range(1, 10**6) if 2 / 2 ** (n * differing / len(gaps)) <= alpha)
    assert len({round(abs(gap), 9) for gap in gaps if gap}) > 1, "differences of one size are told by McNemar's test"
    assert found["needed"] == max(by_variance, by_test)


def longest_run(output: str, sources: list[str]) -> int:
    """The longest run of tokens that is in a source, by trying each."""
    words = tokens(output)
    best = 0
    for source in (tokens(each) for each in sources):
        known = {tuple(source[start : start + best + 1]) for start in range(len(source) - best)}
        for start in range(len(words)):
            while tuple(words[start : start + best + 1]) in known and start + best < len(words):
                best += 1
                known = {tuple(source[at : at + best + 1]) for at in range(len(source) - best)}
    return best


def test_copies_are_those_that_a_search_of_every_run_finds(
    place: Path, record: Record, texts: dict[str, list[str]]
) -> None:
    outputs = [each["text"] for each in rows(place, record, "tuned", "train continuation", "completions.jsonl")]
    found = [longest_run(output, texts["train"]) for output in outputs]
    copies = record["overfitting"]["copies"][0]
    assert copies["long"]["count"] == sum(length >= 50 for length in found) and len(outputs) == 6
    assert copies["longest"] == max(found)


def test_the_report_shows_the_figures_of_the_json(place: Path, record: Record) -> None:
    page = (place / "checkup" / "report.html").read_text()
    for each in record["lines"]:
        row = page[page.index(f'data-part="{each["part"]}" data-metric="{each["metric"]}"') :].partition("</tr>")[0]
        for value in (each["base"]["value"], each["tuned"]["value"], each["difference"]):
            assert f'data-v="{value}"' in row
        assert f">{each['verdict']}</span>" in row
    for each in record["checks"]:
        row = page[page.index(f'data-check="{each["name"]}"') :].partition("</tr>")[0]
        assert f">{each['verdict']}</span>" in row


def test_the_report_is_one_file_that_asks_for_nothing(place: Path) -> None:
    page = (place / "checkup" / "report.html").read_text()
    assert "default-src &#39;none&#39;" in page and "<script" not in page and "src=" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page


# -- what is planted is found, and clean data raises nothing


def test_a_planted_gap_planted_copies_and_a_planted_turn_are_found(record: Record) -> None:
    for name in ("loss gap", "copies", "training curve"):
        assert check(record, name)["verdict"] == "sign" and check(record, name)["advice"]
    assert "severe" in check(record, "loss gap")["words"] and "epoch 2" in check(record, "training curve")["words"]


def test_a_planted_leak_is_found_and_only_that(record: Record) -> None:
    leaks = {name: each["exact"] + each["near"] + each["contained"] for name, each in record["leaks"].items()}
    assert leaks == {"codegen": 1, "summarization": 0, "classification": 0, "perplexity": 0, "validation": 0}
    assert record["leaks"]["codegen"]["examples"][0]["found_in"].endswith("train.jsonl, line 11")
    assert check(record, "leaks: codegen")["verdict"] == "sign" and "1 of 6" in check(record, "leaks: codegen")["words"]


def test_the_first_paragraph_doubts_a_better_score_of_a_model_that_memorized(record: Record) -> None:
    assert line(record, "validation", "perplexity")["verdict"] == "better"
    assert record["headline"].startswith("Not to be trusted yet: overfit")
    assert "4 of 8 checks for memorization and leaks found something" in record["headline"]


@pytest.fixture(scope="module")
def clean(texts: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that no model here was trained on."""
    folder = tmp_path_factory.mktemp("clean")
    for name in ("train", "validation"):
        write_rows(folder / f"{name}.jsonl", *({"text": text} for text in texts[name]))
    return folder


@pytest.fixture(scope="module")
def killed(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkup of nano-base and nano that was killed while it ran, then run again to its end."""
    folder = tmp_path_factory.mktemp("killed")
    whole = [sys.executable, "-m", "harness", "checkup", "--base", "nano-base", "--tuned", "nano", "--data", clean,
             "--prompts", "6"]  # fmt: skip
    with open(folder / "first", "w") as first:
        running = subprocess.Popen(whole, cwd=folder, stderr=first, stdout=first, start_new_session=True)
        while not any(
            path.stat().st_size for path in folder.glob("results/train-beginnings/nano-base/*/completions.jsonl")
        ):
            assert running.poll() is None, (folder / "first").read_text()
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    before = {path: path.read_bytes() for path in folder.glob("results/*/*/*/completions.jsonl")}
    answer = subprocess.run(whole, cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert all(path.read_bytes().startswith(data[: data.rfind(b"\n") + 1]) for path, data in before.items())
    (folder / "stderr").write_text(answer.stderr)
    return folder


def test_clean_data_raises_no_sign(killed: Path) -> None:
    record = json.loads((killed / "checkup" / "checkup.json").read_text())
    assert [each["name"] for each in record["checks"]] == ["loss gap", "copies", "leaks: validation"]
    assert {each["verdict"] for each in record["checks"]} == {"no sign"}
    assert record["headline"].startswith("No: nano is worse than nano-base on validation perplexity")
    assert "None of 3 checks" in record["headline"]


def test_a_killed_checkup_goes_on_and_asks_for_nothing_twice(killed: Path) -> None:
    assert "this run is complete: nothing is done again" in (killed / "stderr").read_text()
    for path in killed.glob("results/*/*/*/completions.jsonl"):
        ids = [json.loads(row)["problem_id"] for row in path.read_text().splitlines()]
        assert len(ids) == len(set(ids)) and ids


def test_a_complete_checkup_opens_no_model_and_comes_to_the_same(
    harness: Harness, command: list[str | Path], place: Path, record: Record
) -> None:
    answer = harness(*command, "--json", cwd=place)
    assert answer.returncode == 0 and "loading" not in answer.stderr
    assert json.loads(answer.stdout) == record


def test_each_model_is_loaded_once_for_everything(place: Path) -> None:
    notes = (place / "stderr").read_text()
    assert notes.count("loading ") == 2 and notes.count("(engine transformers") == 2


# -- examples, limits, surroundings


def test_examples_are_what_the_models_wrote_and_the_largest_differences_come_first(place: Path, record: Record) -> None:
    examples = [each for each in record["examples"] if each["part"] == "codegen"]
    assert len(examples) == 6
    gaps = [abs(each["gap"]) for each in examples]
    assert gaps == sorted(gaps, reverse=True) and gaps[0] > 0
    for side in ("base", "tuned"):
        written = {
            (row["problem_id"], row["text"]) for row in rows(place, record, side, "codegen", "completions.jsonl")
        }
        assert all((each["problem_id"], each[side]["text"]) in written for each in examples)


def test_a_label_chosen_by_probability_is_shown_as_the_models_answer(place: Path, record: Record) -> None:
    scores = {row["problem_id"]: row["notes"]["predicted"]
              for row in rows(place, record, "tuned", "classification", "scores.jsonl")}  # fmt: skip
    found = {
        each["problem_id"]: each["tuned"]["text"] for each in record["examples"] if each["part"] == "classification"
    }
    assert found == scores


def test_the_terminal_has_a_row_for_each_verdict_and_the_reports_path(place: Path, record: Record) -> None:
    shown = (place / "stdout").read_text()
    for each in record["lines"]:
        assert each["verdict"] in shown
    assert (
        "report: checkup/report.html" in shown and "no sign" in shown and "1 of 6 items (16.7%, 95 % interval" in shown
    )


def test_a_limit_takes_items_by_the_seed_from_the_file_as_it_is(
    harness: Harness, planted: Path, problems: list[Record], tmp_path: Path
) -> None:
    from harness.checkup.data import ItemSelection, open_data

    choice = ItemSelection(limit=3, prompts=2, seed=1, copies=tmp_path / "copies", cache=tmp_path)
    data = open_data(planted, choice)
    part = data.part("codegen")
    assert part is not None and (part.items, part.total) == (3, 6)
    kept = Path(part.problems).read_text().splitlines()
    assert len(kept) == 3 and set(kept) <= set((planted / "codegen.jsonl").read_text().splitlines())
    labels = data.part("classification")
    assert labels is not None
    chosen = load_set(labels.problems, tmp_path, open_task("classification")).problems
    assert {problem.metadata["labels"] for problem in chosen} == {("food", "code")}
    other = open_data(planted, ItemSelection(limit=3, prompts=2, seed=2, copies=tmp_path / "others", cache=tmp_path))
    assert [Path(each.problems).read_bytes() for each in other.parts] != [
        Path(each.problems).read_bytes() for each in data.parts
    ]


def test_instruction_pairs_are_gone_on_with_from_the_instruction(tmp_path: Path) -> None:
    from harness.checkup.data import ItemSelection, open_data

    write_rows(
        tmp_path / "validation.jsonl", *({"instruction": f"Add {n}.", "output": f"It is {n}."} for n in range(3))
    )
    data = open_data(tmp_path, ItemSelection(limit=9, prompts=2, seed=0, copies=tmp_path / "c", cache=tmp_path))
    part = data.part("validation continuation")
    assert part is not None and part.items == 2
    first = load_set(part.problems, tmp_path, open_task("continuation")).problems[0]
    assert (first.prompt, first.references) == ("Add 0.\n", ("It is 0.",))


ROW = {"perplexity.jsonl": '{"text": "a b"}\n'}


@pytest.mark.parametrize(
    ("files", "more", "message"),
    [
        ({"train.jsonl": '{"text": "a b"}\n{"text": \n'}, [], "data/train.jsonl, line 2: not JSON"),
        (ROW, ["--limit", "1"], "--limit: an interval needs at least 2"),
        (ROW, ["--tuned", "nano-base"], "are the same model, nano-base"),
        (ROW, ["--tuned", "./gone"], "'./gone' is not a directory"),
        (ROW, ["--data", "gone"], "gone is not a directory; --data takes one with train.jsonl"),
    ],
)
def test_bad_input_is_named_and_nothing_is_run(
    harness: Harness, tmp_path: Path, files: dict[str, str], more: list[str], message: str
) -> None:
    (tmp_path / "data").mkdir()
    for name, text in files.items():
        (tmp_path / "data" / name).write_text(text)
    answer = harness("checkup", "--base", "nano-base", "--tuned", "nano", "--data", "data", *more, cwd=tmp_path)
    assert answer.returncode == 2 and message in answer.stderr, answer.stderr
    assert not (tmp_path / "results").exists() and not (tmp_path / "checkup" / "report.html").exists()


def test_two_models_are_asked_for(harness: Harness, tmp_path: Path) -> None:
    answer = harness("checkup", "--base", "nano", cwd=tmp_path)
    assert answer.returncode == 2 and "--base-url and --tuned-url" in answer.stderr


@pytest.mark.slow
def test_on_vllm_one_server_is_started_for_each_model(
    vllm_python: Path, harness: Harness, planted: Path, clean: Path, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/starts\nexec {vllm_python} "$@"\n')
    python.chmod(0o755)
    data = tmp_path / "data"
    shutil.copytree(clean, data)
    shutil.copy(planted / "codegen.jsonl", data)
    answer = harness(
        "checkup", "--base", "nano-base", "--tuned", "nano", "--data", data, "--engine", "vllm", "--vllm-python", python,
        "--limit", "4", "--prompts", "2", "--n", "2", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    starts = [each for each in (tmp_path / "starts").read_text().splitlines() if "--served-model-name" in each]
    assert len(starts) == 2
    found = json.loads(answer.stdout)
    assert {path.partition("/")[2].split("/")[1] for path in found["runs"]["tuned"].values()} == {"nano"}
    before, after = (
        math.exp(mean(nats(model_dir(name), [json.loads(row)["text"] for row in
                      Path(tmp_path, "checkup", "data", "validation.jsonl").read_text().splitlines()])))
        for name in ("nano-base", "nano")
    )  # fmt: skip
    shown = line(found, "validation", "perplexity")
    assert (shown["base"]["value"], shown["tuned"]["value"]) == pytest.approx((before, after), rel=2e-2)
