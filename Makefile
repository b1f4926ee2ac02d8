# Finds uv or makes one, then forwards: `make test` runs `nox -s test`, and
# `make experiment ARGS="--base HEAD~1"` runs `nox -s experiment -- --base HEAD~1`.
UV := $(or $(shell command -v uv),.tools/bin/uv)
export PATH := $(PATH):$(CURDIR)/.tools/bin

%: FORCE # a folder may have a session's name
	@command -v $(UV) >/dev/null || { echo "Setting up, 1 of 2: uv, into .tools (some seconds) ..."; \
	  python3 -m venv .tools && .tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9; } || \
	  { echo "That needs Python with venv (Debian: apt-get install python3-venv) and PyPI. Then: make $@" >&2; exit 1; }
	@test -d .venv || { echo "Setting up, 2 of 2: the locked packages, into .venv (a minute) ..."; \
	  $(UV) run --frozen python -c "" || { rm -rf .venv; echo "That needs PyPI, and Python 3.11: one that is" \
	  "installed, or github.com, from where uv brings it. Once what uv says above is out of the way: make $@" >&2; exit 1; }; }
	@$(UV) run --frozen nox -s $@ $(if $(ARGS),-- $(ARGS))

Makefile FORCE: ;
