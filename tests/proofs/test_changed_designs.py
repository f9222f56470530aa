"""A design that somebody changed five minutes ago: proved without any help if it is right, and never if it is wrong."""

import pytest
from changed_designs import PAIRS

from thawcheck.model import Design, machine_of
from thawcheck.proofs.prove import prove


@pytest.mark.parametrize("design", [right for right, _ in PAIRS], ids=lambda design: design.__name__)
def test_a_right_change_is_proved(design: type[Design]) -> None:
    proof = prove(design.__name__, machine_of(design))
    assert proof.verdict == "proved", proof.reason
    assert any(lemma.never for lemma in proof.lemmas)


@pytest.mark.parametrize("design", [wrong for _, wrong in PAIRS], ids=lambda design: design.__name__)
def test_its_wrong_twin_is_not(design: type[Design]) -> None:
    proof = prove(design.__name__, machine_of(design))
    assert proof.verdict == "violated"
