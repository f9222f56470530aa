"""What is proved, what is not, and what is said when it is not."""

import numpy as np
import pytest
import small_designs as small

from thawcheck.checker.layout import Layout
from thawcheck.checker.rerun import rerun
from thawcheck.model import machine_of
from thawcheck.model.designs import built_in_design
from thawcheck.model.machine import Machine
from thawcheck.proofs.cardinalities import with_cardinalities
from thawcheck.proofs.dropping import actions_that_lose
from thawcheck.proofs.induction import Search
from thawcheck.proofs.prove import Proof, prove
from thawcheck.proofs.views import features_of, slots_of
from thawcheck.proofs.words import in_words

SAVER = machine_of(small.Saver)


def attempt(machine: Machine, *dropped: str) -> Proof:
    return prove(machine.name, machine, dropped=frozenset(dropped), compiled=False)


def test_a_design_is_proved_with_lemmas_that_nobody_gave() -> None:
    proof = attempt(SAVER)
    assert proof.verdict == "proved"
    assert any(lemma.never for lemma in proof.lemmas)
    said = {in_words(lemma, SAVER) for lemma in proof.lemmas}
    assert "The image is memory: implies(phase == 'off', image[page] == memory[page])." in said
    assert "Frames equals the number of those that are copied." in said
    assert "If the page is written and the page is not flagged, then the page's memory equals its image." in said


def test_a_dropped_assumption_and_a_wrong_twin_are_violated_and_the_run_is_one() -> None:
    for machine, dropped in ((SAVER, ("stores_flag",)), (machine_of(small.Forgetful), ())):
        proof = attempt(machine, *dropped)
        assert proof.verdict == "violated" and proof.exploration is not None and proof.exploration.run is not None
        run, sizes = proof.exploration.run, proof.exploration.sizes
        again = rerun(Layout(machine, sizes), frozenset(dropped), run.initial, [(step.action, step.arguments) for step in run.steps])
        assert again == run


def test_unset_content_is_arbitrary() -> None:
    assert attempt(machine_of(small.Unset)).verdict == "violated"


def test_a_property_that_says_that_there_is_something_is_unknown_and_says_which_step() -> None:
    proof = attempt(machine_of(small.Guarded))
    assert proof.verdict == "unknown"
    assert proof.step is not None and proof.step.lemma.property == "somebody_runs"
    assert len(proof.explored) >= 2 and all(result.complete for result in proof.explored)


def test_what_no_view_says_is_unknown_with_the_step_and_the_sizes() -> None:
    proof = attempt(machine_of(small.Pairing))
    assert proof.verdict == "unknown"
    assert proof.step is not None and proof.step.action in ("consecution go", "consecution come")
    assert any(before != after for (_, before), (_, after) in zip(proof.step.before, proof.step.after, strict=True))


def test_no_time_is_unknown() -> None:
    proof = prove("Saver", SAVER, timeout=0.0, compiled=False)
    assert proof.verdict == "unknown" and proof.reason


def blind(machine: Machine, dropped: frozenset[str], steps: int = 150) -> bool:
    """Whether the search finds a proof although it has seen nothing: then only z3 stands between it and a wrong proof."""
    extended, cardinalities = with_cardinalities(machine)
    nothing = np.zeros((0, len(features_of(extended, slots_of(extended), cardinalities))), dtype=np.uint8)
    budget = iter(range(steps))
    search = Search(extended, cardinalities, dropped, nothing, lambda: 60.0 if next(budget, None) is not None else 0.0)
    return search.run().proved


@pytest.mark.parametrize("dropped", ["flush_before_trust", "stop_before_copy", "unfaulted_at_compare", "overflow_aborts", "commit_last"])
def test_a_search_that_has_seen_nothing_proves_nothing_wrong(dropped: str) -> None:
    assert not blind(machine_of(built_in_design("proposal-2010")), frozenset({dropped}))


def test_neither_does_it_of_small_designs() -> None:
    assert not blind(SAVER, frozenset({"stores_flag"}))
    assert not blind(machine_of(small.Forgetful), frozenset())
    assert not blind(machine_of(small.Unset), frozenset())


def test_the_proposal_is_proved_for_every_size() -> None:
    machine = machine_of(built_in_design("proposal-2010"))
    proof = prove("proposal-2010", machine)
    assert proof.verdict == "proved" and proof.certificate is not None
    properties = [item for item in machine.properties if item.expectation == "always"]
    assert len(proof.certificate.uses) == 1 + len(machine.actions) + len(properties) + 1  # and the range of the one Counter
    reached = {result.verdict for result in proof.explored}
    assert reached == {"holds"}  # and not vacuous: every phase, action and situation is reached where the lemmas come from


def test_dropping_an_assumption_only_adds_behaviours() -> None:
    assert actions_that_lose(SAVER) == []
    assert actions_that_lose(machine_of(built_in_design("proposal-2010"))) == []
