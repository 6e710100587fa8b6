"""How long the leaderboard's site takes: 20 models x 200 problems x 10 samples, and again after one new run.

The completions are synthetic (drawn by a generator, for the size alone); they go through the store's own formats, and the
site is built by the command as a user runs it. Run: python -m tests.bench.leaderboard_site [MODELS PROBLEMS SAMPLES]
"""

from __future__ import annotations

import dataclasses
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.files import atomic
from harness.runs import layout, manifest, store
from harness.runs.store import Store
from harness.tasks import codegen
from harness.types import Completion, Score
from sandbox.types import Execution, Integrity, Verdict

LINES = (
    "result = []", "for index, value in enumerate(xs):", "if value % {0} == 0 and value not in result:", "total += {0}",
    "result.append(value * {0}.5)  # keep it", "return sorted(result, key=lambda item: -item)", "while left < right - {0}:",
    "text = 'part {0}' + \"<b>&amp;</b>\"", "seen = {{x for x in xs if x > {0}}}", "return len(xs) // {0}",
)  # fmt: skip
FAILURES = (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR, Verdict.COMPILE_ERROR, Verdict.TIME_LIMIT)


def make_run(results: Path, model: str, ability: float, problems: int, samples: int, seed: int) -> Path:
    """One synthetic run of a model that passes problem i with a probability of its ability and the problem's ease."""
    rng = random.Random(seed)
    names = [f"synthetic/{index:03}" for index in range(problems)]
    signature = (
        f"n:{samples}|T:0.8|top_p:0.95|top_k:0|max:512|seed:{seed}|form:completion|engine:transformers|"
        f"task:{codegen.VERSION}|data:synthetic@00000000|integrity:judged|img:none|cpu:5s|wall:10s|mem:512MiB|v:0"
    )
    identity = {
        "signature": signature, "seed": seed, "task": codegen.VERSION, "model": {"name": model},
        "problems": {"name": "synthetic", "sha256": "0" * 64},
        "sampling": {"n": samples, "temperature": 0.8},
    }  # fmt: skip
    run = store.create_run(results, "synthetic", model, manifest.make(identity, signature, {"problems": "synthetic"}))
    with Store(run, dict.fromkeys(names, samples)) as opened:
        for place, name in enumerate(names):
            chance = min(0.98, max(0.01, ability + 0.6 * (place / problems - 0.5)))
            _sample(opened, name, samples, chance, rng)
        counts = opened.counts()
        estimates = codegen.summarize(counts, [k for k in (1, 10) if k <= samples], signature, 0)
        verdicts = {verdict.value: count for verdict, count in opened.verdict_counts().items()}
    summary = {
        "run": str(run),
        "estimates": [dataclasses.asdict(each) for each in estimates],
        "coverage": {
            "problems": problems, "problems_scored": problems, "completions": problems * samples,
            "completions_scored": problems * samples, "complete": True, "omitted": [], "repeated": 0,
        },
        "integrity": {"judged": problems, "in_sandbox": []},
        "verdicts": verdicts,
        "problems": {name: {"n": n, "c": c} for name, (n, c) in counts.items()},
    }  # fmt: skip
    atomic.write_whole(run / layout.SUMMARY, json.dumps(summary).encode())
    return run


def _sample(opened: Store, name: str, samples: int, chance: float, rng: random.Random) -> None:
    completions = [
        Completion(
            problem_id=name, index=index, text=_text(rng), finish_reason="stop", prompt_tokens=40,
            completion_tokens=rng.randint(20, 120), seed=index, latency_s=0.25,
        )
        for index in range(samples)
    ]  # fmt: skip
    opened.add_completions(completions)
    for each in completions:
        verdict = Verdict.ACCEPTED if rng.random() < chance else rng.choice(FAILURES)
        execution = Execution(
            verdict=verdict, detail="" if verdict is Verdict.ACCEPTED else "NameError: name 'x' is not defined",
            integrity=Integrity.JUDGED, wall_s=0.01, cpu_s=0.005, peak_memory_bytes=13_000_000, worker="none",
        )  # fmt: skip
        values = {"passed": float(verdict is Verdict.ACCEPTED)}
        opened.add_result(execution, Score(problem_id=name, index=each.index, verdict=verdict, values=values))


def _text(rng: random.Random) -> str:
    lines = [rng.choice(LINES).format(rng.randint(1, 999)) for _ in range(rng.randint(3, 12))]
    return "".join(f"{' ' * rng.choice((4, 4, 8))}{line}\n" for line in lines)


def main() -> None:
    """Make the runs, build the site, add a run, build again; print what each took."""
    models, problems, samples = map(int, sys.argv[1:4]) if len(sys.argv) > 3 else (20, 200, 10)
    with tempfile.TemporaryDirectory(prefix="leaderboard-bench-") as folder:
        results, site = Path(folder, "results"), Path(folder, "site")
        for index in range(models):
            make_run(results, f"model-{index:02}", 0.1 + 0.8 * index / models, problems, samples, index)
        completions = models * problems * samples
        print(f"{models} models x {problems} problems x {samples} samples = {completions} synthetic completions")
        _report("first build", results, site)
        print(f"first page: {(site / 'index.html').stat().st_size / 1e6:.2f} MB")
        sizes = [page.stat().st_size for page in site.rglob("*.html")]
        print(f"site: {len(sizes)} pages, {sum(sizes) / 1e6:.0f} MB")
        _report("nothing new", results, site)
        make_run(results, "model-new", 0.5, problems, samples, models)
        _report("one new run", results, site)


def _report(what: str, results: Path, site: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-m", "harness", "leaderboard", str(results), "-o", str(site)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    taken = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss / 1024
    did = done.stderr.strip().rpartition(": ")[2]
    print(f"{what}: {taken:.1f} s ({cpu:.1f} s CPU), peak memory so far {peak:.0f} MiB; {did}")


if __name__ == "__main__":
    main()
