"""What the import contract of pyproject.toml cannot see: cycles, plug-ins that know each other, and dynamic imports."""

from __future__ import annotations

import ast
import graphlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUG_INS = (
    "harness.tasks", "harness.datasets", "harness.engines", "harness.extractors", "harness.metrics", "harness.trackers",
    "harness.exchange.formats", "sandbox.backends",
)  # fmt: skip
# A plug-in that is another's variant imports it: each with what it takes.
VARIANTS = {
    ("harness.datasets.humaneval", "harness.datasets.own"),  # the same shape of tests
    ("harness.datasets.humanevalplus", "harness.datasets.humaneval"),  # its tests, and more of them
    ("harness.datasets.mbppplus", "harness.datasets.mbpp"),
    ("harness.engines.vllm", "harness.engines.openai"),  # the client of the server that it starts
    ("harness.datasets.humaneval_x", "harness.datasets.own"),
    ("harness.datasets.humanevalpack", "harness.datasets.humaneval_x"),
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("harness", "sandbox", cache_dir=None)


def rows() -> list[set[str]]:
    """The rows of the import contract, the highest first; each a set of packages."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(
        each for each in contracts if each["type"] == "layers" and any("harness.cli" in row for row in each["layers"])
    )["layers"]
    return [{name.strip(" ()") for name in row.replace(":", "|").split("|")} for row in layers]


def row_of(module: str) -> int:
    """The place of a module's row, from the top."""
    fits = [at for at, row in enumerate(rows()) for name in row if f"{module}.".startswith(f"{name}.")]
    assert fits, f"{module} is in no row of the import contract"
    return fits[0]


def test_the_import_graph_has_no_cycle(graph: grimp.ImportGraph) -> None:
    # A package's __init__ hands on names of its modules, and they import it: that is the one loop that is meant.
    def folded(module: str) -> set[str]:
        return {
            each
            for each in graph.find_modules_directly_imported_by(module)
            if not module.startswith(f"{each}.") and not each.startswith(f"{module}.")
        }

    graphlib.TopologicalSorter({module: folded(module) for module in graph.modules}).prepare()  # raises CycleError


def test_every_package_of_the_harness_has_a_row(graph: grimp.ImportGraph) -> None:
    own = graph.find_children("harness") - {"harness.__main__", "harness.client", "harness.rewards"}
    for module in own:
        row_of(module)


@pytest.mark.parametrize("package", PLUG_INS)
def test_plug_ins_do_not_know_each_other(graph: grimp.ImportGraph, package: str) -> None:
    plug_ins = {each for each in graph.find_children(package) if not each.rpartition(".")[2].startswith("_")}
    assert plug_ins
    known = {(one, other) for one in plug_ins for other in graph.find_modules_directly_imported_by(one) & plug_ins}
    assert known <= VARIANTS, "a plug-in imports another; what both need goes into a module with an underscore"


def dynamic_imports() -> Iterator[tuple[str, str]]:
    """(module, package whose plug-ins it loads) of every `registry.load`; `registry.names` imports nothing."""
    for path in sorted((ROOT / "harness").rglob("*.py")):
        if path.name == "testing.py":
            continue  # it checks whatever it is given, from the highest row
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "registry.load":
                first = node.args[0]
                package = first.value if isinstance(first, ast.Constant) else constants.get(ast.unparse(first))
                assert isinstance(package, str), f"{module}, line {node.lineno}: name the package by a literal"
                yield module, package


def test_dynamic_imports_go_down_the_rows() -> None:
    found = list(dynamic_imports())
    assert ("harness.tasks._lookup", "harness.tasks") in found
    upward = {
        module
        for module, package in found
        if module.split(".")[:2] != package.split(".")[:2] and row_of(module) >= row_of(package)
    }
    assert not upward
