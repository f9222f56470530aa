"""Certificates: a proof as files that another solver checks.

A certificate is a folder: a manifest, and one SMT-LIB script for each obligation. The manifest says which design (by the digest of its
terms), which lemmas, and for each obligation at which indices which lemmas are used. Everything else follows from the design: to
check a certificate, the scripts are made anew from the design and the manifest, compared with the files, and given to cvc5.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import z3

from ..checker.to_z3 import ask
from ..model.machine import Machine
from ..model.terms import text
from .cardinalities import with_cardinalities
from .induction import OutOfTime, learned, obligations_of, properties_of
from .obligations import Lemma, Obligation, Theory, lemmas_of
from .smt import script
from .views import Feature, features_of, slot, slots_of

FORMAT = 1
MANIFEST = "manifest.json"
Use = tuple[int, tuple[tuple[str, str], ...]]  # a lemma's number, and the name of the ground index for each of its slots
Budget = Callable[[], float]


class CertificateError(Exception):
    """A certificate that is refused: what is wrong with it, in one line."""


@dataclass(frozen=True)
class Certificate:
    """A proof of a design's properties: the lemmas, and for each obligation by name which instances of them it uses."""

    design: str
    machine: Machine
    dropped: frozenset[str]
    lemmas: tuple[Lemma, ...]
    uses: Mapping[str, tuple[Use, ...]]

    def scripts(self) -> dict[str, str]:
        """The script of each obligation, made from the design's terms."""
        extended, cardinalities = with_cardinalities(self.machine)
        theory = Theory(extended, cardinalities, self.dropped)
        return {obligation.name: self._script(obligation) for obligation in obligations_of(extended, theory)}

    def _script(self, obligation: Obligation) -> str:
        if obligation.name not in self.uses:
            raise CertificateError(f"it has no obligation '{obligation.name}', which the design asks for")
        concerned = [lemma for lemma in self.lemmas if obligation.concerns(lemma)]
        goals = [obligation.goal(lemma) for lemma in concerned]
        known = obligation.theory.formula(obligation.denied is None)
        goal = z3.And(goals) if goals else known
        used: list[tuple[str, list[Any]]] = []
        for number, at in self.uses[obligation.name]:
            if obligation.initially or not 0 <= number < len(self.lemmas):
                raise CertificateError(f"'{obligation.name}' uses lemma {number}, which it cannot")
            lemma, grounds = self.lemmas[number], _grounds(obligation, self.lemmas[number], at)
            where = ", ".join(f"{name} = {ground}" for name, ground in at)
            used.append((f"lemma {number} at {where or 'the scalars'}: {text(lemma.body)}", [obligation.instance(lemma, grounds)]))
        action = obligation.action
        title = [f"{self.design}: {obligation.name}", *([action.doc.splitlines()[0]] if action is not None and action.doc else [])]
        conditions = action.guard if action is not None else ()
        given = [(f"require {conjunct.source}", [formula]) for conjunct, formula in zip(conditions, obligation.given, strict=False)]
        if obligation.denied is not None:
            given = [("the property is denied", obligation.given)]
        shown = [f"shown: lemma {number}: {text(lemma.body)}" for number, lemma in enumerate(self.lemmas) if lemma in concerned]
        return script([*title, *shown], [("what is known of the sorts", obligation.sides), *given, *used], goal)

    def manifest(self) -> dict[str, Any]:
        """What the scripts cannot say."""
        return {
            "format": FORMAT,
            "design": self.design,
            "digest": self.machine.digest,
            "dropped": sorted(self.dropped),
            "solvers": {"z3": version("z3-solver"), "cvc5": version("cvc5")},
            "lemmas": [_lemma_fields(lemma) for lemma in self.lemmas],
            "obligations": [
                {"name": name, "file": _file_name(name), "uses": [[number, dict(at)] for number, at in uses]}
                for name, uses in self.uses.items()
            ],
        }


