"""Trains the embedded models `nano-base` and `nano` from nothing, on the CPU: `python -m
harness.models.training.train`.

`nano-base` is pre-trained on a stream of generated functions, half without a docstring and half with the docstring of
another function, so that it writes Python but does not follow a docstring. `nano` goes on from there on functions with
their own docstrings. Both are written as ordinary Hugging Face Llama checkpoints, with the logged losses.

The same seed gives the same corpus everywhere; the same weights only with the same torch version, thread count and kind
of processor. One thread is the default: on a busy machine two that wait for each other are slower than one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harness.models.training.corpus import (
    FUNCTIONS,
    SEED,
    STARTER,
    VALIDATION,
    Function,
    corpus_sha256,
    functions,
    read_held_out,
)

LOG_POINTS = 13  # of a loss curve
PAD, BOS, EOS = "<|pad|>", "<|bos|>", "<|eos|>"
Report = Callable[[str], None]
Row = tuple[list[int], list[int]]  # the tokens, and the labels (-100 where there is no loss)


@dataclass(frozen=True)
class Plan:
    """Sizes and schedule of a training run."""

    seed: int = SEED
    functions: int = FUNCTIONS
    validation: int = VALIDATION
    vocabulary: int = 1024
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 2
    head_size: int = 64
    intermediate: int = 384
    positions: int = 512
    base_steps: int = 300
    base_length: int = 96
    base_rows: int = 16
    tune_steps: int = 1300
    tune_rows: int = 16
    learning_rate: float = 2e-3
    tune_learning_rate: float = 2e-3
    warm_up: int = 60
    threads: int = 1


def train_tokenizer(corpus: list[Function], vocabulary: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on the corpus: any text round-trips through it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((function.source for function in corpus), trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )


def base_texts(corpus: list[Function], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (signature and perhaps a docstring, body), where the docstring and the name are another function's."""
    for function in corpus:
        other = rng.choice(corpus)
        stray = Function(other.name, function.args, other.doc, function.body)
        text = stray.source if rng.random() < 0.5 else stray.without_doc()
        yield text.removesuffix(function.body), function.body


def base_rows(texts: Iterator[tuple[str, str]], tokenizer: PreTrainedTokenizerFast, length: int) -> list[Row]:
    """Pack the texts, each ended by the end token, into rows of `length` tokens."""
    stream: list[int] = []
    for head, body in texts:
        stream += [*encode(tokenizer, head), *encode(tokenizer, body), token_id(tokenizer, EOS)]
    starts = range(0, len(stream) - length, length)
    return [(stream[start : start + length], stream[start : start + length]) for start in starts]


def tune_rows(corpus: list[Function], tokenizer: PreTrainedTokenizerFast) -> list[Row]:
    """One function per row: the loss is on the body and the end token only."""
    rows = []
    for function in corpus:
        head = encode(tokenizer, function.prompt)
        body = [*encode(tokenizer, function.body), token_id(tokenizer, EOS)]
        rows.append((head + body, [-100] * len(head) + body))
    return rows


def encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Return the tokens of `text`, without special ones."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


def token_id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    """Return the id of a special token."""
    found = tokenizer.convert_tokens_to_ids(token)
    if not isinstance(found, int):
        raise TypeError(f"{token} is not one token")
    return found


def collate(rows: list[Row]) -> tuple[Tensor, Tensor]:
    """Pad rows on the right to the longest of them."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows])
    return ids, labels


def batches(rows: list[Row], size: int, rng: random.Random) -> Iterator[list[Row]]:
    """Yield batches for ever: every epoch in a new order, rows of similar length together."""
    while True:
        order = rng.sample(rows, len(rows))
        pools = [order[start : start + 16 * size] for start in range(0, len(order), 16 * size)]
        for pool in pools:
            pool.sort(key=lambda row: len(row[0]))
            cut = [pool[start : start + size] for start in range(0, len(pool), size)]
            rng.shuffle(cut)
            yield from cut


def new_model(plan: Plan, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Return an untrained Llama of the planned size."""
    config = LlamaConfig(
        vocab_size=plan.vocabulary,
        hidden_size=plan.hidden,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.key_value_heads,
        head_dim=plan.head_size,
        intermediate_size=plan.intermediate,
        max_position_embeddings=plan.positions,
        tie_word_embeddings=True,
        bos_token_id=token_id(tokenizer, BOS),
        eos_token_id=token_id(tokenizer, EOS),
        pad_token_id=token_id(tokenizer, PAD),
    )
    return LlamaForCausalLM(config)


def loss_of(model: LlamaForCausalLM, rows: list[Row]) -> Tensor:
    """Return the mean loss per labelled token of a batch."""
    ids, labels = collate(rows)
    loss: Tensor = model(input_ids=ids, labels=labels).loss
    return loss


