"""From a run's configuration to its model: name, engine, form and identity, without loading anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import RunConfig
from harness.engines import Engine
from harness.errors import InputError
from harness.manifest import model_identity
from harness.models import NAMES, model_dir
from harness.types import Form

CHAT_HINTS = ("instruct", "chat", "-it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model before it is loaded. source: what an engine is given; identity: what the fingerprint takes in."""

    name: str
    source: str | None
    engine: str
    form: Form
    identity: Mapping[str, Any]


def find_model(config: RunConfig) -> Model:
    """Raises InputError for a path that is no model directory, and for a server that does not answer."""
    engine = config.engine_name()
    if engine == "replay":
        assert config.samples is not None
        name = config.samples.name.removesuffix(".gz").removesuffix(".jsonl")
        return Model(name=name, source=None, engine=engine, form=Form.COMPLETION, identity={"samples": name})
    if engine == "openai":
        assert config.base_url is not None
        name = config.model or _served(config)
        form = _form(config, hinted=_tuned_for_chat(name))
        identity = {"name": name, "base_url": config.base_url, "engine": engine}
        return Model(name=name, source=name, engine=engine, form=form, identity=identity)
    return _local(config, config.model or "nano")


def _local(config: RunConfig, model: str) -> Model:
    path = model_dir(model) if model in NAMES else Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(f"{model} is no model directory: it has no config.json")
        form = _form(config, hinted=_has_template(path))
        name = model if model in NAMES else path.resolve().name
        identity = {"name": name, "files": model_identity(path), "engine": "transformers"}
        return Model(name=name, source=str(path), engine="transformers", form=form, identity=identity)
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise InputError(
            f"the model {model!r} is no directory; give a directory, a hub id such as owner/name, "
            f"or one of the embedded models: {', '.join(NAMES)}"
        )
    form = _form(config, hinted=_tuned_for_chat(model))
    return Model(name=model, source=model, engine="transformers", form=form, identity={"name": model})


def _served(config: RunConfig) -> str:
    from harness.engines import openai  # measured: 0.4 s

    engine = openai.open_engine(_openai_options(config, None, Form.COMPLETION))
    engine.close()
    return engine.model


def _form(config: RunConfig, *, hinted: bool) -> Form:
    if config.form != "auto":
        return Form(config.form)
    return Form.CHAT if hinted else Form.COMPLETION


def _tuned_for_chat(name: str) -> bool:
    return any(hint in name.lower() for hint in CHAT_HINTS)


def _has_template(path: Path) -> bool:
    if (path / "chat_template.jinja").is_file():
        return True
    try:
        return bool(json.loads((path / "tokenizer_config.json").read_bytes()).get("chat_template"))
    except (OSError, ValueError):
        return False


def _openai_options(config: RunConfig, model: str | None, form: Form) -> Any:
    from harness.engines import openai  # measured: 0.4 s

    return openai.Options(
        base_url=str(config.base_url),
        model=model,
        seed=config.seed,
        api_key=config.api_key,
        form=form,
        concurrency=config.concurrency,
    )


def open_model(config: RunConfig, model: Model, samples: Engine | None) -> Engine:
    """The engine of a model. Raises InputError, EngineError."""
    if samples is not None:
        return samples
    if model.engine == "openai":
        from harness.engines import openai  # measured: 0.4 s

        return openai.open_engine(_openai_options(config, model.source, model.form))
    from harness.engines import transformers  # measured: 3 s, torch

    assert model.source is not None
    return transformers.open_engine(transformers.Options(model=model.source, seed=config.seed, form=model.form))
