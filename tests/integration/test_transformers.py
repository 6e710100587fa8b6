"""Engine `transformers` with nano: batches of several requests, as a GPU has them, give what each would give alone."""

from __future__ import annotations

import concurrent.futures
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import transformers

from harness.config import RunConfig
from harness.datasets import load_set
from harness.engines import transformers as engine
from harness.engines._selection import find_model
from harness.errors import RequestRefused
from harness.models import model_dir
from harness.types import Completion, Request, SamplingParams

PROBLEMS = load_set("starter", Path("unused")).problems[:24]


@pytest.fixture(scope="module")
def alone() -> Iterator[engine.TransformersEngine]:
    opened = engine.open_engine(engine.Options(model=str(model_dir("nano"))))
    yield opened
    opened.close()


def requests(n: int, temperature: float) -> list[Request]:
    return [
        Request(
            problem_id=problem.id,
            sampling=SamplingParams(n=n, temperature=temperature, max_tokens=48, stop=problem.stop, seed=3),
            prompt=problem.prompt,
        )
        for problem in PROBLEMS
    ]


def together(asked: list[Request], rows: int) -> list[list[Completion]]:
    opened = engine.open_engine(engine.Options(model=str(model_dir("nano")), rows=rows))
    with concurrent.futures.ThreadPoolExecutor(opened.concurrency) as pool:
        completions = list(pool.map(opened.complete, asked))
    opened.close()
    return completions


@pytest.mark.parametrize(("n", "temperature"), [(1, 0.0), (3, 0.8)])
def test_requests_in_one_batch_have_the_completions_that_each_has_alone(
    alone: engine.TransformersEngine, n: int, temperature: float
) -> None:
    asked = requests(n, temperature)
    batched = [each for answer in together(asked, 16) for each in answer]
    single = [each for request in asked for each in alone.complete(request)]
    assert [(each.problem_id, each.index, each.seed, each.prompt_tokens) for each in batched] == [
        (each.problem_id, each.index, each.seed, each.prompt_tokens) for each in single
    ]
    equal = sum(one.text == other.text for one, other in zip(batched, single, strict=True))
    assert equal >= 0.95 * len(single)  # padding changes the last bits of a logit, which may decide a near tie


def test_a_request_larger_than_a_batch_is_drawn_whole(alone: engine.TransformersEngine) -> None:
    (asked,) = requests(5, 0.8)[:1]
    ((*batched,),) = together([asked], 2)
    assert [each.text for each in batched] == [each.text for each in alone.complete(asked)]


def test_a_part_of_a_request_has_the_samples_that_the_whole_has(alone: engine.TransformersEngine) -> None:
    (asked,) = requests(4, 0.8)[:1]
    whole = alone.complete(asked)
    rest = Request(
        problem_id=asked.problem_id,
        sampling=SamplingParams(n=2, temperature=0.8, max_tokens=48, stop=asked.sampling.stop, seed=3),
        first=2,
        prompt=asked.prompt,
    )
    assert [(each.index, each.seed, each.text) for each in alone.complete(rest)] == [
        (each.index, each.seed, each.text) for each in whole[2:]
    ]


def test_a_prompt_longer_than_the_context_is_refused(alone: engine.TransformersEngine) -> None:
    with pytest.raises(RequestRefused, match="longer than the model's context"):
        alone.complete(Request(problem_id="p", sampling=SamplingParams(), prompt="x = 1\n" * 400))


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter of nano whose matrices are not zero."""
    peft = pytest.importorskip("peft")
    folder = tmp_path_factory.mktemp("lora") / "mine"
    base = transformers.AutoModelForCausalLM.from_pretrained(model_dir("nano"), dtype=torch.float32)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of what peft still asks of transformers
        model = peft.get_peft_model(base, config)
    model.peft_config["default"].base_model_name_or_path = str(model_dir("nano"))
    model.save_pretrained(folder)
    return folder


def test_an_adapter_is_sampled_on_its_base(adapter: Path, alone: engine.TransformersEngine) -> None:
    found = find_model(RunConfig(model=str(adapter), engine="transformers"))
    assert found.name == "mine" and found.source == str(model_dir("nano"))
    opened = engine.open_engine(engine.Options(model=str(found.source), adapter=found.adapter))
    asked = requests(2, 0.8)[:6]
    tuned, base = ([[c.text for c in each.complete(request)] for request in asked] for each in (opened, alone))
    opened.close()
    assert tuned != base
