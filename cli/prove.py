"""``thawcheck prove``: for every size, or why not."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..model.designs import BUILT_IN
from ..model.machine import Machine
from .errors import CommandError, written_to
from .options import budget_options, default_memory, drop_option, dropped_assumptions, json_option, load_design, load_named_design
from .output import print_json
from .results import example_of, print_counterexample, summary

if TYPE_CHECKING:
    from ..proofs.induction import Step
    from ..proofs.prove import Proof

MOST_SHOWN = 12  # values of a state, where all would be too many


@click.command()
@click.argument("design", required=False)
@drop_option
@budget_options
@click.option("-o", "--output", metavar="FOLDER", help="Where the certificate of a proof is written.")
@click.option(
    "--recheck", metavar="FOLDER", help="Check a certificate again instead: with cvc5, and against the design."
)
@json_option
def prove(
    design: str | None,
    drop: tuple[str, ...],
    timeout: float | None,
    memory: int | None,
    output: str | None,
    recheck: str | None,
    as_json: bool,
) -> int:
    """Prove DESIGN for every size: any number of pages, CPUs, devices and contents.

    DESIGN is a built-in name, FILE.py or FILE.py:CLASS; proposal-2010 unless you name one. No hints are needed: lemmas are found from the
    design's own terms. The proof is a certificate that two solvers have checked; see docs/proving.md.
    """
    if recheck is not None:
        if drop or output is not None or memory is not None:
            raise CommandError("--recheck takes the design and what is dropped from the certificate, and writes nothing")
        return _recheck(Path(recheck), design, timeout, as_json)
    from ..proofs.certificate import CertificateError, write
    from ..proofs.prove import DEFAULT_TIMEOUT
    from ..proofs.prove import prove as search

    name, machine = load_design(design or "proposal-2010")
    dropped = dropped_assumptions(machine, drop)
    budget = memory * 2**20 if memory is not None else default_memory()
    with teller(as_json) as tell:
        proof = search(name, machine, dropped=dropped, timeout=timeout or DEFAULT_TIMEOUT, memory=budget, tell=tell)
    if proof.certificate is not None and output is not None:
        try:
            with written_to(output):
                write(proof.certificate, Path(output))
        except CertificateError as fault:
            raise CommandError(str(fault)) from None
    if as_json:
        print_json(proof_fields(name, proof))
    else:
        _print(name, proof, output)
    sys.stdout.flush()
    return proof.exit_status


class teller:
    """A line on a terminal that says what is being done; nothing in a pipe."""

    def __init__(self, quiet: bool, line: str = "proving") -> None:
        self._status: Any = None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status(line)

    def __enter__(self) -> Any:
        if self._status is None:
            return lambda line: None
        self._status.start()
        return self._status.update

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()


def sorts_in_words(machine: Machine) -> str:
    """What there may be any number of."""
    known = {sort.plural for sort in machine.sorts}
    first = [name for name in ("pages", "cpus", "devices") if name in known]
    return ", ".join([*first, *sorted(known - set(first))]) + " and contents"


def proof_fields(name: str, proof: Proof) -> dict[str, Any]:
    """What ``--json`` says of a proof, for prove and verify alike."""
    from ..checker.counterexample import to_itf
    from ..proofs.words import in_words

    phases = proof.phases
    proved = proof.certificate is not None
    return {
        "design": name,
        "dropped": sorted(proof.dropped),
        "verdict": proof.verdict,
        "lemmas": [{"text": in_words(lemma, proof.machine), "formula": str(lemma.body)} for lemma in proof.lemmas],
        "obligations": [{"name": name, "z3": True, "cvc5": True} for name in proof.certificate.uses]
        if proof.certificate is not None
        else [],
        "rechecked": proved,
        "seconds": round(proof.seconds, 3),
        "phases": {key: round(getattr(phases, key), 3) for key in ("explore", "learn", "z3", "cvc5", "compile")},
        "explored": [
            {"sizes": dict(one.sizes), "verdict": one.verdict, "complete": one.complete, "states": one.states} for one in proof.explored
        ],
        "withdrawn": proof.withdrawn,
        "reason": proof.reason,
        "step": _step_fields(proof.step) if proof.step is not None else None,
        "property": proof.exploration.broken if proof.exploration is not None else None,
        "counterexample": to_itf(example_of(proof.exploration)) if proof.exploration is not None else None,
    }


def _step_fields(step: Step) -> dict[str, Any]:
    return {
        "obligation": step.action,
        "lemma": str(step.lemma.body),
        "property": step.lemma.property,
        "before": {str(feature.term): _value(feature, value) for feature, value in step.before},
        "after": {str(feature.term): _value(feature, value) for feature, value in step.after},
    }


def _value(feature: Any, value: int) -> bool | str:
    return feature.term.literals[value] if feature.term.literals else bool(value)


def _print(name: str, proof: Proof, output: str | None) -> None:
    from ..proofs.words import by_phase

    machine, phases = proof.machine, proof.phases
    print(f"{name}: {machine.title}")
    if proof.dropped:
        print(f"  without {', '.join(sorted(proof.dropped))}")
    spent = (
        f"{proof.seconds:.1f} s: exploring {phases.explore:.1f}, learning {phases.learn:.1f}, z3 {phases.z3:.1f}, cvc5 {phases.cvc5:.1f}"
    )
    if proof.certificate is not None:
        print(f"  {proof_line(proof)}")
        print(f"    {spent}")
        print("  the lemmas, which together are the invariant:")
        for heading, sentences in by_phase(proof.lemmas, machine):
            print(f"    {heading}:")
            for sentence in sentences:
                print(f"      {sentence}")
        if output is not None:
            own = "" if name in BUILT_IN else f"{name} "
            print(f"  certificate: {output}; thawcheck prove {own}--recheck {output} checks it again")
    elif proof.exploration is not None:
        print(f"  {summary(proof.exploration)}")
        print(f"    {spent}")
        print_counterexample(proof.exploration, None, name)
    else:
        print(f"  unknown for every size: {proof.reason}")
        print(f"    {spent}")
        for one in proof.explored:
            print(f"    looked at: {summary(one)}")
        if proof.step is not None:
            for line in _tell(proof.step):
                print(line)


def proof_line(proof: Proof) -> str:
    """One line on a proof that was found."""
    assert proof.certificate is not None
    return (
        f"proved for any number of {sorts_in_words(proof.machine)}: {len(proof.lemmas)} lemmas, "
        f"{len(proof.certificate.uses)} obligations, each discharged by z3 and again by cvc5"
    )


def _tell(step: Step) -> Iterable[str]:
    """A counterexample to induction as a step: before, action, after."""
    wanted = step.lemma.property or str(step.lemma.body)
    yield f"  the step that could not be ruled out: {step.action}, after which {wanted} is false at the observed tuple"
    about = step.lemma.variables
    before = [(feature, value, after) for (feature, value), (_, after) in zip(step.before, step.after, strict=True)]
    shown = [one for one in before if one[1] != one[2]] + [one for one in before if one[1] == one[2] and one[0].variables & about]
    for feature, value, after in shown[:MOST_SHOWN]:
        changed = "" if value == after else f" -> {_value(feature, after)}"
        yield f"    {feature.term}: {_value(feature, value)}{changed}"
    if len(shown) > MOST_SHOWN:
        yield f"    and {len(shown) - MOST_SHOWN} more; --json has all"
    yield f"    {wanted}: {step.lemma.body}"


def _recheck(folder: Path, design: str | None, timeout: float | None, as_json: bool) -> int:
    from ..proofs.certificate import CertificateError, discharged_by_cvc5, read, read_manifest, undischarged
    from ..proofs.words import in_words

    begun = time.perf_counter()
    try:
        manifest = read_manifest(folder)
        remedy = f"if it is your own: thawcheck prove FILE.py --recheck {folder}"
        name, machine = load_design(design) if design is not None else load_named_design(manifest["design"], str(folder), remedy)
        certificate, scripts = read(folder, manifest, machine)
    except CertificateError as fault:
        raise CommandError(str(fault)) from None
    left = (lambda: max(0.0, timeout - (time.perf_counter() - begun))) if timeout is not None else (lambda: 60.0)
    checking = time.perf_counter()
    failed = undischarged(scripts, discharged_by_cvc5, left)
    now = time.perf_counter()
    if as_json:
        print_json(
            {
                "design": name,
                "dropped": sorted(certificate.dropped),
                "verdict": "unknown" if failed else "proved",
                "lemmas": [{"text": in_words(lemma, machine), "formula": str(lemma.body)} for lemma in certificate.lemmas],
                "obligations": [{"name": one, "cvc5": one not in failed} for one in scripts],
                "rechecked": not failed,
                "seconds": round(now - begun, 3),
                "phases": {"explore": 0.0, "learn": 0.0, "z3": 0.0, "cvc5": round(now - checking, 3), "compile": 0.0},
                "reason": f"cvc5 does not discharge {', '.join(failed)}" if failed else "",
            }
        )
    elif failed:
        print(f"{name}: cvc5 does not discharge {', '.join(failed)}")
    else:
        print(
            f"{name}: the certificate is what the design says now, and cvc5 discharges all {len(scripts)} obligations ({now - begun:.1f} s)"
        )
    return 21 if failed else 0
