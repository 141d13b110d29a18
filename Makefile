# Two commands need no prior knowledge: `make demo` and `make test`. Both set up everything they need.
# Four test workers on two cores: a good part of the tests waits, for processes or for time to pass.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CRATES ?=
TEST_WORKERS ?= 4

.PHONY: help fuzz demo test compiled test-fast rebuild-rows idle lint format bench simulate-long protos contracts gas fuzz-contracts lock system setup setup-dev clean test-vllm simulate-penalties bench-checks differential setup-chain

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

system: .stamps/system ## Install what is missing from the system, or say what to run
.stamps/system: .ci/system-packages
	@mkdir -p .stamps
	PYTHON="$(PYTHON)" .ci/system-packages
	@touch $@

setup: .stamps/setup ## Create .venv with the hash-locked runtime
.stamps/setup: .stamps/system requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup-dev: .stamps/setup-dev ## Add the hash-locked development tools
.stamps/setup-dev: .stamps/setup requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

setup-chain: .stamps/setup-chain ## Add what anchoring on an EVM chain needs, hash-locked
.stamps/setup-chain: .stamps/setup requirements-chain.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-chain.lock
	@touch $@

demo: setup ## Five local nodes, one of them a liar, turn three crates into verified shards in out/
	$(BIN)/swarm-node demo --out out $(if $(CRATES),--crates "$(CRATES)")

test: export PYTHONDONTWRITEBYTECODE := # Hundreds of processes that tests start would each compile our code anew.
test: ## Lint, types, import rules, all tests
	@$(MAKE) --no-print-directory --jobs 2 lint compiled
	$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

compiled: setup-dev # What tests import, compiled on the core that mypy leaves; each worker would compile all of it.
	-@$(BIN)/pytest --collect-only -qq > .stamps/collected

test-fast: setup-dev ## Tests without compilers and without node processes
	$(BIN)/pytest -m "not cargo and not processes and not slow"

test-vllm: .stamps/setup-vllm ## Tests against real vLLM on this machine's CPU (5 minutes; installs 3 to 6 GB the first time)
	$(VENV)-vllm/bin/python -m pytest -m vllm tests/vllm

.stamps/setup-vllm: .stamps/system tests/vllm/requirements.txt tests/vllm/install.py
	$(PYTHON) -m venv $(VENV)-vllm
	$(VENV)-vllm/bin/python tests/vllm/install.py
	$(VENV)-vllm/bin/pip install --quiet --disable-pip-version-check pytest pytest-timeout
	@touch $@

rebuild-rows: setup ## Build and test every row that `make demo` left in out/ again, with plain cargo
	$(BIN)/python -m tests.acceptance.rebuild out

idle: setup ## Measure memory and processor time of ten idle nodes
	$(BIN)/python -m tests.acceptance.idle

differential: setup-dev ## Hold 2,200 rows in shared builds against cargo; goes on where it was stopped (hours of CPU)
	$(BIN)/python -m tests.acceptance.differential --work .differential --out docs/differential.md

lint: setup-dev ## ruff, mypy --strict, import-linter, generated code up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev ## Rewrite files in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure the aggregation beside others, and what agreement costs
	$(BIN)/swarm-node bench consensus

bench-checks: setup ## Measure what checking a row costs, beside a cargo project per row
	$(BIN)/swarm-node bench checks

simulate-long: setup-dev ## A hundred thousand hostile agreement schedules and the attack table, into docs/ (an hour)
	$(BIN)/python -m tests.simulation.consensus_report --schedules 100000 --commit $$(git rev-parse --short HEAD) \
		--out docs/consensus-simulation.md

simulate-penalties: setup-dev ## How often honest members are punished on bad networks, over 200,000 of their rounds (an hour)
	$(BIN)/python -m tests.simulation.penalty_report --seeds 34 --processes 2 --kept .stamps/penalties.jsonl

protos: setup-dev ## Regenerate the code of protos/ beside its sources
	PYTHON="$(abspath $(BIN))/python" .ci/generate-protos

contracts: ## Compile the contracts into contracts/artifacts (needs npm)
	cd contracts && npm ci --no-audit --no-fund --ignore-scripts && node build.mjs

gas: setup-dev ## Measure what every call of the contracts costs, into contracts/gas.json
	$(BIN)/python -m tests.support.contract_gas

fuzz: setup-dev ## Tests that play dice, with other seeds and examples each time (a quarter of an hour)
	SWARM_DICE=anew $(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder \
	  tests/properties tests/unit tests/interop/test_libp2p_fuzz.py tests/processes

fuzz-contracts: setup-dev ## The contracts' invariants on a thousand random runs (half an hour)
	SWARM_DICE=anew CONTRACT_EXAMPLES=1000 $(BIN)/pytest --timeout 7200 tests/interop/test_contract_invariants.py

lock: ## Rewrite the lock files from pyproject.toml (names, versions, hashes; no index address)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra install pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra install --extra chain-embedded pyproject.toml -o requirements-chain.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra install --extra dev --extra postgres --extra chain-embedded pyproject.toml -o requirements-dev.lock

clean: ## Remove everything that make created
	rm -rf $(VENV) $(VENV)-vllm .stamps out .demo .differential *.egg-info build
