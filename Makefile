# Everything runs from .venv: see README.md. Another one: make BIN=path/to/bin test
BIN ?= .venv/bin
export PATH := $(abspath $(BIN)):$(PATH)
C := $(shell find csrc tests -name '*.[ch]')
ASAN := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-wrapv -UNDEBUG
# What was freed is kept for a while by the sanitizer: these would measure that.
GROWTH := (leave_nothing_behind or the_memory_as_it_was or leave_neither_memory)
UNDER_ASAN = PYTHONPATH=$$(echo $(CURDIR)/build/asan/lib*) LD_PRELOAD="$(SAN_LIBS)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=$(KEPT) \
	UBSAN_OPTIONS=print_stacktrace=1
KEPT ?= 256
SAN_LIBS := $(shell gcc -print-file-name=libasan.so) $(shell gcc -print-file-name=libubsan.so)

TRUST := $(BIN)/python tests/trust
SECONDS ?= 600
SEED ?= 1

.PHONY: build test keras keras-coverage lint format types examples docs bench selftest \
	neon build-asan asan tsan leaks valgrind fuzz soak soak-asan neighbours coverage \
	mutants nets golden release-check clean

build: ; $(BIN)/pip install -q -e '.[test,lint]'

test: ; $(BIN)/pytest

# Beside an installed Keras, which the extra keras brings.
keras: ; $(BIN)/pytest -q -m keras -n auto

keras-coverage: ; $(BIN)/python -m tests.trust.keras_coverage

lint:
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/cython-lint nncore
	$(BIN)/clang-format --dry-run --Werror $(C)

format:
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/clang-format -i $(C)

types:
	$(BIN)/mypy
	$(BIN)/stubtest nncore._core --mypy-config-file pyproject.toml --allowlist tests/stubtest.txt

examples: ; for file in examples/*.py; do $(BIN)/python $$file || exit 1; done

docs: ; $(BIN)/python -P -m sphinx -W -q -b html docs docs/_build/html

bench: ; $(BIN)/nncore bench

selftest: ; $(BIN)/nncore selftest

neon: ; $(BIN)/python tests/neon/compare.py

build-asan: ; CFLAGS="$(ASAN)" $(BIN)/python setup.py -q build --build-base build/asan

asan: build-asan
	$(UNDER_ASAN) $(BIN)/pytest -m 'not slow' --deselect tests/test_packaging.py -k 'not $(GROWTH)'

# Below: what docs/how-it-is-tested.md reports on. SECONDS and SEED choose how much of it.

tsan:
	$(TRUST)/build_c.py threads build/tsan --isa generic -O1 -g -fsanitize=thread
	for n in 1 2 3; do NNCORE_FORCE_THREADS=$$n TSAN_OPTIONS=exitcode=66 \
	setarch $$(uname -m) -R build/tsan/threads || exit 1; done

leaks:
	$(TRUST)/build_c.py hash_driver build/leaks --isa generic $(ASAN)
	for n in 1 3; do NNCORE_FORCE_THREADS=$$n build/leaks/hash_driver > /dev/null || exit 1; done
	# The sanitizer cannot look for leaks in a fork's child.
	$(TRUST)/build_c.py refusals build/leaks --isa generic $(ASAN)
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 build/leaks/refusals

valgrind:
	$(TRUST)/build_c.py hash_driver build/valgrind --isa generic -O1 -g
	NNCORE_FORCE_THREADS=1 valgrind -q --error-exitcode=66 --leak-check=full \
	build/valgrind/hash_driver > /dev/null

fuzz: ; $(TRUST)/fuzz.py --seconds $(SECONDS) --seed $(SEED)

soak: ; PYTHONMALLOC=malloc $(TRUST)/soak.py --seconds $(SECONDS) --seed $(SEED)

# An hour, once for a release.
soak-asan: KEPT := 16
soak-asan: SECONDS := 3600
soak-asan: build-asan ; $(UNDER_ASAN) $(TRUST)/soak.py --seconds $(SECONDS) --seed $(SEED)

neighbours:
	$(BIN)/pip install -q joblib jax lightgbm scikit-learn threadpoolctl torch xgboost-cpu
	$(BIN)/pytest tests/test_neighbours.py

coverage: ; $(BIN)/pip install -q 'coverage>=7.10' && $(TRUST)/coverage.py

mutants: ; $(TRUST)/mutants.py --count 300 --seed $(SEED)

nets: ; $(TRUST)/nets.py

golden: ; $(TRUST)/golden.py

release-check: nets ; $(TRUST)/release.py

clean: ; rm -rf build dist *.egg-info nncore/*.so .*_cache .hypothesis
