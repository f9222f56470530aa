"""Lemmas in words: with the design's own names, said as one would say them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..checker.packing import phase_variable
from ..model.machine import Machine
from ..model.terms import Content, Index, Term, text
from .cardinalities import COUNT
from .obligations import Lemma
from .views import Feature

_VERBS = {"has", "needs", "may", "can", "is", "was", "will", "resumes", "holds"}  # a Flag's name that begins so is a predicate already
Literal = tuple[Feature, frozenset[int]]


def in_words(lemma: Lemma, machine: Machine) -> str:
    """A lemma as a sentence: when, if, then."""
    when, said = _said(lemma, machine)
    return _sentence(f"{when}: {said}" if when else said)


def by_phase(lemmas: Iterable[Lemma], machine: Machine) -> list[tuple[str, list[str]]]:
    """Headings, each with sentences: what the properties say, what is always so, and then phase by phase."""
    places = {lemma: _place(lemma, machine) for lemma in lemmas}
    groups: dict[str, list[str]] = {}
    for lemma in sorted(places, key=places.__getitem__):
        when, said = _said(lemma, machine)
        heading = "What is to be proved" if lemma.property else _sentence(when or "always").removesuffix(".")
        groups.setdefault(heading, []).append(_sentence(said))
    return list(groups.items())


def _place(lemma: Lemma, machine: Machine) -> tuple[bool, bool, list[int]]:
    """Properties first, then what has no phase, then by the first phase."""
    when = _parts(lemma, machine)[0]
    return not lemma.property, when is not None, sorted(when[1]) if when is not None else []


def _said(lemma: Lemma, machine: Machine) -> tuple[str, str]:
    """When a lemma says something (empty: always), and what."""
    if lemma.property:
        title = next((item.title for item in machine.properties if item.name == lemma.property), "")
        return "", f"{title or lemma.property.replace('_', ' ')}: {text(lemma.body)}"
    when, conditions, conclusion = _parts(lemma, machine)
    if conclusion is None:
        return "", f"never {_when(*when).removeprefix('while ')}" if when is not None else "never"
    said = f"if {_joined(conditions, said_so)}, then {said_otherwise(conclusion)}" if conditions else said_otherwise(conclusion)
    return _when(*when) if when is not None else "", said


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."


def _parts(lemma: Lemma, machine: Machine) -> tuple[Literal | None, list[Literal], Literal | None]:
    phase = phase_variable(machine)
    when = next((one for one in lemma.never if phase is not None and one[0].term.payload == phase.name), None)
    rest = [one for one in lemma.never if one is not when]
    # What the sentence concludes: that contents or numbers are equal, else what is not so in the excluded case, else the last.
    order: tuple[Callable[[Literal], bool], ...] = (
        lambda one: one[0].term.op == "eq" and isinstance(one[0].term.args[0], Content) and one[1] == {0},
        lambda one: one[0].term.op == "eq" and not isinstance(one[0].term.args[0], Index) and one[1] == {0},
        lambda one: one[0].term.op == "read" and one[0].count == 2 and one[1] == {0},
        lambda one: one[0].term.op == "read",
    )
    conclusion = next((found[-1] for wanted in order if (found := [one for one in rest if wanted(one)])), rest[-1] if rest else None)
    return when, [one for one in rest if one is not conclusion], conclusion


def _when(feature: Feature, values: frozenset[int]) -> str:
    literals = feature.term.literals
    inside = [literals[value].replace("_", " ") for value in sorted(values)]
    outside = [literals[value].replace("_", " ") for value in range(len(literals)) if value not in values]
    if len(outside) < len(inside):
        return f"except while {_or(outside)}"
    return f"while {_or(inside)}"


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def _joined(literals: list[Literal], say: Callable[[Literal], str]) -> str:
    return " and ".join(map(say, literals))


def said_so(literal: Literal) -> str:
    """That a feature has one of these values."""
    feature, values = literal
    return _phrase(feature.term, values, feature.count)


def said_otherwise(literal: Literal) -> str:
    """That it has another one."""
    feature, values = literal
    return _phrase(feature.term, frozenset(range(feature.count)) - values, feature.count)


def _phrase(term: Term, values: frozenset[int], count: int) -> str:
    if term.literals:
        named = [term.literals[value].replace("_", " ") for value in sorted(values)]
        if len(named) * 2 > count:
            return f"{_noun(term)} is not {_or([one.replace('_', ' ') for n, one in enumerate(term.literals) if n not in values])}"
        return f"{_noun(term)} is {_or(named)}"
    yes = values == {1}
    if term.op == "eq":
        left, right = term.args
        if isinstance(left, Index) and isinstance(right, Index):
            return f"{_index(left)} is {'' if yes else 'not '}{_index(right)}"
        if left.args and [one.key for one in left.args] == [one.key for one in right.args]:
            return f"{_owner(left)}'s {_words(left)} {'equals' if yes else 'differs from'} its {_words(right)}"
        return f"{_noun(left)} {'equals' if yes else 'differs from'} {_noun(right)}"
    if term.op == "le":
        return f"{_noun(term.args[0])} is {'at most' if yes else 'more than'} {_noun(term.args[1])}"
    words = _words(term)
    if not term.args:
        return f"{words} is {'true' if yes else 'false'}"
    if len(term.args) > 1:
        return f"{'' if yes else 'not '}{words} for {_owner(term)}"
    if words.split()[0] in _VERBS:
        return f"{_owner(term)} {words}" if yes else f"not: {_owner(term)} {words}"
    return f"{_owner(term)} is {'' if yes else 'not '}{words}"


def _words(term: Term) -> str:
    return str(term.payload).replace("_", " ")


def _noun(term: Term) -> str:
    if term.op == "literal":
        return str(term.payload)
    name = str(term.payload)
    if name.startswith(COUNT):
        return f"the number of those that are {name.removeprefix(COUNT).replace('_', ' ')}"
    if len(term.args) > 1:
        return f"{_words(term)} for {_owner(term)}"
    return f"{_owner(term)}'s {_words(term)}" if term.args else _words(term)


def _owner(term: Term) -> str:
    """Whose a cell is: "the page", or "the CPU and the page"."""
    return " and ".join(_index(index) for index in term.args if isinstance(index, Index))


def _index(index: Index) -> str:
    if index.op == "constant":
        return "the " + str(index.payload).replace("_", " ")
    name = str(index.payload)
    return "the " + ("CPU" if name == "cpu" else name)


__all__ = ["by_phase", "in_words", "said_otherwise", "said_so"]
