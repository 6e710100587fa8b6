"""An audit of how completions were drawn: what can make a pass@k doubtful though every verdict is right.

Facts always; a warning only where the number itself is in doubt. Equal texts alone are no such case: independent draws
of a sure model are often equal, and pass@k is unbiased from them. Two things are: draws that are not independent (the
same seed twice, or nearly every problem with one and the same text n times, as servers that ignore seeds give it), and
answers that the set-up cut or lost (length, no program).
"""

from __future__ import annotations

import array
import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.types import Completion

# Over this share of completions cut at max_tokens the number says more about max_tokens than about the model: each cut
# one may have become right.
LENGTH_SHARE = 0.05
# Over this share without any program the prompt, the stop sequences or the extraction are likelier at fault than the
# model: instruction-tuned models leave out the code in fewer than 1 of 100 answers.
EMPTY_SHARE = 0.05
# Over these shares what was judged is likelier to be no program, or no answer, than the model to be so weak.
FENCED_SHARE = SPECIAL_SHARE = 0.05
COMPILE_ERROR_SHARE = 0.5
UNREAD_SHARE = 0.2
FENCE = re.compile(r"^\s{0,3}(?:```|~~~)", re.MULTILINE)
# What tokenizers end a text with, and templates a turn.
SPECIAL = re.compile(r"(?:<\|[\w\-]{1,40}\|>|</s>|<end_of_turn>|<eos>|<pad>|\[/INST\]|<｜[^｜]{1,40}｜>)\s*\Z")
# Over this share of problems with n equal texts, at a temperature above 0, the server is likelier to have copied one
# draw than the model to be so sure. It takes SUSPECT_PROBLEMS of them to tell.
IDENTICAL_SHARE = 0.9
SUSPECT_PROBLEMS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingAudit:
    """The audit of a run; shares are between 0 and 1, and None where nothing is known or there is nothing to compare.

    duplicate_share: completions that have the text of an earlier one of their problem, at a temperature above 0.
    identical_problems: problems, of those with several completions, that have one text only. length_share: cut at
    max_tokens, of those whose end is known. empty_share: without text or program. repeated_seeds: completions drawn
    with a seed that an earlier one of their problem has. distinct_per_problem: different texts, mean over problems.
    effective_n: independent draws, mean over problems: completions with the same seed are one draw, all others count,
    equal texts too (they are what sampling n times gave); None where seeds are unknown. fenced_share,
    special_token_share: programs that hold a Markdown fence, that end in a token such as <|endoftext|>; None for
    replies and for tasks without programs. compile_error_share: of programs. unread_share: of
    answers, for want of a label.
    """

    completions: int
    problems: int
    duplicate_share: float | None
    identical_problems: float | None
    length_share: float | None
    empty_share: float
    repeated_seeds: int
    distinct_per_problem: float
    effective_n: float | None
    warnings: tuple[str, ...]
    fenced_share: float | None = None
    special_token_share: float | None = None
    compile_error_share: float | None = None
    unread_share: float | None = None


