# Everything runs from .venv: see README.md. Another one: make BIN=path/to/bin test
BIN ?= .venv/bin
export PATH := $(abspath $(BIN)):$(PATH)
C := $(shell find csrc tests -name '*.[ch]')
ASAN := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-wrapv -UNDEBUG
SAN_LIBS := $(shell gcc -print-file-name=libasan.so) $(shell gcc -print-file-name=libubsan.so)

.PHONY: build test lint format types examples bench selftest neon asan clean

build: ; $(BIN)/pip install -q -e '.[test,lint]'

test: ; $(BIN)/pytest

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

bench: ; $(BIN)/nncore bench

selftest: ; $(BIN)/nncore selftest

neon: ; $(BIN)/python tests/neon/compare.py

asan:
	CFLAGS="$(ASAN)" $(BIN)/python setup.py -q build --build-base build/asan
	PYTHONPATH=$$(echo build/asan/lib*) LD_PRELOAD="$(SAN_LIBS)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	$(BIN)/pytest -m 'not slow' --deselect tests/test_packaging.py

clean: ; rm -rf build dist *.egg-info nncore/*.so .*_cache .hypothesis
