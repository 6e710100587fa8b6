"""What is sent to a model: published prompts, templates, examples, thinking."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import RunConfig
from harness.datasets import load_set
from harness.errors import InputError
from harness.extractors import DEFAULT, extract
from harness.pipeline.prompt_options import load_prompting, without_shown_examples
from harness.prompts import template as prompting
from harness.prompts.template import OWN, Prompting
from harness.tasks import codegen
from harness.types import Form, ProblemSet, Request, SamplingParams
from tests.fixtures.problems import write_rows

SAMPLING = SamplingParams(max_tokens=100)


@pytest.fixture(scope="module")
def mbpp(data: Path) -> ProblemSet:
    return load_set(str(data / "mbpp" / "mbpp.jsonl"), Path("/nonexistent"))


@pytest.fixture(scope="module")
def starter() -> ProblemSet:
    return load_set("starter", Path("/nonexistent"))


def ask(problems: ProblemSet, problem_id: str, form: Form, **options: object) -> Request:
    found = load_prompting(RunConfig.model_validate(options), problems, form)
    problem = problems.find(problem_id)
    assert problem is not None
    return codegen.request(problem, SAMPLING, form, found)


def label(problems: ProblemSet, form: Form, **options: object) -> str:
    return prompting.label(load_prompting(RunConfig.model_validate(options), problems, form))


def test_a_base_model_gets_the_prompt_as_it_stands_and_the_problem_s_stops(starter: ProblemSet) -> None:
    first = starter.problems[0]
    request = ask(starter, first.id, Form.COMPLETION)
    assert request.prompt == first.prompt and request.sampling.stop == first.stop and request.messages is None


# The sequences that bigcode-evaluation-harness cuts at, commit 8fc5bae; those of Chen et al. 2021 are in the first list.
STOPS = {
    "humaneval/HumanEval.jsonl.gz": {"\nclass", "\ndef", "\n#", "\n@", "\nprint", "\nif", "\n```", "<file_sep>"},
    "humanevalplus/HumanEvalPlus-OriginFmt.jsonl.gz": {
        "\nclass", "\ndef", "\n#", "\n@", "\nprint", "\nif", "\n```", "<file_sep>",
    },
    "mbpp/mbpp.jsonl": {"\nclass", "\nassert", '\n"""', "\nprint", "\nif", "\n<|/", "\n```"},
    "mbppplus/MbppPlus-OriginFmt.jsonl.gz": {"\nclass", "\nassert", '\n"""', "\nprint", "\nif", "\n<|/", "\n```"},
}  # fmt: skip


@pytest.mark.parametrize("file", STOPS)
def test_stop_sequences_are_those_of_the_published_evaluator(data: Path, file: str) -> None:
    problems = load_set(str(data / file), Path("/nonexistent")).problems
    assert all(set(problem.stop) == STOPS[file] for problem in problems)


def test_mbpp_s_three_examples_are_the_text_that_lm_eval_sends(data: Path, mbpp: ProblemSet) -> None:
    rows = {row["task_id"]: row for row in map(json.loads, (data / "mbpp" / "mbpp.jsonl").read_text().splitlines())}

    def asked(row: dict[str, object]) -> str:  # doc_to_text of lm_eval/tasks/mbpp/mbpp.yaml
        return (
            f"You are an expert Python programmer, and here is your task: {row['text']} Your code should pass these "
            "tests:\n\n{0[0]}\n{0[1]}\n{0[2]}\n[BEGIN]\n".format(row["test_list"])
        )

    # examples are joined by lm_eval's fewshot_delimiter, a blank line
    expected = "".join(f"{asked(rows[task])}{rows[task]['code']}\n[DONE]\n\n" for task in (2, 3, 4)) + asked(rows[11])
    request = ask(mbpp, "Mbpp/11", Form.COMPLETION, shots=3)
    assert request.prompt == expected and request.sampling.stop == ("[DONE]",)
    assert label(mbpp, Form.COMPLETION, shots=3) == "|shots:3"