class SamplingCounter:
    """Counts over a run's completions, given one at a time: 8 bytes for each that has a seed."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._seeds: dict[str, array.array[int]] = {}
        self._ended = self._cut = self._empty = self._fenced = self._special = self._programs = 0

    def add(self, completion: Completion, *, empty: bool, program: bool = False) -> None:
        """One completion; `empty` where it gave no program; `program` where its text is run as it stands."""
        if program:
            self._programs += 1
            self._fenced += FENCE.search(completion.text) is not None
            self._special += SPECIAL.search(completion.text) is not None
        name = completion.problem_id
        self._counts[name] = self._counts.get(name, 0) + 1
        self._ended += completion.finish_reason is not None
        self._cut += completion.finish_reason == "length"
        self._empty += empty
        if completion.seed is not None:
            self._seeds.setdefault(name, array.array("q")).append(completion.seed)

    def audit(
        self,
        distinct: Mapping[str, int],
        temperature: float | None,
        *,
        compile_errors: int | None = None,
        unread: int | None = None,
    ) -> SamplingAudit | None:
        """The audit; None where there were no completions.

        distinct: problem id -> how many different texts. temperature: None where it is unknown, as for saved
        completions. compile_errors, unread: how many did not compile, named no label; None where that is not asked.
        """
        total = sum(self._counts.values())
        if not total:
            return None
        several = [name for name, n in self._counts.items() if n > 1]
        compared = bool(several) and temperature != 0
        identical = sum(distinct[name] == 1 for name in several) / len(several) if compared else None
        draws = [len(set(seeds)) for seeds in self._seeds.values()]
        seeded = sum(len(seeds) for seeds in self._seeds.values())
        found = SamplingAudit(
            completions=total,
            problems=len(self._counts),
            duplicate_share=1 - sum(distinct[name] for name in self._counts) / total if compared else None,
            identical_problems=identical,
            length_share=self._cut / self._ended if self._ended else None,
            empty_share=self._empty / total,
            repeated_seeds=seeded - sum(draws),
            distinct_per_problem=sum(distinct[name] for name in self._counts) / len(self._counts),
            effective_n=(sum(draws) + total - seeded) / len(self._counts) if draws else None,
            warnings=(),
            fenced_share=self._fenced / self._programs if self._programs else None,
            special_token_share=self._special / self._programs if self._programs else None,
            compile_error_share=None if compile_errors is None else compile_errors / total,
            unread_share=None if unread is None else unread / total,
        )
        suspect = temperature is not None and len(several) >= SUSPECT_PROBLEMS
        warnings = [*_warnings(found, temperature if suspect else None), *_unreadable(found)]
        return dataclasses.replace(found, warnings=tuple(warnings))


def _warnings(found: SamplingAudit, temperature: float | None) -> Iterator[str]:
    """temperature: None where equal texts tell nothing."""
    if found.repeated_seeds:
        yield (
            f"{found.repeated_seeds} completions were drawn with the seed of another one of their problem: "
            f"{found.effective_n:.1f} independent draws per problem, not {found.completions / found.problems:.1f}; "
            "values are biased and intervals too narrow"
        )
    if temperature is not None and (found.identical_problems or 0) > IDENTICAL_SHARE:
        yield (
            f"in {found.identical_problems:.0%} of the problems all completions are the same text, though the "
            f"temperature is {temperature:g}: the server may ignore seeds or temperature, and then n is 1 in truth"
        )
    if (found.length_share or 0) > LENGTH_SHARE:
        yield (
            f"{found.length_share:.1%} of the completions were cut at max_tokens or the end of the model's context, so "
            "values may be too low: sample with a higher harness run --max-tokens, or --thinking-tokens for a "
            "reasoning model"
        )
    if found.empty_share > EMPTY_SHARE:
        yield (
            f"{found.empty_share:.1%} of the completions are empty or hold no program, so values may be too low: look "
            "at some with harness show, and at the prompt with harness run --print-prompt"
        )


def _unreadable(found: SamplingAudit) -> Iterator[str]:
    """The commonest reasons of a value near 0 that says nothing about the model."""
    fenced, special = (found.fenced_share or 0) > FENCED_SHARE, (found.special_token_share or 0) > SPECIAL_SHARE
    if fenced:
        yield (
            f"{found.fenced_share:.1%} of the programs hold a Markdown code fence, so they are replies with a program "
            "in them: harness extract FILE --problems SET takes the programs out; ask a chat model with harness run "
            "--form chat"
        )
    if special:
        yield (
            f"{found.special_token_share:.1%} of the programs end in a special token such as <|endoftext|>, which is "
            "no Python: decode without special tokens, or cut the texts there"
        )
    if (found.compile_error_share or 0) > COMPILE_ERROR_SHARE and not fenced and not special:
        yield (
            f"{found.compile_error_share:.1%} of the programs do not compile: look at some with harness show, and at "
            "the prompt with harness run --print-prompt"
        )
    if (found.unread_share or 0) > UNREAD_SHARE:
        yield (
            f"{found.unread_share:.1%} of the answers name no label, or several, and count as wrong: look at some with "
            "harness show; a model that does not follow instructions is better asked with harness run --set by=logprob"
        )
