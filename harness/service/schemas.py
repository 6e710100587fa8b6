"""The bodies of our own API. Unknown keys are ignored, missing ones have the defaults that stand here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox import Compare, Execution, Integrity, Limits, Verdict
from sandbox.types import MIB

MAX_SECONDS = 3600.0
MAX_ITEMS = 10_000
Seconds = Annotated[float, Field(gt=0, le=MAX_SECONDS, allow_inf_nan=False)]
Base64Files = dict[str, str]


class Body(BaseModel):
    """Every body."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Fault(Body):
    """Why a request was not answered as it was meant."""

    detail: str


class LimitsBody(Body):
    """What one program may use. Missing values are those of the service."""

    wall_s: Seconds = Limits().wall_s
    cpu_s: Seconds | None = Field(default=None, description="default: wall_s")
    memory_bytes: int | None = Field(default=None, gt=16 * MIB, description="default: the service's --memory-mib")
    output_bytes: int = Field(default=Limits().output_bytes, gt=0, le=16 * MIB)


class ExecuteBody(Body):
    """A program to run."""

    source: str
    language: str = "python"
    files: Base64Files = Field(default={}, description="path in the working directory -> base64 of its content")
    argv: list[str] = []
    stdin: str = ""
    limits: LimitsBody = LimitsBody()
    fetch: list[str] = Field(default=[], max_length=100, description="paths of files that are wanted after its end")


class ExecutionBody(Body):
    """What one program did: see `sandbox.Execution`."""

    verdict: Verdict
    detail: str
    exit_code: int | None
    signal: int | None
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    stdout: str
    stderr: str
    truncated: bool
    files: Base64Files


class CallTestsBody(Body):
    """Test source that calls an entry point, or defines `check(candidate)`; see problems/README.md."""

    kind: Literal["call"]
    source: str
    entry_point: str = ""
    prompt: str = Field(default="", description="what the judge runs before the tests: the prompt, with its helpers")
    integrity: Integrity | None = None


class CaseBody(Body):
    """One run of the program."""

    stdin: str
    stdout: str


class StdioTestsBody(Body):
    """The program is run once per case, and what it prints is compared."""

    kind: Literal["stdio"]
    cases: list[CaseBody] = Field(min_length=1, max_length=MAX_ITEMS)
    compare: Compare = Compare.TRIMMED
    tolerance: float = Field(default=0.0, ge=0, allow_inf_nan=False)


TestsBody = Annotated[CallTestsBody | StdioTestsBody, Field(discriminator="kind")]
FormName = Literal["chat", "completion", "solution"]
ExtractorName = Literal["auto", "first", "last", "longest", "whole"]


class JudgeBody(Body):
    """A program, or a model's answer, with the tests that decide.

    form: what `completion` is: an answer with code in it, the prompt's continuation, or the whole program.
    """

    source: str | None = None
    completion: str | None = None
    form: FormName = "chat"
    extractor: ExtractorName = "auto"
    language: str = "python"
    tests: TestsBody | None = None
    problem: str | None = Field(
        default=None, description="a problem of a set that the service knows, such as humaneval/0"
    )
    limits: LimitsBody | None = Field(default=None, description="default: the problem's, else the service's")
    stop_at_first: bool = Field(
        default=True, description="with stdio tests: leave out the cases after the first that fails"
    )
    all_cases: bool = Field(default=False, description="go on after a case that fails, and give each its verdict")


class JudgementBody(Body):
    """What the tests found. cases: of stdio tests in order, and of call tests with all_cases.

    passed, total: cases, or 1 for tests that are one.
    """

    verdict: Verdict
    detail: str
    integrity: Integrity | None
    cases: list[Verdict]
    passed: int
    total: int
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int


class BatchItem(JudgeBody):
    """A program to run, or to judge where there are tests or a problem. id: given back with its result."""

    id: str | int | None = None
    files: Base64Files = {}
    argv: list[str] = []
    stdin: str = ""


class BatchBody(Body):
    """Programs that are run as sandboxes are free."""

    items: list[BatchItem] = Field(min_length=1, max_length=MAX_ITEMS)


class BatchResult(Body):
    """One item's result: of an item with tests a judgement, else an execution; where there is neither, the error."""

    index: int
    id: str | int | None = None
    judgement: JudgementBody | None = None
    execution: ExecutionBody | None = None
    error: str | None = None


class PartBody(Body):
    """A part of a message: text, or what is not a program, such as an image."""

    text: str = ""


class MessageBody(Body):
    """A message of a conversation."""

    content: str | list[PartBody] | None

    def text(self) -> str:
        """What it says."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or ())


class RewardBody(Body):
    """Answers of a model with a problem, or tests, each.

    reward: all: 1 where everything passed, else 0. fraction: the share of the cases that passed; without all_cases call
    tests are one case.
    """

    completions: list[str | list[MessageBody]] = Field(min_length=1, max_length=MAX_ITEMS)
    problems: list[str] | None = None
    tests: list[TestsBody] | None = None
    reward: Literal["all", "fraction"] = "all"
    all_cases: bool = False
    form: FormName = "chat"
    extractor: ExtractorName = "auto"
    limits: LimitsBody | None = None


class RewardsBody(Body):
    """null where there is no verdict, for a reason that is ours."""

    rewards: list[float | None]


class LanguageBody(Body):
    """A language that programs may be written in, and what other systems call it."""

    name: str
    aliases: list[str]


class InfoBody(Body):
    """What the service is. environment: what programs find, as it stands in a signature."""

    version: str
    backend: str
    environment: str
    guest_digest: str
    environments: dict[str, str] = Field(description="what programs of each language find")
    isolation: str
    runtime: str | None
    workers: int
    memory_mib: int
    max_memory_mib: int
    max_request_mib: int
    queue_s: float
    languages: list[str]
    problems: list[str]


def decode_files(files: Mapping[str, str | None]) -> dict[str, bytes]:
    """Files of a body. Raises ValueError, naming the file."""
    decoded = {}
    for name, text in files.items():
        try:
            decoded[name] = base64.b64decode(text or "", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"files: {name!r} is not base64: {error}") from error
    return decoded


def encode_files(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files for a body."""
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def execution_body(execution: Execution) -> ExecutionBody:
    """An execution as a client sees it."""
    names: Sequence[str] = [name for name in ExecutionBody.model_fields if name != "files"]
    return ExecutionBody(**{name: getattr(execution, name) for name in names}, files=encode_files(execution.files))
