"""Programs with libraries, in every backend. The image takes three minutes and a gigabyte, so all here is slow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox
from harness.datasets import load_set
from harness.pipeline import verify
from harness.tasks import codegen
from harness.types import Completion
from sandbox import CallTests, Integrity, Limits, Pool, Program, Verdict
from sandbox.types import MIB

pytestmark = pytest.mark.slow
LIMITS = Limits(cpu_s=60.0, wall_s=180.0, memory_bytes=4096 * MIB, disk_bytes=256 * MIB, processes=128, open_files=1024)
USES = """
import subprocess
import matplotlib.pyplot as plt, nltk, pandas, scipy.stats, seaborn, sklearn.linear_model
frame = pandas.DataFrame({"x": [1, 2, 3], "y": [2, 4, 6]})
model = sklearn.linear_model.LinearRegression().fit(frame[["x"]], frame.y)
seaborn.lineplot(frame, x="x", y="y")
plt.savefig("plot.png")
print(round(float(model.coef_[0]), 6), nltk.edit_distance("ab", "b"), open("plot.png", "rb").read(4) == b"\\x89PNG")
print(subprocess.run("echo a > f; tar czf f.tgz f; gzip -t f.tgz; echo $?; python -V", shell=True, capture_output=True, text=True).stdout)
"""


@pytest.fixture(scope="module")
def libraries(backend: str) -> Iterator[Pool]:
    sandbox.prepare(backend, language="python_libs")
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language="python_libs") as pool:
        yield pool


def run(pool: Pool, source: str) -> sandbox.Execution:
    return pool.run(Program(source=source, language="python_libs"), limits=LIMITS)


def test_the_libraries_work_with_a_shell_tar_and_gzip_beside_them(libraries: Pool) -> None:
    execution = run(libraries, USES)
    assert execution.verdict is Verdict.ACCEPTED, execution
    assert execution.stdout.splitlines()[:3] == ["2.0 1 True", "0", "Python 3.11.2"], execution


def test_what_many_programs_import_is_loaded_for_all_and_leaves_nothing_to_them(libraries: Pool) -> None:
    seen = [run(libraries, "import matplotlib, os, sys, tempfile\nprint('pandas' in sys.modules, "
                           "'matplotlib.pyplot' in sys.modules, sorted(os.listdir('/tmp')), tempfile.gettempdir(), "
                           "os.environ.get('MPLCONFIGDIR'))\nimport pandas").stdout for _ in range(4)]  # fmt: skip
    assert seen[-1] == "True True ['program'] /tmp/program None\n"


def test_a_library_that_is_loaded_for_all_draws_other_numbers_for_each_program(libraries: Pool) -> None:
    drawn = "import numpy, faker, random\nprint(numpy.random.rand(), faker.Faker().random.random(), random.random())"
    seen = [run(libraries, drawn).stdout.split() for _ in range(6)]
    assert all(len(set(column)) == len(seen) for column in zip(*seen, strict=True)), seen


def test_tests_beside_a_program_draw_the_same_numbers_loaded_for_all_or_not(libraries: Pool) -> None:
    source = (
        "from faker import Faker\nimport random\nfake = Faker()\nassert f() == 0, (fake.pyint(), random.random(), f())"
    )
    tests = CallTests(source=source, entry_point="f", integrity=Integrity.IN_SANDBOX)
    program = "import pandas as pd\ndef f(): return int(pd.Series(range(10**9, 10**9 + 9)).sample(1).iloc[0])"
    with sandbox.open(libraries.backend, workers=1, ceiling=LIMITS, language="python_libs") as other:
        told = [pool.run(Program(source=program, language="python_libs"), tests, LIMITS).detail
                for pool in (other, other, other, other, libraries)]  # fmt: skip
    assert len(set(told)) == 1 and "AssertionError" in told[0], told


def test_there_is_no_network(libraries: Pool) -> None:
    execution = run(libraries, "import requests\nrequests.get('http://127.0.0.1:1')")
    assert execution.verdict is Verdict.RUNTIME_ERROR and "ConnectionError" in execution.detail


@pytest.mark.parametrize("name", ["classeval/ClassEval_data.json", "bigcodebench/BigCodeBench.jsonl.gz:complete"])
def test_references_pass(name: str, data: Path, libraries: Pool, tmp_path: Path) -> None:
    """Every fourth class, every fortieth task and the slowest: `harness verify` runs them all."""
    problems = load_set(f"{data}/{name}", tmp_path).problems
    slowest = [problem for problem in problems if problem.id == "BigCodeBench/102"]
    for problem in [*problems[:: 4 if name.startswith("classeval") else 40], *slowest]:
        program = codegen.program(problem, Completion(problem_id=problem.id, index=0, text=problem.references[0]))
        execution = libraries.run(program, problem.tests, problem.limits)
        assert execution.verdict is Verdict.ACCEPTED, (problem.id, execution.detail)
        assert problem.limits is not None and execution.cpu_s < verify.CLOSE * problem.limits.cpu_s, execution
