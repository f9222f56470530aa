"""How long a proof takes, and where the time goes, for each built-in design: figures of one run, on one core.

    python bench/prove.py [DESIGN ...]

What is compiled is compiled before anything is timed. Compare ratios within a run, not times between machines.
"""

from __future__ import annotations

import argparse

from thawcheck.checker.explorer import reachable
from thawcheck.model import machine_of
from thawcheck.model.designs import BUILT_IN, built_in_design
from thawcheck.proofs.prove import prove, sizes_to_learn_from


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("designs", nargs="*", default=list(BUILT_IN))
    print(f"{'seconds':34} {'all':>7} {'explore':>7} {'learn':>7} {'z3':>7} {'cvc5':>7}  states, lemmas, obligations, wrong guesses")
    for name in parser.parse_args().designs:
        machine = machine_of(built_in_design(name))
        reachable(machine, next(iter(sizes_to_learn_from(machine))), timeout=0.001)
        proof = prove(name, machine)
        phases, states = proof.phases, sum(result.states for result in proof.explored)
        obligations = len(proof.certificate.uses) if proof.certificate is not None else 0
        print(
            f"{name + ': ' + proof.verdict:34} {proof.seconds:7.1f} {phases.explore:7.1f} {phases.learn:7.1f} {phases.z3:7.1f} "
            f"{phases.cvc5:7.1f}  {states:,}, {len(proof.lemmas)}, {obligations}, {proof.withdrawn}",
            flush=True,
        )


if __name__ == "__main__":
    main()
