"""EvalPlus 0.3.1 as a peer: its own evaluator on HumanEval's base tests, in an environment of its own, without network.

`evalplus-shipped` is what its users run: its own data set, and the libraries that it imports. `evalplus` is what its
evaluator could do at best (rates of one machine, 2 processors):
- its data set without the additional inputs: each sample is sent to a worker with all of its problem's inputs and
  expected outputs; with the 250 MB of additional ones it judges 23 samples a second, not 130;
- a stand-in for the library `datasets`, which evalplus.data imports for another benchmark: with it 60-80 a second, for
  each sample is a fork of the process that has loaded it;
For both
- the expected outputs are computed before any timing;
- the process is left at the end of `evaluate`: a thread of it goes on sleeping for up to 20 s.

HumanEval/32 fails with every solution in this version: its evaluator compares find_zero's answer, goes on to the next
input without marking this one as passed, and takes inputs without a mark for failures. Those samples are not counted.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

from tests.bench.systems import DATA, System

VERSION = "0.3.1"
HUMANEVAL_PLUS = DATA / "humanevalplus" / "HumanEvalPlus.jsonl.gz"
MBPP_PLUS = DATA / "mbppplus" / "MbppPlus.jsonl.gz"
KNOWN_FAILURE = "HumanEval/32"
# What `evalplus.evaluate` imports; its clients of model servers and transformers are not among that.
IMPORTED = (
    "appdirs", "datasets", "fire", "numpy", "psutil", "rich", "tempdir", "termcolor", "tqdm", "tree-sitter", "tree-sitter-python",
    "wget",
)  # fmt: skip
DATASETS = "def load_dataset(*_, **__):\n    raise RuntimeError('a stand-in: nothing is loaded from here')\n"
SCRIPT = """
import json, os, sys
from evalplus.evaluate import evaluate
if __name__ == "__main__":
    if os.path.exists({results!r}):
        os.remove({results!r})  # else it would only be read
    evaluate({dataset!r}, samples={samples!r}, base_only={base_only}, parallel={workers})
    with open({results!r}) as file:
        marks = json.load(file)["eval"].values()
    wanted = {statuses!r}
    print(sum(all(each[key] == "pass" for key in wanted) for problem in marks for each in problem), flush=True)
    os._exit(0)
"""


def install(folder: Path) -> Path:
    """The interpreter of an environment with EvalPlus, made in `folder` where it is not there yet (a minute)."""
    python = folder / "bin" / "python"
    done = folder / f"evalplus-{VERSION}-datasets.installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--no-deps", f"evalplus=={VERSION}"], check=True, stderr=subprocess.DEVNULL)
        # pip reports the dependencies that are left out on purpose
        subprocess.run([*pip, *IMPORTED], check=True, stderr=subprocess.DEVNULL)
        done.touch()
    return python


def prepare(
    python: Path, samples: Path, workers: int, data: Path, *, name: str, dataset: str = "humaneval", plus: bool = False
) -> System:
    """`evalplus` or `evalplus-shipped`, with its data and its cache beside `samples`.

    dataset: humaneval or mbpp. plus: with the additional inputs; passed are then those that pass both.
    The first run computes the expected outputs.
    """
    folder = samples.parent / name
    (folder / "modules").mkdir(parents=True)
    at_best = name == "evalplus"
    if at_best:
        (folder / "modules" / "datasets.py").write_text(DATASETS)
    with gzip.open(data, "rt") as source, open(folder / "set.jsonl", "w") as target:
        for line in source:
            target.write(json.dumps({**json.loads(line), "plus_input": []}) + "\n" if at_best and not plus else line)
    script = folder / "peer.py"
    own = folder / "samples.jsonl"  # beside which it keeps its results
    own.symlink_to(samples)
    results = str(own).replace(".jsonl", "_eval_results.json")
    script.write_text(
        SCRIPT.format(
            samples=str(own),
            workers=workers,
            results=results,
            dataset=dataset,
            base_only=not plus,
            statuses=("base_status", "plus_status") if plus else ("base_status",),
        )
    )
    return System(
        name=name,
        command=[str(python), str(script)],
        passed=lambda stdout, _: int(stdout.split()[-1]),
        environment={
            "PYTHONPATH": str(folder / "modules"),
            f"{dataset.upper()}_OVERRIDE_PATH": str(folder / "set.jsonl"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        },
    )
