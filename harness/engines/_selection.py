"""From a run's configuration to its model: name, engine, form and identity, without loading anything; then its engine.

Which engine: `replay` for saved completions, `openai` for a server that has an address; else `vllm` where it is
installed, but for the embedded models, whose whole run takes less time than vLLM's start; else `transformers`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness import registry
from harness.config import RunConfig
from harness.engines import Engine, Opening, StatusListener, _hub, _vllm_server, waiting_for
from harness.engines._adapters import CONFIG, adapter_digest, is_adapter, read_adapter
from harness.engines._addresses import plain_url, query_digest
from harness.errors import InputError
from harness.models import NAMES, model_dir
from harness.types import Form
from sandbox.types import MIB

CHAT_HINTS = ("instruct", "chat", "-it")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model before it is loaded. source: what an engine is given; identity: what the fingerprint takes in.

    why: why this engine, for a person. revision: the commit of a model from a hub. adapter: a LoRA adapter's folder,
    where source is its base.
    """

    name: str
    source: str | None
    engine: str
    form: Form
    identity: Mapping[str, Any]
    why: str = ""
    revision: str | None = None
    adapter: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    engine: str
    why: str


def find_model(config: RunConfig) -> ModelSpec:
    """Raises InputError for a path that is not a model directory, and for a server that does not answer."""
    choice = _choose(config)
    if config.engine_args and choice.engine != "vllm":
        raise InputError(f"--engine-arg is for engine vllm; this run takes {choice.engine}: {choice.why}")
    if choice.engine == "replay":
        assert config.samples is not None
        name = config.samples.name.removesuffix(".gz").removesuffix(".jsonl")
        return ModelSpec(name=name, source=None, engine="replay", form=Form.COMPLETION, identity={"samples": name})
    if choice.engine == "openai":
        assert config.base_url is not None
        name = config.model or _served(config)
        form = _form(config, hinted=_tuned_for_chat(name))
        query = query_digest(config.base_url)
        identity = {"name": name, "url": plain_url(config.base_url), "engine": "openai"}
        identity |= {"query": query} if query else {}
        return ModelSpec(name=name, source=name, engine="openai", form=form, identity=identity, why=choice.why)
    return _local(config, config.model or "nano", choice)


def _choose(config: RunConfig) -> _Choice:
    if config.engine != "auto":
        return _Choice(engine=config.engine, why="as asked")
    if config.replicas is not None:
        return _Choice(engine="vllm", why=f"{config.replicas} servers on the cluster are asked for")
    if config.samples is not None:
        return _Choice(engine="replay", why="saved completions are given")
    if config.base_url is not None:
        return _Choice(engine="openai", why="a server's address is given")
    if (config.model or "nano") in NAMES:
        return _Choice(engine="transformers", why="an embedded model is done before vLLM has started")
    if config.vllm_python is not None:
        return _Choice(engine="vllm", why="an interpreter with vLLM is given")
    found = _vllm_server.find_vllm(None)
    if found is not None:
        return _Choice(engine="vllm", why=f"vLLM is at {found}")
    return _Choice(engine="transformers", why="vLLM is not installed here, and no --base-url is given")


