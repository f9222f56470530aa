"""The smallest model, as its reader would use it: explored, and type-checked in a project of their own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from thawcheck.checker.reference import explore
from thawcheck.model import Design, Sizes, machine_of

ROOT = Path(__file__).resolve().parents[2]
SMALLEST = ROOT / "docs" / "examples" / "smallest.py"


@pytest.fixture(scope="module")
def pre_copy() -> type[Design]:
    specification = importlib.util.spec_from_file_location("smallest", SMALLEST)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    design: type[Design] = module.PreCopy
    return design


def test_a_store_between_the_read_and_the_clearing_is_lost(pre_copy: type[Design]) -> None:
    result = explore(machine_of(pre_copy), Sizes(pages=2, contents=2))
    assert (result.verdict, result.broken) == ("violated", "covered")
    assert result.run is not None
    assert [step.action for step in result.run.steps] == ["read", "store", "clear"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, by its name whatever the clone is called."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "thawcheck").symlink_to(ROOT, target_is_directory=True)
    assert (folder / "thawcheck" / "py.typed").exists()
    return folder


def type_check(installed: Path, project: Path, text: str) -> str:
    (project / "mine.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(installed / "cache"), "mine.py"]
    done = subprocess.run(command, cwd=project, env=os.environ | {"MYPYPATH": str(installed)}, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_it_passes_mypy_strict_in_a_project_of_its_own(installed: Path, tmp_path: Path) -> None:
    assert type_check(installed, tmp_path, SMALLEST.read_text()) == "Success: no issues found in 1 source file\n"


@pytest.mark.parametrize(
    "right, wrong, said",
    [
        ("self.dirty[page] | (", "self.dirtty[page] | (", 'has no attribute "dirtty"'),
        ("require(self.reading[page])", "require(self.reading)", "incompatible type"),
        ("= content, True", "= page, True", 'type "Page"'),
        ("(self.sent[page] == self.memory[page])", "(self.sent + self.memory)", "Unsupported"),
    ],
)
def test_mypy_finds_what_the_language_would_refuse(installed: Path, tmp_path: Path, right: str, wrong: str, said: str) -> None:
    text = SMALLEST.read_text()
    assert right in text
    found = type_check(installed, tmp_path, text.replace(right, wrong))
    assert "mine.py:" in found and said in found
