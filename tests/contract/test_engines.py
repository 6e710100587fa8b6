"""Every engine is what the pipeline opens; a new file in `harness/engines` is picked up by existing."""

from __future__ import annotations

import dataclasses
import inspect
import typing

import pytest

from harness import registry
from harness.cli.display.run import RunDisplay
from harness.config import CHOICES, RunConfig, command_line_flags
from harness.engines import Engine, Opening, _selection

NAMES = registry.names("harness.engines")
OPENED = [name for name in NAMES if name != "replay"]  # that one needs a problem set: the pipeline opens it


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_has_the_parts_that_are_called(name: str) -> None:
    module = registry.load("harness.engines", name, "engine")
    assert module.__doc__ and list(inspect.signature(module.open_engine).parameters) == ["options"]
    assert dataclasses.is_dataclass(module.Options) and module.Options.__dataclass_params__.frozen
    made = typing.get_type_hints(module.open_engine)["return"]
    for method in ("complete", "close"):
        expected = list(inspect.signature(getattr(Engine, method)).parameters)
        assert list(inspect.signature(getattr(made, method)).parameters) == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_knows_every_engine(name: str) -> None:
    assert name in CHOICES["engine"] and name in command_line_flags()["engine"].help


@pytest.mark.parametrize("name", OPENED)
def test_an_engine_s_options_are_made_of_a_run_s_configuration(name: str) -> None:
    module = registry.load("harness.engines", name, "engine")
    url = "http://127.0.0.1:9/v1" if name == "openai" else None
    config = RunConfig(engine=name, base_url=url, model="owner/name" if url else "nano", concurrency=3)
    model = _selection.find_model(config)
    assert model.engine == name
    opening = Opening(
        name=model.name, source=model.source, config=config, runs=(config,), status=RunDisplay(quiet=True)
    )
    assert isinstance(module.options_of(opening), module.Options)