def test_examples_are_not_measured(mbpp: ProblemSet) -> None:
    left = without_shown_examples(mbpp, load_prompting(RunConfig(shots=3), mbpp, Form.COMPLETION))
    assert {each.id for each in mbpp.problems} - {each.id for each in left.problems} == {"Mbpp/2", "Mbpp/3", "Mbpp/4"}
    assert without_shown_examples(mbpp, OWN) is mbpp


def test_the_default_adds_nothing_to_signature_and_fingerprint(mbpp: ProblemSet) -> None:
    for form in (Form.COMPLETION, Form.CHAT):
        found = load_prompting(RunConfig(shots=0), mbpp, form)
        assert found == OWN and prompting.label(found) == "" and prompting.identity(found) == {}


def test_a_chat_model_gets_system_examples_and_instruction_as_turns(mbpp: ProblemSet) -> None:
    request = ask(mbpp, "Mbpp/11", Form.CHAT, shots=2, system_prompt="Be brief.")
    assert request.messages is not None and request.sampling.stop == ()
    assert [each["role"] for each in request.messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert request.messages[2]["content"].startswith("```python\ndef similar_elements(")
    # doc_to_text of lm_eval/tasks/mbpp/mbpp_instruct.yaml
    assert request.messages[-1]["content"] == (
        "You are an expert Python programmer, and here is your task:\nWrite a python function to remove first and last "
        "occurrence of a given character from the string.\nYour code should pass these tests:\n"
        'assert remove_Occ("hello","l") == "heo"\nassert remove_Occ("abcda","a") == "bcd"\n'
        'assert remove_Occ("PHP","P") == "H"'
    )


def test_an_example_s_answer_is_extracted_as_its_program(mbpp: ProblemSet) -> None:
    request = ask(mbpp, "Mbpp/11", Form.CHAT, shots=3)
    assert request.messages is not None
    problem = mbpp.find("Mbpp/4")
    assert problem is not None
    taken = extract(DEFAULT, request.messages[5]["content"], problem.prompt, problem.entry_point)
    assert taken.source.strip() == problem.references[0].replace("\r\n", "\n").strip()


def test_what_differs_stands_in_the_signature_and_changes_with_its_text(starter: ProblemSet, tmp_path: Path) -> None:
    file, shots = tmp_path / "p.txt", tmp_path / "shots.jsonl"
    file.write_text("Solve:\n{prompt}")
    shots.write_text('{"prompt": "def one():\\n", "completion": "    return 1\\n"}\n')
    options: dict[str, object] = {
        "prompt_file": file, "shots_file": shots, "system_prompt": "A", "thinking_tokens": 9, "stop": ("#",),
    }  # fmt: skip
    whole = label(starter, Form.CHAT, **options)
    assert [part.partition(":")[0] for part in whole.split("|")] == [
        "",
        "prompt",
        "shots",
        "system",
        "thinking",
        "stop",
    ]
    for name, other in (("system_prompt", "B"), ("thinking_tokens", 10), ("stop", ("//",))):
        assert label(starter, Form.CHAT, **{**options, name: other}) != whole
    file.write_text("Solve this:\n{prompt}")
    assert label(starter, Form.CHAT, **options) != whole


def test_own_examples_stand_before_the_prompt(starter: ProblemSet, tmp_path: Path) -> None:
    file = tmp_path / "shots.jsonl"
    rows = [{"prompt": f"def f{i}():\n", "completion": f"    return {i}"} for i in range(3)]
    write_rows(file, *rows)
    request = ask(starter, starter.problems[0].id, Form.COMPLETION, shots_file=file, shots=2)
    assert (
        request.prompt == ("def f0():\n    return 0\n\n\ndef f1():\n    return 1\n\n\n" + starter.problems[0].prompt)
        and request.sampling.stop == starter.problems[0].stop
    )
    assert len(load_prompting(RunConfig(shots_file=file), starter, Form.COMPLETION).examples.shots) == 3  # type: ignore[union-attr]


def test_a_prompt_file_takes_the_place_of_the_prompt(starter: ProblemSet, tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    file.write_text("# {{name}} {entry_point}\n{prompt}")
    first = starter.problems[0]
    assert ask(starter, first.id, Form.COMPLETION, prompt_file=file).prompt == (
        f"# {{name}} {first.entry_point}\n{first.prompt}"
    )


@given(st.text(), st.text())
def test_whatever_text_a_problem_has_is_put_in_as_it_is(before: str, value: str) -> None:
    template = before.replace("{", "{{").replace("}", "}}") + "{prompt}"
    assert prompting.render(template, {"prompt": value}) == before + value


BAD_TEMPLATES = {
    "unknown": (
        "a\nb {promt}",
        r"p\.txt, line 2: unknown placeholder \{promt\} \(did you mean prompt\?\); known for .*: difficulty, entry_point, id, prompt",
    ),
    "attribute": ("{prompt.__class__}", r"unknown placeholder \{prompt\.__class__\}"),
    "conversion": ("{prompt!r}", r"unknown placeholder \{prompt!r\}"),
    "code": ('{"a": 1}', r"unknown placeholder .*write \{\{ and \}\} for braces"),
    "position": ("{}", "unknown placeholder"),
    "open": ("x {prompt", r"p\.txt: .*braces"),
    "closed": ("x } {prompt}", r"p\.txt: .*braces"),
}


@pytest.mark.parametrize("name", BAD_TEMPLATES)
def test_a_bad_placeholder_is_named_with_those_that_are_known(name: str, starter: ProblemSet, tmp_path: Path) -> None:
    text, message = BAD_TEMPLATES[name]
    (tmp_path / "p.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        load_prompting(RunConfig(prompt_file=tmp_path / "p.txt"), starter, Form.COMPLETION)


BAD_EXAMPLES = {
    "missing key": ('{"prompt": "a"}\n', "line 1: the key 'completion' is missing"),
    "no text": ('{"prompt": "a", "completion": 1}\n', "line 1: completion: text is expected, not int"),
    "no json": ('{"prompt": "a", "completion": "b"}\nx\n', "line 2: not JSON"),
    "empty": ("\n", "holds no examples"),
    "too few": ('{"prompt": "a", "completion": "b"}\n', "--shots 2, but .* has 1 examples"),
}


@pytest.mark.parametrize("name", BAD_EXAMPLES)
def test_bad_examples_are_named_with_their_line(name: str, starter: ProblemSet, tmp_path: Path) -> None:
    text, message = BAD_EXAMPLES[name]
    (tmp_path / "e.jsonl").write_text(text)
    with pytest.raises(InputError, match=message):
        load_prompting(RunConfig(shots_file=tmp_path / "e.jsonl", shots=2), starter, Form.COMPLETION)


def test_an_example_that_does_not_fill_the_template_is_named(mbpp: ProblemSet, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    with pytest.raises(InputError, match=r"e\.jsonl, example 1: the key 'text' is missing"):
        load_prompting(RunConfig(shots_file=tmp_path / "e.jsonl"), mbpp, Form.CHAT)


def test_a_set_without_examples_says_how_to_give_some(starter: ProblemSet) -> None:
    with pytest.raises(InputError, match="starter has no few-shot examples of its own; give them with --shots-file"):
        load_prompting(RunConfig(shots=3), starter, Form.COMPLETION)


@pytest.mark.parametrize("option", [{"system_prompt": "x"}, {"thinking_tokens": 10}])
def test_what_only_chat_has_a_place_for_is_refused_for_a_base_model(
    option: dict[str, object], starter: ProblemSet
) -> None:
    with pytest.raises(InputError, match="is for chat models"):
        load_prompting(RunConfig.model_validate(option), starter, Form.COMPLETION)


def test_a_thinking_budget_comes_on_top_of_max_tokens(starter: ProblemSet) -> None:
    request = ask(starter, starter.problems[0].id, Form.CHAT, thinking_tokens=1000)
    assert request.sampling.max_tokens == SAMPLING.max_tokens + 1000 and request.thinking_tokens == 1000


def test_an_identity_holds_the_texts_themselves(starter: ProblemSet) -> None:
    assert prompting.identity(Prompting(system="A")) != prompting.identity(Prompting(system="B"))