def validate(model: LlamaForCausalLM, rows: list[Row]) -> float:
    """Return the mean loss of the held-out rows, in batches."""
    with torch.no_grad():
        losses = [loss_of(model, rows[start : start + 50]).item() for start in range(0, len(rows), 50)]
    return sum(losses) / len(losses)


@dataclass(frozen=True)
class Phase:
    """One of the two phases of training: its data and its schedule."""

    name: str
    rows: list[Row]
    validation: list[Row]
    steps: int
    batch: int
    learning_rate: float


def train(model: LlamaForCausalLM, phase: Phase, plan: Plan, report: Report) -> list[dict[str, float]]:
    """Run one phase (AdamW, warm-up, cosine to zero) and return its loss curve."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=phase.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, phase.steps, plan.warm_up))
    stream = batches(phase.rows, phase.batch, random.Random(plan.seed))
    curve, recent, tokens, began = [], 0.0, 0, time.monotonic()
    every = max(phase.steps // LOG_POINTS, 1)
    for step in range(1, phase.steps + 1):
        batch = next(stream)
        loss = loss_of(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        recent += loss.item()
        tokens += sum(len(ids) for ids, _ in batch)
        if step % every == 0 or step == phase.steps:
            count = step % every or every
            held = validate(model, phase.validation)
            curve.append({"step": step, "train_loss": round(recent / count, 4), "held_out_loss": round(held, 4)})
            recent, passed = 0.0, time.monotonic() - began
            eta = passed / step * (phase.steps - step)
            report(f"{phase.name} {step}/{phase.steps} {curve[-1]} {tokens / passed:.0f} tokens/s, {eta:.0f} s left")
    return curve


def rate(step: int, steps: int, warm_up: int) -> float:
    """Return the factor of the learning rate at `step`."""
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path, record: dict[str, Any]) -> None:
    """Write a checkpoint in bfloat16 with its tokenizer and its record of losses."""
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.bfloat16)  # type: ignore[arg-type]
    copy.config.dtype = torch.bfloat16
    copy.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    folder.mkdir(parents=True, exist_ok=True)
    copy.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that every version of transformers knows
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (folder / "loss.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def run(plan: Plan, out: Path, starter: Path, report: Report) -> None:
    """Generate the corpus, train both models and write them to `out`."""
    began = time.monotonic()
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    rng = random.Random(plan.seed)
    drawn = list(itertools.islice(functions(plan.seed, read_held_out(starter)), plan.functions + plan.validation))
    corpus, held = drawn[: plan.functions], drawn[plan.functions :]
    report(f"corpus: {len(drawn)} functions after {time.monotonic() - began:.0f} s")
    tokenizer = train_tokenizer(corpus[:20_000], plan.vocabulary)
    model = new_model(plan, tokenizer)
    parameters = sum(weight.numel() for weight in model.parameters())
    pack, held_pack = (base_rows(base_texts(part, rng), tokenizer, plan.base_length) for part in (corpus, held))
    tune, held_tune = tune_rows(corpus, tokenizer), tune_rows(held, tokenizer)
    phases = (
        ("nano-base", Phase("base", pack, held_pack, plan.base_steps, plan.base_rows, plan.learning_rate)),
        ("nano", Phase("tune", tune, held_tune, plan.tune_steps, plan.tune_rows, plan.tune_learning_rate)),
    )
    for name, phase in phases:
        start = time.monotonic()
        curve = train(model, phase, plan, report)
        record = {
            "plan": asdict(plan),
            "parameters": parameters,
            "torch": torch.__version__,
            "corpus_functions": len(corpus),
            "corpus_sha256": corpus_sha256(drawn),
            "corpus_tokens": sum(len(ids) for ids, _ in phase.rows),
            "held_out_functions": len(held),
            "seconds": round(time.monotonic() - start),
            "seconds_since_start": round(time.monotonic() - began),
            "curve": curve,
        }
        save(model, tokenizer, out / name, record)
        report(f"{name}: {parameters} parameters, written to {out / name} after {record['seconds_since_start']} s")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description="Train the embedded models nano-base and nano on the CPU.")
    parser.add_argument("--out", type=Path, required=True, help="the folder that nano-base/ and nano/ are written to")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--starter", type=Path, default=STARTER, help="the problem set to hold out")
    parser.add_argument("--base-steps", type=int, default=Plan.base_steps)
    parser.add_argument("--tune-steps", type=int, default=Plan.tune_steps)
    parser.add_argument("--functions", type=int, default=Plan.functions)
    parser.add_argument("--threads", type=int, default=Plan.threads)
    options = parser.parse_args()
    plan = Plan(
        seed=options.seed,
        base_steps=options.base_steps,
        tune_steps=options.tune_steps,
        functions=options.functions,
        threads=options.threads,
    )
    run(plan, options.out, options.starter, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
