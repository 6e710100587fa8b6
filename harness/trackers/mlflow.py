"""MLflow: a run of the experiment `codegen-harness`, or MLFLOW_EXPERIMENT_NAME, on the server or store that
MLFLOW_TRACKING_URI names; without it in MLflow's own default, a file in the working directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import extras
from harness.trackers import PROJECT, TrackedRun

LIBRARY = "mlflow"
INSTALL = extras.install("mlflow")
PARAMETER_CHARS = 500  # what every store takes


def send(report: TrackedRun) -> str:
    """The estimates as metrics, the configuration as parameters, the table of problems and the figure as artifacts."""
    import mlflow  # measured: 2 s
    from mlflow.environment_variables import MLFLOW_EXPERIMENT_NAME

    client = mlflow.MlflowClient()
    name = MLFLOW_EXPERIMENT_NAME.get() or PROJECT
    experiment = client.get_experiment_by_name(name)
    number = experiment.experiment_id if experiment else client.create_experiment(name)
    run = client.create_run(number, run_name=report.name, tags={"signature": report.signature[:5000]})
    identity = run.info.run_id
    for key, value in {**report.config, "imported": report.summary.get("imported")}.items():
        if value is not None:
            client.log_param(identity, key, str(value)[:PARAMETER_CHARS])
    for metric, value in report.scalars().items():
        client.log_metric(identity, metric.replace("@", "_at_").replace("/", "_"), value, step=report.step)
    for picture, pixels in report.pictures.items():
        client.log_image(identity, pixels, f"{picture}-{report.step}.png")
    rows = report.rows()
    table = {column: [row[place] for row in rows] for place, column in enumerate(report.columns())}
    client.log_dict(identity, table, "problems.json")
    figure = report.figure()
    if figure is not None:
        client.log_figure(identity, figure, "estimates.png")
    client.set_terminated(identity)
    return f"{mlflow.get_tracking_uri()}, experiment {name}, run {identity}"


class Live:
    """Numbers and pictures of training steps, in one run; each has its step."""

    def __init__(self, folder: Path, name: str) -> None:  # noqa: ARG002 - MLflow has a place of its own
        import mlflow  # measured: 2 s
        from mlflow.environment_variables import MLFLOW_EXPERIMENT_NAME

        self._client = mlflow.MlflowClient()
        experiment_name = MLFLOW_EXPERIMENT_NAME.get() or PROJECT
        experiment = self._client.get_experiment_by_name(experiment_name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(experiment_name)
        self._run = self._client.create_run(number, run_name=name).info.run_id
        self.place = f"{mlflow.get_tracking_uri()}, experiment {experiment_name}, run {self._run}"

    def log(self, step: int, scalars: Mapping[str, float], pictures: Mapping[str, Any]) -> None:
        """Pictures are (height, width, 3) arrays in 8 bits."""
        for name, value in scalars.items():
            self._client.log_metric(self._run, name.replace("@", "_at_").replace("/", "_"), value, step=step)
        for name, pixels in pictures.items():
            self._client.log_image(self._run, pixels, f"{name}-{step}.png")

    def close(self) -> None:
        """Ends the run."""
        self._client.set_terminated(self._run)
