"""Designs as files of their own, as users write them."""

import importlib.util
import itertools
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]
numbers = itertools.count()


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Writes the text of a design into a file of its own, ``design.py`` in the test's folder, and imports it."""

    def load_design(text: str) -> ModuleType:
        file = tmp_path / "design.py"
        file.write_text(textwrap.dedent(text))
        specification = importlib.util.spec_from_file_location(f"design_{next(numbers)}", file)
        assert specification is not None and specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    return load_design
