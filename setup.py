"""The list of packages, computed; everything else stands in pyproject.toml."""

import tempfile
from pathlib import Path

from setuptools import setup

rooms = ["model", "checker", "proofs", "traces", "cli"]
folders = sorted(file.parent.as_posix() for room in rooms for file in Path(room).rglob("__init__.py"))

# Building in a fresh folder keeps modules that are gone from the tree, but left in build/lib, out of the next wheel.
with tempfile.TemporaryDirectory() as scratch:
    setup(
        script_name="setup.py",  # this file is thereby no module of the package, although it lies beside them
        package_dir={"thawcheck": "."},
        packages=["thawcheck", *("thawcheck." + folder.replace("/", ".") for folder in folders)],
        options={"build": {"build_base": scratch}, "egg_info": {"egg_base": scratch}},
    )
