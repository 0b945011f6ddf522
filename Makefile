# One interface for everything. `make study` and `make test` need Python 3.11 or newer and nothing else;
# a C++ compiler adds the iisignature backend.
#   make study ARGS="--points 10 --depths 1:8" DATA=wine OUT=my-report
#   PYTHON=python3.12 make study      another Python than python3

DATA ?=
OUT ?= study-report
ARGS ?=
BACKENDS := esig iisignature
RUN := .venv/bin/python

.PHONY: help setup setup-dev setup-docs study audit test test-portable fuzz lint types examples docs site cheat-sheet slides dist bench bench-peers bench-signatures clean

help:
	@echo "make study      set up .venv, run the study, write $(OUT)/ (DATA=name or file, OUT=folder, ARGS=\"options\")"
	@echo "make test       set up .venv with the developers' tools, run the tests (ARGS=\"pytest options\")"
	@echo "make test-portable  run the numerical tests again under other instruction sets (ARGS=\"pytest options\")"
	@echo "make fuzz       the fuzzers of tests/fuzz with 100,000 cases (ROUGHNTK_FUZZ_CASES=number)"
	@echo "make audit      examine every claim of the paper, write audit-report/ (ARGS=\"options\")"
	@echo "make setup      the set-up of 'make study' alone"
	@echo "make lint       ruff: rules and format"
	@echo "make types      mypy on the package"
	@echo "make examples   run every script of examples/ and examples/tutorials/; each asserts its claim and draws into example-figures/"
	@echo "make docs       check every link and image of README.md and docs/, run every snippet, measure the tables, examine the claims again, build the site, look at its pages in a browser"
	@echo "make site       build the site into site/ with cheat sheet and slides, and follow every link of it"
	@echo "make cheat-sheet, make slides   PDF files in site/pdf/"
	@echo "make dist       build wheel and source distribution into dist/, examine them, try them on each Python of 3.11 to 3.13"
	@echo "make bench      run the benchmarks: ratios of two things measured in one run"
	@echo "make bench-peers  compare with neural-tangents, in an environment of its own, .venv-peers"
	@echo "make bench-signatures  compare with every signature package, in an environment of its own, .venv-signatures"
	@echo "make clean      remove .venv, $(OUT), example-figures, caches and built packages"

setup:
	@bash .ci/setup $(BACKENDS)

setup-dev:
	@bash .ci/setup $(BACKENDS) dev

setup-docs:
	@bash .ci/setup $(BACKENDS) dev docs

study: setup
	@.venv/bin/roughntk study $(DATA) --out "$(OUT)" $(ARGS)

# Proofs need python-flint, the verdict on the driving paths esig and iisignature, trained networks optax.
audit:
	@bash .ci/setup $(BACKENDS) certify networks
	@.venv/bin/roughntk audit $(ARGS)

test: setup-docs
	@$(RUN) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# 100,000 cases took 21 minutes on two idle cores; a failing one is printed with what reproduces it.
fuzz: setup-dev
	@ROUGHNTK_FUZZ_CASES=$${ROUGHNTK_FUZZ_CASES:-100000} $(RUN) -m pytest --numprocesses 2 tests/fuzz tests/test_process.py $(ARGS)

test-portable: setup-dev
	@$(RUN) tools/portable.py $(ARGS)

lint: setup-dev
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

types: setup-dev
	@$(RUN) -m mypy

examples: setup
	@mkdir -p example-figures
	@for script in examples/tutorials/*.py; do \
		echo "== $$script"; name=$$(basename "$$script" .py); \
		MPLBACKEND=Agg $(RUN) "$$script" "example-figures/$$name.png" || exit 1; \
	done
	@for script in examples/*.py; do \
		echo "== $$script"; name=$$(basename "$$script" .py); \
		MPLBACKEND=Agg $(RUN) "$$script" "example-figures/$$name.png" && \
		$(RUN) docs/stamps.py "$$script" "example-figures/$$name.png" || exit 1; \
	done

# Figures that `make examples` drew from the same sources are taken; the others are drawn now.
site: setup-docs
	@$(RUN) docs/build_site.py --check

docs: setup-docs
	@$(RUN) docs/check_links.py
	@$(RUN) docs/run_snippets.py
	@$(RUN) docs/make_families.py --check
	@$(RUN) docs/make_predictions.py --check
	@$(RUN) docs/make_audit.py --check
	@$(RUN) docs/build_site.py --check
	@$(RUN) docs/check_pages.py site

cheat-sheet: setup-docs
	@$(RUN) docs/build_pdfs.py --only cheat-sheet --out site/pdf

slides: setup-docs
	@$(RUN) docs/build_pdfs.py --only slides --figures example-figures --out site/pdf

dist: setup
	@$(RUN) tools/check_distribution.py --out dist $(ARGS)

bench: setup
	@for script in benchmarks/*.py; do \
		echo "== $$script"; $(RUN) "$$script" || exit 1; \
	done

# neural-tangents needs older versions of JAX, numpy and scipy, and a Python that has them (3.9 to 3.12).
bench-peers: setup
	@[ -f .venv-peers/stamp ] && cmp -s .venv-peers/stamp benchmarks/peers/requirements.txt || { \
		rm -rf .venv-peers && $${PEER_PYTHON:-$${PYTHON:-python3}} -m venv .venv-peers && \
		.venv-peers/bin/python -m pip install -q -r benchmarks/peers/requirements.txt && \
		cp benchmarks/peers/requirements.txt .venv-peers/stamp; }
	@$(RUN) benchmarks/peers/compare.py .venv-peers/bin/python $(ARGS)

# pysiglib needs PyTorch, so it is kept out of .venv. signax 0.2.1 runs with the versions of JAX and equinox pinned here.
bench-signatures:
	@[ -f .venv-signatures/stamp ] && cmp -s .venv-signatures/stamp constraints.txt || { \
		rm -rf .venv-signatures && $${PYTHON:-python3} -m venv .venv-signatures && \
		sed -e '/--hash=/d' -e 's/ *\\$$//' constraints.txt >.venv-signatures/pins && \
		.venv-signatures/bin/python -m pip install -q -c .venv-signatures/pins setuptools hatchling numpy && \
		.venv-signatures/bin/python -m pip install -q -c .venv-signatures/pins --no-build-isolation \
			-e '.[esig,iisignature,roughpy,pysiglib]' signax==0.2.1 && \
		cp constraints.txt .venv-signatures/stamp; }
	@.venv-signatures/bin/python benchmarks/signature.py $(ARGS)

clean:
	@rm -rf .venv .venv-peers .venv-signatures .venv.lock "$(OUT)" example-figures dist build .pytest_cache .cache .mypy_cache \
		.ruff_cache .hypothesis site
	@find roughntk tests examples benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
