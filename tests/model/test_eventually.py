"""``@eventually`` and fairness: what is recorded, and what is refused."""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from thawcheck.model import Boolean, Design, DesignError, Flag, LeadsTo, Page, action, eventually, leads_to, machine_of, require
from thawcheck.model.terms import text


class Lamp(Design):
    """A lamp that is switched on and off."""

    asked, lit = Flag(), Flag(per=Page)

    @action
    def ask(self) -> None:
        """Somebody asks for light."""
        self.asked = True

    @action(fair="weak")
    def light(self, page: Page) -> None:
        """It is lit."""
        require(self.asked)
        self.lit[page] = True

    @action(fair="strong")
    def darken(self, page: Page) -> None:
        """It goes out."""
        require(self.lit[page])
        self.lit[page] = False

    @eventually
    def asked_at_last(self) -> Boolean:
        """Somebody asks. More words."""
        return self.asked

    @eventually
    def answered(self) -> LeadsTo:
        """Who asks is answered."""
        return leads_to(self.asked, ~self.asked)


def test_what_is_recorded() -> None:
    machine = machine_of(Lamp)
    assert {recorded.name: recorded.fairness for recorded in machine.actions} == {"ask": "", "light": "weak", "darken": "strong"}
    assert machine.properties == ()  # those are about states
    first, second = machine.eventualities
    assert (first.name, first.expectation, first.title, first.premise) == ("asked_at_last", "eventually", "Somebody asks", None)
    assert second.premise is not None and (text(second.premise), text(second.predicate)) == ("asked", "~asked")


def test_a_changed_mark_or_expectation_is_another_machine() -> None:
    class Weaker(Lamp):
        """Lamp with other marks."""

        @action(fair="weak")
        def darken(self, page: Page) -> None:
            super().darken(page)

    class Unfair(Lamp):
        """An override says again whether it is fair."""

        @action
        def darken(self, page: Page) -> None:
            super().darken(page)

    class Patient(Lamp):
        """Lamp with another premise."""

        @eventually
        def answered(self) -> LeadsTo:
            """Who asks is answered."""
            return leads_to(~self.asked, ~self.asked)

    class Same(Lamp):
        """Lamp."""

    digests = [machine_of(design).digest for design in (Lamp, Weaker, Unfair, Patient)]
    assert len(set(digests)) == 4
    assert machine_of(Same).digest == machine_of(Lamp).digest
    assert machine_of(Unfair).action("darken").fairness == ""


PART = '''\
from __future__ import annotations
from thawcheck.model import *


class Base(Part):
    """Something that goes on."""

    on = Flag(per=Page)
    calm = Assumption("nothing happens by accident", protects="fine")

    @action
    def switch(self, page: Page) -> None:
        require(implies(self.calm, ~self.on[page]))
        self.on[page] = True

    @always
    def fine(self) -> Boolean:
        """It is fine."""
        return some(Page, lambda page: self.on[page] | ~self.on[page])


'''

