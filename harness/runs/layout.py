"""The names in a run directory: results/<set>/<model>/<utc time>-<fingerprint's first 8>/ and its files."""

from __future__ import annotations

COMPLETIONS, EXECUTIONS, SCORES = "completions.jsonl", "executions.jsonl", "scores.jsonl"
REFUSALS = "refusals.jsonl"
SERVER = "server.json"  # what the server took in another way than others; only where it did
SAMPLES = "samples.jsonl"  # of a run on pictures: a line for each
LABEL = "label.txt"  # what a person calls the run; only where somebody did
MANIFEST, SUMMARY, LOG = "manifest.json", "summary.json", "run.log"


def model_folder(model: str) -> str:
    """A model's name as one folder's name; never `.` or `..`, and never with a separator."""
    name = "".join(char if char.isalnum() or char in "-_.+=" else "-" for char in model.replace("/", "--")).strip(".-")
    return name[:100] or "model"
