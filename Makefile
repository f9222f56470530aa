# make verify   the main job: the proposal explored and proved, each assumption dropped, the recorded runs replayed
# make test     the tests, on two workers
# make lint     ruff
# make types    mypy --strict on the package as a user installs it
# make clean    removes what the others made

PYTHON = python3
PYTEST_OPTIONS =

# A virtual environment knows its own path: one that came along when the folder was copied or renamed would run the
# code of the old folder. It is made afresh, as it is when what is to be installed has changed.
ifneq ($(shell cat .venv/made-for 2>/dev/null),$(CURDIR))
.PHONY: .venv/made-for
endif

.PHONY: verify test lint types clean

verify: .venv/made-for
	.venv/bin/thawcheck verify

test: .venv/made-for
	.venv/bin/python -m pytest -n 2 --dist worksteal $(PYTEST_OPTIONS)

lint: .venv/made-for
	.venv/bin/ruff check .

# The other targets use an editable install, through which mypy cannot look. So the package is installed a second
# time, into a folder from which mypy is then run: it sees what the wheel holds, and nothing else.
types: .venv/made-for
	rm -rf .venv/installed
	.venv/bin/pip install --quiet --no-deps --no-build-isolation --target .venv/installed .
	cd .venv/installed && ../bin/mypy --strict --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache -p thawcheck

.venv/made-for: pyproject.toml setup.py constraints.txt __init__.py
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install --quiet --constraint constraints.txt setuptools
	.venv/bin/pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[test]'
	printf '%s\n' '$(CURDIR)' >$@

clean:
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
