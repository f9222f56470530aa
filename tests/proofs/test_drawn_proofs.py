"""Whatever is called proved has no counterexample at 3 pages, 2 CPUs, 2 contents: on machines that mean nothing."""

from collections import Counter

import pytest
from drawn_machines import Drawn, drawn_machines
from hypothesis import HealthCheck, Phase, given, seed, settings

from thawcheck.checker.explorer import reachable
from thawcheck.model.machine import Sizes
from thawcheck.model.terms import Page
from thawcheck.proofs.prove import prove

MACHINES = 200
SECONDS = 10.0  # for one proof
MOST_SECONDS_EXPLORING = 3.0


def larger(drawn: Drawn) -> Sizes:
    """3 pages, and 2 of everything else."""
    return Sizes(**{sort.plural: 3 if sort is Page else 2 for sort in drawn.machine.sorts}, contents=2)


class Tally:
    """What came out; a machine is counted only if it leaves room for the others that are wanted."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.learned = self.complete = 0
        self.digests: set[str] = set()

    def has_room_for(self, verdict: str, learned: bool) -> bool:
        """Whether a third can still be proved, and of those half with lemmas."""
        left = MACHINES - sum(self.verdicts.values()) - 1
        third = MACHINES // 3 + 1
        proved = self.verdicts["proved"] + (verdict == "proved")
        inductive = proved - self.learned - learned
        return max(0, third - proved) <= left and max(0, inductive - self.learned - learned) <= left and inductive * 2 <= third + 1


@pytest.mark.timeout(900)
def test_what_is_proved_has_no_counterexample() -> None:
    tally = Tally()

    def each(drawn: Drawn) -> None:
        key = f"{drawn.machine.digest} {sorted(drawn.dropped)}"
        if key in tally.digests or sum(tally.verdicts.values()) >= MACHINES:
            return
        tally.digests.add(key)
        proof = prove("drawn", drawn.machine, dropped=drawn.dropped, timeout=SECONDS, compiled=False)
        learned = any(lemma.never for lemma in proof.lemmas)
        if not tally.has_room_for(proof.verdict, learned):
            return
        tally.verdicts[proof.verdict] += 1
        if proof.verdict == "proved":
            result, _, _ = reachable(
                drawn.machine, larger(drawn), dropped=drawn.dropped, compiled=False, timeout=MOST_SECONDS_EXPLORING
            )
            assert result.verdict != "violated", f"{drawn}\nproved, and yet violated at {result.sizes}: {result.broken}"
            tally.learned += learned
            tally.complete += result.complete

    rounds = 0
    while sum(tally.verdicts.values()) < MACHINES:
        rounds += 1
        configured = settings(
            max_examples=50, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
        )
        configured(seed(rounds)(given(drawn_machines())(each)))()
    print(dict(tally.verdicts), tally.learned, "with lemmas,", tally.complete, "explored completely")
    assert tally.verdicts["proved"] * 3 >= MACHINES
    assert tally.learned * 2 >= tally.verdicts["proved"]
    assert tally.verdicts["violated"] >= 20  # it is no test of machines that are all right
    assert tally.complete * 4 >= tally.verdicts["proved"] * 3
