"""The package as a user gets it: what the wheel holds, how it is started, what it needs."""

import ast
import email
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import thawcheck

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("model", "checker", "proofs", "traces", "cli")
MADE = (".git", ".venv", "build", "dist", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache")


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """What the command prints when it is run in the folder; an error if it fails."""
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(command: str, *options: str | Path, source: Path) -> None:
    """Build from the source with the setuptools of this environment, so that nothing is downloaded."""
    run(sys.executable, "-m", "pip", command, "--quiet", "--no-deps", "--no-build-isolation", *options, ".", folder=source)


def build(source: Path, folder: Path) -> zipfile.ZipFile:
    """The wheel of the source, built into the folder."""
    pip("wheel", "--wheel-dir", folder, source=source)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


def files_in_wheel(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def files_in_tree(root: Path) -> set[str]:
    """Every file that belongs into the wheel: the root's own modules, py.typed, and all that the rooms hold."""
    files = {*root.glob("*.py"), root / "py.typed"} - {root / "setup.py"}
    for room in ROOMS:
        files |= {file for file in (root / room).rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    return {f"thawcheck/{file.relative_to(root).as_posix()}" for file in files}


def made(folder: str, names: list[str]) -> set[str]:
    """Which names in a folder of the tree were made by tools rather than written."""
    return {name for name in names if name == "__pycache__" or (Path(folder) == ROOT and (name in MADE or name.endswith(".egg-info")))}


@pytest.fixture(params=["thawcheck", "elsewhere"])
def clone(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the tree, once in a folder called as the package is, once in one called otherwise."""
    return Path(shutil.copytree(ROOT, tmp_path / "clones" / request.param, ignore=made))


def test_the_wheel_holds_the_rooms_and_nothing_else(clone: Path, tmp_path: Path) -> None:
    expected = files_in_tree(clone)
    for stray in (".venv/lib/stray.py", "build/lib/thawcheck/stray.py", "thawcheck.egg-info/stray.py", "tests/stray/__init__.py"):
        (clone / stray).parent.mkdir(parents=True, exist_ok=True)
        (clone / stray).touch()
    packed = files_in_wheel(build(clone, tmp_path / "wheel"))
    missing, surplus = sorted(expected - packed), sorted(packed - expected)
    assert not missing, f"not in the wheel; a package lacks its __init__.py, or pyproject.toml does not name the data: {missing}"
    assert not surplus, f"in the wheel without belonging there: {surplus}"


def test_every_kind_of_package_data_reaches_the_wheel(clone: Path, tmp_path: Path) -> None:
    data = {"traces/schema.json", "traces/recorded/README.md", "traces/recorded/more/run.jsonl", "cli/schemas/verify.json"}
    data |= {"proofs/README.md", "proofs/certificates/deep/lemma.smt2", "proofs/certificates/deep/manifest.json"}
    data |= {"checker/new/__init__.py", "checker/new/engine.py"}
    for file in data:
        (clone / file).parent.mkdir(parents=True, exist_ok=True)
        (clone / file).touch()
    assert {f"thawcheck/{file}" for file in data} <= files_in_wheel(build(clone, tmp_path / "wheel"))


def test_a_module_that_is_gone_does_not_come_back(clone: Path, tmp_path: Path) -> None:
    before = files_in_tree(clone)
    module = clone / "model" / "short_lived.py"
    module.touch()
    assert "thawcheck/model/short_lived.py" in files_in_wheel(build(clone, tmp_path / "first"))
    module.unlink()
    assert files_in_wheel(build(clone, tmp_path / "second")) == before
    assert files_in_tree(clone) == before, "building has left files in the tree"


def test_the_wheel_names_version_command_and_licence(clone: Path, tmp_path: Path) -> None:
    wheel = build(clone, tmp_path / "wheel")
    described = f"thawcheck-{thawcheck.__version__}.dist-info"
    metadata = email.message_from_bytes(wheel.read(f"{described}/METADATA"))
    assert (metadata["Name"], metadata["Version"], metadata["License-Expression"]) == ("thawcheck", thawcheck.__version__, "MIT")
    assert metadata["Requires-Python"] == ">=3.11"
    assert "thawcheck = thawcheck.cli.main:main" in wheel.read(f"{described}/entry_points.txt").decode()
    assert "The thawcheck authors" in wheel.read(f"{described}/licenses/LICENSE").decode()


def test_an_installed_copy_works_beside_a_clone_of_any_name(clone: Path, tmp_path: Path) -> None:
    """In a clone called thawcheck pytest finds the source, in any other the installed copy: both have to work."""
    installed = tmp_path / "installed"
    pip("install", "--target", installed, source=clone)
    test = clone / "tests" / "test_import.py"
    test.write_text("def test_import():\n" + "".join(f"    import thawcheck.{room}\n" for room in ROOMS))
    printed = run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test, folder=clone, PYTHONPATH=str(installed))
    assert "1 passed" in printed
    assert "Usage:" in run(sys.executable, "-m", "thawcheck", "--help", folder=clone, PYTHONPATH=str(installed))


@pytest.mark.parametrize("command", [[sys.executable, "-m", "thawcheck"], [str(Path(sys.executable).with_name("thawcheck"))]])
def test_the_command_starts_from_any_folder(command: list[str], tmp_path: Path) -> None:
    for folder in (ROOT, tmp_path):
        assert "Usage:" in run(*command, "--help", folder=folder)
        assert thawcheck.__version__ in run(*command, "--version", folder=folder)


def test_the_model_starts_without_the_engines(tmp_path: Path) -> None:
    """Describing a machine needs neither a solver nor a compiler, so it does not wait for one to load."""
    program = "import sys, thawcheck.model; print(*sys.modules, sep='\\n')"
    loaded = set(run(sys.executable, "-c", program, folder=tmp_path).split())
    assert "thawcheck.model" in loaded
    assert not loaded & {"z3", "numba", "hypothesis"}


def test_every_library_that_is_imported_is_declared() -> None:
    declared = {canonicalize_name(Requirement(line).name) for line in core_requirements()}
    owners = importlib.metadata.packages_distributions()
    for name in sorted(files_in_tree(ROOT)):
        file = ROOT / Path(name).relative_to("thawcheck")
        if file.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules = [node.module]
            for module in {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names) - {"thawcheck"}:
                distributions = {canonicalize_name(owner) for owner in owners.get(module, [])}
                assert distributions & declared, f"{file.name} imports {module}, which pyproject.toml does not name"


def core_requirements() -> list[str]:
    return [line for line in importlib.metadata.requires("thawcheck") or [] if "extra ==" not in line]


def test_what_is_installed_is_what_constraints_say() -> None:
    pins = dict(line.split("==") for line in constraints())
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    waiting = [(canonicalize_name("thawcheck"), frozenset({"", "test"}))]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        if name != "thawcheck":
            assert pinned.get(name) == importlib.metadata.version(name), f"{name} is not pinned to the version that is installed"
        for requirement in map(Requirement, importlib.metadata.requires(name) or []):
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
                needed = (canonicalize_name(requirement.name), frozenset({"", *requirement.extras}))
                if needed not in seen:
                    seen.add(needed)
                    waiting.append(needed)
    assert {name for name, _ in seen} - {"thawcheck"} <= set(pinned)


def constraints() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_constraints_are_exact_versions_and_name_no_source() -> None:
    for line in constraints():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line), line


def test_no_file_names_this_machine_or_a_package_index() -> None:
    """Nothing that is shipped or committed may hold only where it was written."""
    beside = ROOT if ROOT.parent in (Path("/"), Path(tempfile.gettempdir())) else ROOT.parent
    folders = [re.escape(str(folder)) for folder in (beside, Path.home()) if folder != Path("/")]
    forbidden = re.compile(rf"(?<![\w.-])(?:{'|'.join(folders)})(?![\w-])|pypi\.org|pythonhosted|--(?:extra-)?index-url|--hash=")
    shipped = {ROOT / Path(name).relative_to("thawcheck") for name in files_in_tree(ROOT)}
    top = {path for pattern in ("*.md", "*.py", "*.toml", "constraints.txt", "Makefile", ".gitignore") for path in ROOT.glob(pattern)}
    other = {path for folder in (".ci", "docs") for path in (ROOT / folder).rglob("*") if path.is_file()}
    for file in sorted(shipped | top | other):
        found = forbidden.search(file.read_bytes().decode(errors="replace"))
        assert not found, f"{file.relative_to(ROOT)} names {found.group() if found else ''}"