def _grounds(obligation: Obligation, lemma: Lemma, at: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    known = {ground.decl().name(): ground for grounds in obligation.grounds.values() for ground in grounds}
    sorts = {str(index.payload): type(index) for index in lemma.slots}
    if set(sorts) != {name for name, _ in at}:
        raise CertificateError(f"'{obligation.name}' uses a lemma at {dict(at)}, which are not its slots")
    for name, ground in at:
        if ground not in known or not any(known[ground].eq(one) for one in obligation.grounds[sorts[name]]):
            raise CertificateError(f"'{obligation.name}' uses a lemma at {ground}, which is no index of it")
    return {name: known[ground] for name, ground in at}


def _file_name(obligation: str) -> str:
    return obligation.replace(" ", "-") + ".smt2"


def _lemma_fields(lemma: Lemma) -> dict[str, Any]:
    fields: dict[str, Any] = {"text": text(lemma.body)}
    if lemma.property:
        return {**fields, "property": lemma.property, "part": lemma.part}
    return {**fields, "never": {text(feature.term): sorted(values) for feature, values in lemma.never}}


# ---------------------------------------------------------------- from lemmas to a certificate


def certify(
    design: str, machine: Machine, dropped: frozenset[str], obligations: list[Obligation], lemmas: tuple[Lemma, ...], left: Budget
) -> Certificate:
    """The certificate of an inductive invariant, without the lemmas and the uses of lemmas that nothing needs.

    Raises OutOfTime; AssertionError if the lemmas are no invariant after all.
    """
    works = [_Core(obligation, lemmas, left) for obligation in obligations]
    needed: dict[Lemma, None] = {}
    for work in works:
        if work.obligation.denied is not None:
            needed.update(dict.fromkeys(work.show(None)))
    waiting = list(needed)
    while waiting:
        batch, waiting = waiting, []
        for work in works:
            for lemma in batch:
                if work.obligation.concerns(lemma):
                    for found in work.show(lemma):
                        if found not in needed:
                            needed[found] = None
                            waiting.append(found)
    kept = tuple(lemma for lemma in lemmas if lemma in needed)
    numbers = {lemma: number for number, lemma in enumerate(kept)}
    uses = {work.obligation.name: tuple(sorted((numbers[lemma], at) for lemma, at in work.used)) for work in works}
    return Certificate(design, machine, dropped, kept, uses)


class _Core:
    """An obligation, and the instances of lemmas that were needed so far to show what was asked for."""

    def __init__(self, obligation: Obligation, lemmas: tuple[Lemma, ...], left: Budget) -> None:
        self.obligation, self._left = obligation, left
        self.used: dict[tuple[Lemma, tuple[tuple[str, str], ...]], None] = {}
        self._solver = z3.SimpleSolver(ctx=obligation.theory.context)
        self._solver.set("core.minimize", True)
        self._solver.add(obligation.given)
        self._solver.add(obligation.sides)
        self._marks: dict[str, tuple[Lemma, tuple[tuple[str, str], ...]]] = {}
        self._literals: list[Any] = []
        for lemma in () if obligation.initially else lemmas:
            for at in obligation.tuples(lemma.slots):
                name = f"use {len(self._marks)}"
                mark = z3.Bool(name, obligation.theory.context)
                self._marks[name] = (lemma, tuple((slot, ground.decl().name()) for slot, ground in at.items()))
                self._literals.append(mark)
                self._solver.add(z3.Implies(mark, obligation.instance(lemma, at)))

    def show(self, lemma: Lemma | None) -> list[Lemma]:
        """The lemmas that are needed to show this one (or, of a property, that nothing denies it)."""
        self._solver.push()
        if lemma is not None:
            goal = self.obligation.goal(lemma)
            self._solver.add(self.obligation.sides)
            self._solver.add(z3.Not(goal))
        self._solver.set("timeout", int(max(1.0, self._left() * 1000)))
        answer = ask(self._solver, self._literals)
        core = [self._marks[mark.decl().name()] for mark in self._solver.unsat_core()] if answer == z3.unsat else []
        self._solver.pop()
        if answer == z3.unknown:
            raise OutOfTime
        assert answer == z3.unsat, f"{self.obligation.name}: the lemmas do not show {lemma}"
        self.used.update(dict.fromkeys(core))
        return list(dict.fromkeys(one for one, _ in core))


# ---------------------------------------------------------------- files


def write(certificate: Certificate, folder: Path) -> None:
    """Writes the folder anew; there is never half a certificate under the final name. An older certificate there is replaced.

    Raises CertificateError if something else is there.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise CertificateError(f"{folder} is there already, and is no certificate; name another folder")
    scripts = certificate.scripts()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        (temporary / MANIFEST).write_text(json.dumps(certificate.manifest(), indent=1) + "\n")
        for name, content in scripts.items():
            (temporary / _file_name(name)).write_text(content)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder; CertificateError if there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except OSError as fault:
        raise CertificateError(f"{folder / MANIFEST}: {fault.strerror}") from None
    except ValueError as fault:
        raise CertificateError(f"{folder / MANIFEST}: no JSON: {fault}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or not isinstance(manifest.get("design"), str):
        raise CertificateError(f"{folder / MANIFEST}: no manifest of format {FORMAT}")
    return manifest


def read(folder: Path, manifest: dict[str, Any], machine: Machine) -> tuple[Certificate, dict[str, str]]:
    """The certificate that a folder says it is, and its files as they are; refused unless they are what the design says.

    Raises CertificateError.
    """
    try:
        return _read(folder, manifest, machine)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as fault:
        raise CertificateError(f"{folder / MANIFEST}: not as a manifest should be ({type(fault).__name__}: {fault})") from None


def _read(folder: Path, manifest: dict[str, Any], machine: Machine) -> tuple[Certificate, dict[str, str]]:
    if manifest["digest"] != machine.digest:
        raise CertificateError(f"{folder}: it is stale: {manifest['design']} is not what it was when this was proved")
    dropped = frozenset(manifest["dropped"])
    if unknown := dropped - {assumption.name for assumption in machine.assumptions}:
        raise CertificateError(f"{folder}: it drops {', '.join(sorted(unknown))}, which the design does not know")
    extended, cardinalities = with_cardinalities(machine)
    features = {text(feature.term): feature for feature in features_of(extended, slots_of(extended), cardinalities)}
    parts = {(one.property, one.part): one for item in properties_of(extended) for one in lemmas_of(item.name, item.predicate, slot) or ()}
    lemmas = tuple(_lemma(fields, features, parts) for fields in manifest["lemmas"])
    uses = {
        entry["name"]: tuple((int(number), tuple((str(name), str(ground)) for name, ground in at.items())) for number, at in entry["uses"])
        for entry in manifest["obligations"]
    }
    certificate = Certificate(manifest["design"], machine, dropped, lemmas, uses)
    expected = certificate.scripts()
    if strange := set(uses) - set(expected):
        raise CertificateError(f"{folder}: the design knows no obligation '{min(strange)}'")
    found: dict[str, str] = {}
    for name, content in expected.items():
        path = folder / _file_name(name)
        try:
            found[name] = path.read_text()
        except (OSError, UnicodeDecodeError) as fault:
            raise CertificateError(f"{path}: {fault}") from None
        if found[name] != content:
            raise CertificateError(f"{path}: it is not what the design and these lemmas say")
    return certificate, found


def _lemma(fields: dict[str, Any], features: dict[str, Feature], parts: dict[tuple[str, int], Lemma]) -> Lemma:
    if "property" in fields:
        return parts[fields["property"], fields["part"]]
    never = [(features[name], frozenset(map(int, values))) for name, values in fields["never"].items()]
    if any(not values or not values < frozenset(range(feature.count)) for feature, values in never):
        raise ValueError(f"no lemma: {fields['never']}")
    return learned(never)


# ---------------------------------------------------------------- two solvers


def discharged_by_z3(content: str, seconds: float) -> bool:
    """Whether z3 answers unsat to a script."""
    solver = z3.SimpleSolver(ctx=z3.Context())
    solver.set("timeout", int(max(1.0, seconds * 1000)))
    solver.from_string(content)
    return bool(ask(solver) == z3.unsat)


def discharged_by_cvc5(content: str, seconds: float) -> bool:
    """Whether cvc5 answers unsat to a script."""
    import cvc5

    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setOption("tlimit-per", str(int(max(1.0, seconds * 1000))))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, content, "obligation")
    symbols, answer = parser.getSymbolManager(), ""
    while not (command := parser.nextCommand()).isNull():
        answer = command.invoke(solver, symbols).strip() or answer
    return answer == "unsat"


def undischarged(scripts: Mapping[str, str], check: Callable[[str, float], bool], left: Budget) -> list[str]:
    """The names of the obligations that a solver does not discharge."""
    return [name for name, content in scripts.items() if not check(content, left())]
