# Finds uv or makes one, then forwards: `make test` runs `nox -s test`, and
# `make experiment ARGS="--base HEAD~1"` runs `nox -s experiment -- --base HEAD~1`.
UV := $(or $(shell command -v uv),.tools/bin/uv)
export UV_COMPILE_BYTECODE = $(if $(wildcard .venv),0,1)
export PATH := $(PATH):$(CURDIR)/.tools/bin

%: FORCE # a folder may have a session's name
	@command -v $(UV) >/dev/null || { echo "Making .tools with uv ..."; python3 -m venv .tools; \
	  .tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9; }
	@$(UV) run --frozen nox -s $@ $(if $(ARGS),-- $(ARGS))

Makefile FORCE: ;