# In each case the line that the text must name ends in "# !".
CASES = {
    "an unknown fairness": (
        """
        @action(fair="maybe")  # !
        def blink(self, page: Page) -> None:
            self.on[page] = False
        """,
        "@action(fair='maybe')",
        'write @action, or fair="weak" or "strong"',
    ),
    "an empty pair of brackets": (
        """
        @action()  # !
        def blink(self, page: Page) -> None:
            self.on[page] = False
        """,
        "@action() without anything",
        'write @action, or fair="weak" or "strong"',
    ),
    "a fair mishap": (
        """
        @action(fair="weak")
        def fail(self, page: Page) -> None:  # !
            require(~self.calm)
            self.on[page] = False
        """,
        "fail is fair, and only possible without calm",
        "nobody can count on a mishap: leave the fairness out",
    ),
    "no Boolean": (
        """
        @eventually
        def odd(self) -> Boolean:  # !
            \"\"\"Odd.\"\"\"
            return "on"
        """,
        "property odd returns no Boolean",
        "return what it expects",
    ),
    "a leads_to elsewhere": (
        """
        @always
        def odd(self) -> Boolean:
            \"\"\"Odd.\"\"\"
            dark = every(Page, lambda page: ~self.on[page])
            return leads_to(dark, dark)  # !
        """,
        "leads_to(...) outside an @eventually",
        "return it there; elsewhere say implies(...)",
    ),
    "a leads_to as a condition": (
        """
        @eventually
        def odd(self) -> Boolean:
            \"\"\"Odd.\"\"\"
            dark = every(Page, lambda page: ~self.on[page])
            return leads_to(dark, ~dark) & dark  # !
        """,
        "leads_to(...) is used as a condition",
        "return it alone: put everything into its premise or its goal",
    ),
    "a leads_to that is forgotten": (
        """
        @eventually
        def odd(self) -> LeadsTo:  # !
            \"\"\"Odd.\"\"\"
            dark = every(Page, lambda page: ~self.on[page])
            leads_to(~dark, dark)
            return leads_to(dark, ~dark)
        """,
        "property odd does not return its leads_to(...)",
        "return it alone; another one is another property",
    ),
    "a constant goal": (
        """
        @eventually
        def odd(self) -> LeadsTo:  # !
            \"\"\"Odd.\"\"\"
            return leads_to(every(Page, lambda page: ~self.on[page]), True)
        """,
        "property odd is always True",
        "compare something that a step can change",
    ),
    "a constant premise": (
        """
        @eventually
        def odd(self) -> LeadsTo:  # !
            \"\"\"Odd.\"\"\"
            return leads_to(True, every(Page, lambda page: ~self.on[page]))
        """,
        "the premise of odd is always True",
        "compare something that a step can change",
    ),
    "an assumption in the premise": (
        """
        @eventually
        def odd(self) -> LeadsTo:  # !
            \"\"\"Odd.\"\"\"
            return leads_to(self.calm, every(Page, lambda page: ~self.on[page]))
        """,
        "property odd reads an assumption",
        "assumptions guard actions; a property holds with them or without",
    ),
    "no docstring": (
        """
        @eventually
        def odd(self) -> Boolean:  # !
            return every(Page, lambda page: ~self.on[page])
        """,
        "property odd has no docstring",
        "say in a sentence what it expects: it is printed when it fails",
    ),
    "nobody uses a part of it": (
        """
        @eventually
        def odd(self) -> Boolean:
            \"\"\"Odd.\"\"\"
            unused = every(Page, lambda page: self.on[page])  # !
            return every(Page, lambda page: ~self.on[page])
        """,
        "",
        "",
    ),
    "a promise that an assumption protects": (
        """
        lit = Assumption("there is light", protects="lit_at_last")  # !

        @action
        def blink(self, page: Page) -> None:
            require(implies(self.lit, self.on[page]))
            self.on[page] = False

        @eventually
        def lit_at_last(self) -> Boolean:
            \"\"\"There is light.\"\"\"
            return every(Page, lambda page: self.on[page])
        """,
        "lit protects 'lit_at_last', which is no property of Case",
        "name one of fine",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_refused(name: str, load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    body, what, remedy = CASES[name]
    written = PART + "class Case(Base, Design):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"
    marked = [number for number, line in enumerate(written.splitlines(), 1) if line.endswith("# !")]
    with pytest.raises(DesignError) as caught:
        load(written)
    assert [caught.value.line] == marked and caught.value.file == str(tmp_path / "design.py")
    assert not what or (caught.value.what, caught.value.remedy) == (what, remedy)


def test_the_case_alone_is_accepted(load: Callable[[str], ModuleType]) -> None:
    load(PART + "class Case(Base, Design):\n    pass\n")


def test_a_range_of_a_counter_keeps_its_name(load: Callable[[str], ModuleType]) -> None:
    with pytest.raises(DesignError, match=re.escape("the name 'n_in_range' belongs to a Counter")):
        load(
            """
            from thawcheck.model import *

            class Case(Design):
                n = Counter(3)

                @action
                def step(self) -> None:
                    self.n += 1

                @eventually
                def n_in_range(self) -> Boolean:
                    "It counts."
                    return self.n == 3
            """
        )