def _local(config: RunConfig, model: str, choice: _Choice) -> ModelSpec:
    path = model_dir(model) if model in NAMES else Path(model).expanduser()
    if path.is_dir() and is_adapter(path):
        return _adapted(config, path, choice)
    name = model if model in NAMES or not path.is_dir() else path.resolve().name
    found = _find_weights(model, path)
    form = _form(config, hinted=_tuned_for_chat(model) if found.has_template is None else found.has_template)
    if form is Form.CHAT and found.has_template is False:
        raise InputError(f"the model {model} has no chat template; use --form completion")
    identity = {"name": name, **found.identity, "engine": choice.engine}
    return ModelSpec(
        name=name,
        source=found.source,
        engine=choice.engine,
        form=form,
        identity=identity,
        why=choice.why,
        revision=found.revision,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weights:
    """A model's weights, found but not loaded. has_template: None where nobody could tell."""

    source: str
    identity: Mapping[str, str]
    has_template: bool | None
    revision: str | None = None


def _find_weights(model: str, path: Path) -> _Weights:
    """Of a directory its files, of a hub id its commit. Raises InputError for what is neither."""
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(f"{model} is not a model directory: it has no config.json")
        identity = {"files": model_identity(path)}
        return _Weights(source=str(path), identity=identity, has_template=_has_template(path))
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise InputError(
            f"the model {model!r} is not a directory; give a directory, a hub id such as owner/name, "
            f"or one of the embedded models: {', '.join(NAMES)}"
        )
    found = _hub.look_up(model)
    identity = {"revision": found.revision} if found.revision else {}
    template = found.has_template if found.revision else None
    return _Weights(source=model, identity=identity, has_template=template, revision=found.revision)


def _adapted(config: RunConfig, path: Path, choice: _Choice) -> ModelSpec:
    """A LoRA adapter on its base: who answers is decided by both."""
    adapter = read_adapter(path)
    base = model_dir(adapter.base) if adapter.base in NAMES else Path(adapter.base).expanduser()
    try:
        found = _find_weights(adapter.base, base)
    except InputError as error:
        raise InputError(f"the base of the adapter {path}: {error}; {path / CONFIG} names it") from error
    form = _form(config, hinted=bool(found.has_template) or _has_template(path))
    identity = {
        "name": path.resolve().name,
        "adapter": adapter_digest(path),
        "base": {"name": adapter.base, **found.identity},
        "engine": choice.engine,
    }
    return ModelSpec(
        name=path.resolve().name,
        source=found.source,
        engine=choice.engine,
        form=form,
        identity=identity,
        why=choice.why,
        revision=found.revision,
        adapter=path,
    )


def _served(config: RunConfig) -> str:
    from harness.engines import openai  # measured: 0.4 s

    engine = openai.open_engine(openai.Options(base_url=str(config.base_url), model=None, api_key=config.api_key))
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


class EngineCache:
    """The models that are open: each is loaded, or its server started, once, however many tasks ask it.

    planned: the runs to come, where they are known: a server is started with room for the largest of them. open_vllm:
    opens the engine `vllm` elsewhere, None for on this machine. The end of the context frees all.
    """

    def __init__(
        self,
        status: StatusListener,
        planned: Sequence[RunConfig] = (),
        open_vllm: Callable[[Opening], Engine] | None = None,
    ) -> None:
        self._teller, self._planned, self._open_vllm = status, planned, open_vllm
        self._open: dict[tuple[str, ...], Engine] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for engine in self._open.values():
            engine.close()
        self._open.clear()

    def get(self, config: RunConfig, model: ModelSpec) -> Engine:
        """The engine of a model. Raises InputError, EngineError."""
        key = (
            model.engine, str(model.source), str(model.adapter), str(config.base_url), str(config.vllm_python),
            *config.engine_args,
        )  # fmt: skip
        if key not in self._open:
            self._open[key] = self._make(config, model)
        return self._open[key]

    def _make(self, config: RunConfig, model: ModelSpec) -> Engine:
        if model.engine != "openai":
            self._teller.note(f"loading {model.name} (engine {model.engine}: {model.why})")
        with waiting_for(self._teller, f"importing what engine {model.engine} needs"):  # torch takes seconds
            module = registry.load("harness.engines", model.engine, "engine")
        runs = (config, *self._planned)
        opening = Opening(
            name=model.name,
            source=model.source,
            config=config,
            runs=runs,
            status=self._teller,
            revision=model.revision,
            adapter=model.adapter,
        )
        if model.engine == "vllm" and config.replicas:
            if self._open_vllm is None:
                raise InputError("--replicas is for harness run; leave it out here")
            return self._open_vllm(opening)
        what = f"waiting for the server {plain_url(config.base_url)}" if config.base_url else f"loading {model.name}"
        with waiting_for(self._teller, what):
            engine: Engine = module.open_engine(module.options_of(opening))
        return engine


def model_identity(path: Path) -> str:
    """A short digest of a model directory: names, sizes and modification times of its files, and its config's text.

    The weights themselves are not read: hashing 15 GB takes longer than many a run.
    """
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.is_file() and file.suffix in (".json", ".safetensors", ".bin", ".model", ".jinja", ".pt"):
            stat = file.stat()
            digest.update(f"{file.name} {stat.st_size} ".encode())
            # small files by their text, so that a copied model stays the same model as far as can be seen cheaply
            digest.update(file.read_bytes() if stat.st_size < MIB * 8 else str(stat.st_mtime_ns).encode())
    return digest.hexdigest()[:16]
