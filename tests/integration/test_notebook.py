"""The example notebook, executed by a real kernel as a reader would."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from unittest import mock

import nbclient
import nbformat
import pytest

from tests.fixtures.places import ROOT


# pyzmq warns of its event loop on some platforms; that is not what is tested here
@pytest.mark.filterwarnings("ignore::Warning:zmq.*", "ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_every_cell_of_the_example_notebook_runs_and_shows_its_result(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "docs/examples/python.ipynb", as_version=4)
    shutil.copytree(ROOT / "results/example", tmp_path / "results/example")
    with mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython")}):
        nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    run, estimate, comparison, frame = (cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    pages = [output.data.get("text/html", "") for output in run if "data" in output]
    assert "nano on starter" in pages[-1] and "pass@1" in pages[-1]
    said = "".join(each.text for each in run if each.output_type == "stream")
    assert any("<progress" in page for page in pages)
    assert not said or "tqdm" in said  # which asks for ipywidgets when transformers imports it
    assert "value=0.507" in estimate[-1].data["text/plain"]
    assert "A (nano) is better than B (nano-base) by 50.7 points" in comparison[-1].data["text/html"]
    assert "starter/" in frame[-1].data["text/html"]
