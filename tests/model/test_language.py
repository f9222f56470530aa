"""What a design means: designs written in every way that the language allows, and what the reference makes of them."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any

import pytest

from thawcheck.checker import explorer
from thawcheck.checker.reference import explore
from thawcheck.model import (
    Assumption,
    Boolean,
    Choice,
    Constant,
    Content,
    Contents,
    Counter,
    Cpu,
    Design,
    DesignError,
    Each,
    Flag,
    Index,
    Number,
    Page,
    Part,
    Sizes,
    action,
    always,
    arbitrary,
    assign_every,
    every,
    implies,
    ite,
    machine_of,
    number_of,
    require,
    some,
    sometimes,
    terminal,
)
from thawcheck.model.machine import Action
from thawcheck.model.terms import text

SIZES = Sizes(pages=2, cpus=2, slots=2, contents=2)


class Slot(Index):
    """A sort of the designer's own."""


def guard_of(recorded: Action) -> list[str]:
    return [text(conjunct.term) for conjunct in recorded.guard]


def updates_of(recorded: Action) -> list[str]:
    return [f"{update.variable}[{', '.join(map(text, update.indices))}] = {text(update.value)}" for update in recorded.updates]


class Copier(Part):
    """Pages are copied."""

    phase = Choice("copying", "done")
    memory = Contents(per=Page)
    image = Contents(per=Page)
    copied = Flag(per=Page)

    @action
    def copy(self, page: Page) -> None:
        """One page."""
        require(self.phase == "copying", ~self.copied[page])
        self.image[page] = self.memory[page]
        self.copied[page] = True

    @action
    def finish(self) -> None:
        """All of them."""
        require(self.phase == "copying", self.ready())
        self.phase = "done"

    def ready(self) -> Boolean:
        """Nothing is left to do."""
        return every(Page, lambda page: self.copied[page])

    @always
    def right(self) -> Boolean:
        """In the end the image is memory."""
        return implies(self.phase == "done", every(Page, lambda page: self.image[page] == self.memory[page]))

    @terminal
    def ended(self) -> Boolean:
        return self.phase == "done"


class PlainCopier(Copier, Design):
    """Nobody stores."""


# ---------------------------------------------------------------- changed designs


def test_super_records_the_inherited_action_in_line() -> None:
    class Polite(PlainCopier):
        asked = Flag(per=Page, initial=arbitrary)

        @action
        def copy(self, page: Page) -> None:
            """Only with permission."""
            require(self.asked[page])
            super().copy(page)
            self.asked[page] = False

    recorded = machine_of(Polite).action("copy")
    assert guard_of(recorded) == ["asked[page]", "phase == 'copying'", "~copied[page]"]
    assert updates_of(recorded) == ["image[page] = memory[page]", "copied[page] = True", "asked[page] = False"]
    first, second = recorded.guard[0], recorded.guard[1]
    assert first.file == second.file and first.line > second.line, "an inherited condition keeps its own line"
    assert recorded.doc == "Only with permission."


def test_a_helper_that_a_subclass_overrides_counts_in_inherited_actions() -> None:
    class Careless(PlainCopier):
        def ready(self) -> Boolean:
            return some(Page, lambda page: self.copied[page])

    assert explore(machine_of(PlainCopier), SIZES).verdict == "holds"
    result = explore(machine_of(Careless), SIZES)
    assert (result.verdict, result.broken) == ("violated", "right")


def test_a_choice_that_a_subclass_extends() -> None:
    class Aborting(PlainCopier):
        phase = Copier.phase.extended("aborted")

        @action
        def abort(self) -> None:
            require(self.phase == "copying")
            self.phase = "aborted"

        @terminal
        def ended(self) -> Boolean:
            return super().ended() | (self.phase == "aborted")

    machine = machine_of(Aborting)
    assert machine.variable("phase").literals == ("copying", "done", "aborted")
    assert machine_of(PlainCopier).variable("phase").literals == ("copying", "done"), "the extended one is left as it was"
    assert [action.name for action in machine.actions] == ["copy", "finish", "abort"]
    assert explore(machine, SIZES).verdict == "holds"


def test_an_arbitrary_choice_stays_arbitrary_when_it_is_extended() -> None:
    class Open(Part):
        mode = Choice("on", "off", initial=arbitrary, per=Page)
        whole = Choice("on", "off", initial=arbitrary)

    class More(Open):
        mode = Open.mode.extended("broken")
        whole = Open.whole.extended("broken")

    assert (More.whole.initial, More.whole.literals, More.whole.per) == (None, ("on", "off", "broken"), ())
    assert (More.mode.initial, More.mode.literals, More.mode.per) == (None, ("on", "off", "broken"), (Page,))


class Storing(Copier):
    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        require(self.may_store(cpu), self.phase == "copying")
        self.memory[page] = content

    def may_store(self, cpu: Cpu) -> Boolean:
        return cpu == cpu


class Booted(Storing):
    boot_cpu = Constant(Cpu)

    def may_store(self, cpu: Cpu) -> Boolean:
        return super().may_store(cpu) & (cpu == self.boot_cpu)


class TwoLevels(Booted, Design):
    """Mixins upon mixins."""


def test_mixins_upon_mixins() -> None:
    recorded = machine_of(TwoLevels).action("store")
    assert guard_of(recorded) == ["cpu == boot_cpu", "phase == 'copying'"]
    assert [action.name for action in machine_of(TwoLevels).actions] == ["copy", "finish", "store"]
    assert explore(machine_of(TwoLevels), SIZES).verdict == "violated"


def test_what_two_mixins_disagree_about_is_settled_once() -> None:
    class First(Part):
        @action
        def tick(self) -> None:
            self.phase = "done"

    class Second(Part):
        @action
        def tick(self) -> None:
            self.phase = "copying"

    class Settled(First, Second, Copier, Design):
        @action
        def tick(self) -> None:
            require(self.phase == "copying", self.ready())
            First.tick(self)

    class Later(Settled):
        """Inherits the decision."""

    assert guard_of(machine_of(Later).action("tick")) == ["phase == 'copying'", "every(Page, lambda page__0: copied[page__0])"]


def test_overriding_a_property_and_a_variable() -> None:
    class Started(PlainCopier):
        copied = Flag(per=Page, initial=True)

        @always
        def right(self) -> Boolean:
            """An image is promised to nobody. Not even to us."""
            return every(Page, lambda page: self.copied[page] | (self.image[page] == self.memory[page]))

    machine = machine_of(Started)
    assert machine.variable("copied").initial is True
    assert [item.title for item in machine.properties] == ["An image is promised to nobody"]


def test_a_decorator_around_an_action_counts() -> None:
    def while_copying(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def checked(self: Any, *arguments: Any) -> None:
            require(self.phase == "copying")
            method(self, *arguments)

        return checked

    class Decorated(PlainCopier):
        @while_copying
        @action
        def store(self, page: Page, content: Content) -> None:
            """A store."""
            self.memory[page] = content

        @action
        @while_copying
        def clear(self, page: Page) -> None:
            """Once more."""
            self.copied[page] = False

    machine = machine_of(Decorated)
    assert guard_of(machine.action("store")) == guard_of(machine.action("clear")) == ["phase == 'copying'"]
    assert [parameter.name for parameter in machine.action("store").parameters] == ["page", "content"]
    assert machine.action("store").doc == "A store."


# ---------------------------------------------------------------- names


def test_parameters_may_be_called_like_variables() -> None:
    class Shadowed(PlainCopier):
        @action
        def set(self, phase: Page, memory: Content, copied: Boolean) -> None:
            require(self.copied[phase] == copied)
            self.memory[phase] = memory

    recorded = machine_of(Shadowed).action("set")
    assert guard_of(recorded) == ["copied[phase] == copied"] and updates_of(recorded) == ["memory[phase] = memory"]
    assert [update.value.op for update in recorded.updates] == ["parameter"]
    result = explore(machine_of(Shadowed), SIZES)
    assert result.fired["set"] > 0 and result.verdict == "violated"


def test_a_lambda_is_evaluated_at_once() -> None:
    """Python's late binding of a loop variable does not matter: a lambda has run before the loop goes on."""

    class Looped(Design):
        mode = Choice("on", "off", "broken", per=Page, initial=arbitrary)
        same = Flag()

        @action
        def compare(self) -> None:
            found = []
            for literal in ("on", "off", "broken"):
                found.append(every(Page, lambda page: self.mode[page] == literal))  # noqa: B023
            require(found[0] | found[1] | found[2])
            self.same = True

        @always
        def all_alike(self) -> Boolean:
            """They are all alike."""
            return implies(self.same, every(Page, lambda one: every(Page, lambda other: self.mode[one] == self.mode[other])))

        @terminal
        def different(self) -> Boolean:
            return ~self.same

    alike = [f"every(Page, lambda page__0: mode[page__0] == {literal!r})" for literal in ("on", "off", "broken")]
    assert guard_of(machine_of(Looped).action("compare")) == [" | ".join(alike)]
    assert explore(machine_of(Looped), SIZES, only=frozenset({"all_alike"})).verdict == "holds"


class Captured(Design):
    """A closed condition about pages inside another one about pages, and parameters with names like theirs."""

    marked = Flag(per=Page, initial=arbitrary)
    lonely = Flag(per=Page)

    @action
    def look(self, page_0: Page, page0: Page) -> None:
        any_marked = some(Page, lambda page: self.marked[page])
        alone = every(Page, lambda page: (page == page_0) | ~(any_marked & self.marked[page]))
        require(alone, self.marked[page_0], page_0 == page0, ~self.lonely[page_0])
        self.lonely[page_0] = True

    @always
    def right(self) -> Boolean:
        """What is called lonely is the only one that is marked."""
        return every(Page, lambda page: implies(self.lonely[page], every(Page, lambda other: self.marked[other] == (other == page))))

    @terminal
    def still(self) -> Boolean:
        any_lonely = some(Page, lambda page: self.lonely[page])
        return (
            any_lonely
            | every(Page, lambda page: ~self.marked[page])
            | some(Page, lambda page: some(Page, lambda other: (page != other) & self.marked[page] & self.marked[other]))
        )


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_no_bound_index_captures_another(pages: int) -> None:
    sizes = Sizes(pages=pages, contents=1)
    result = explore(machine_of(Captured), sizes)
    assert (result.verdict, result.states, result.transitions) == ("holds", 2**pages + pages, pages)
    generated = explorer.explore(machine_of(Captured), sizes, plain=True, compiled=False)
    assert (generated.verdict, generated.states, generated.transitions) == (result.verdict, result.states, result.transitions)


def test_one_body_has_one_name_wherever_it_stands() -> None:
    class Nested(Design):
        marked = Flag(per=(Page, Page))
        done = Flag()

        @action
        def deep(self) -> None:
            require(every(Page, lambda one: some(Page, lambda other: self.marked[one, other])))
            self.done = True

        @action
        def closed(self, page: Page, other: Page) -> None:
            require(every(Cpu, lambda _: some(Page, lambda inner: self.marked[page, inner])), ~self.done)
            self.marked[page, other] = True

        @always
        def quiet(self) -> Boolean:
            """Both are one condition."""
            return every(Page, lambda one: some(Page, lambda other: self.marked[one, other])) | ~self.done

    machine = machine_of(Nested)
    assert machine.action("deep").guard[0].term.key == machine.properties[0].predicate.args[0].key
    assert guard_of(machine.action("deep")) == ["every(Page, lambda page__1: some(Page, lambda page__0: marked[page__1, page__0]))"]
    assert guard_of(machine.action("closed"))[0] == "every(Cpu, lambda cpu__0: some(Page, lambda page__0: marked[page, page__0]))"


def test_a_whole_array_over_one_sort_twice() -> None:
    class Transposed(Design):
        before = Flag(per=(Page, Page), initial=arbitrary)
        after = Flag(per=(Page, Page))
        done = Flag()

        @action
        def transpose(self) -> None:
            require(~self.done)
            assign_every(
                self.after, lambda row, column: self.before[column, row] & some(Page, lambda page: self.before[page, page] | (page != row))
            )
            self.done = True

        @always
        def mirrored(self) -> Boolean:
            """Rows are columns."""
            return implies(
                self.done, every(Page, lambda one: every(Page, lambda two: implies(self.after[one, two], self.before[two, one])))
            )

        @terminal
        def ended(self) -> Boolean:
            return self.done

    assert updates_of(machine_of(Transposed).action("transpose"))[0] == (
        "after[page__whole0, page__whole1] = before[page__whole1, page__whole0] & "
        "some(Page, lambda page__0: before[page__0, page__0] | ~(page__0 == page__whole0))"
    )
    assert explore(machine_of(Transposed), SIZES).verdict == "holds"


# ---------------------------------------------------------------- values


class Values(Design):
    """Every kind of value in every place."""

    mode = Choice("on", "off")
    wish = Choice("on", "off", initial=arbitrary)
    count = Counter(4)
    length = Counter(2 * number_of(Slot) + 1, per=Cpu)
    place = Counter(number_of(Slot) - 1, per=(Cpu, Slot))
    memory = Contents(per=(Cpu, Page))

    @action
    def choose(self) -> None:
        self.mode = ite(self.wish == "on", "off", self.wish)

    @action
    def follow(self) -> None:
        require(self.mode != self.wish, self.mode == "on")
        self.mode = self.wish

    @action
    def count_up(self, by: Annotated[Number, 3]) -> None:
        require(self.count + 1 <= 4, self.count == by, by < 3, by + 1 >= 1)
        self.count = by + 3 - 2

    @action
    def push(self, cpu: Cpu, slot: Slot, number: Annotated[Number, number_of(Slot)]) -> None:
        require(self.length[cpu] < 2, number > 0)
        self.length[cpu] += 1
        self.place[cpu, slot] = ite(self.place[cpu, slot] == 0, number - 1, 0)

    @action
    def boot(self, found: Each[tuple[Cpu, Page], Content], used: Each[Page, Boolean], owner: Each[Page, Cpu]) -> None:
        assign_every(
            self.memory,
            lambda cpu, page: ite(used[page] & (owner[page] == cpu), found[cpu, page], self.memory[cpu, page]),
        )

    @sometimes
    def mixed(self) -> Boolean:
        """Memories differ."""
        return some(Cpu, lambda one: some(Cpu, lambda two: some(Page, lambda page: self.memory[one, page] != self.memory[two, page])))


def test_values_of_every_kind() -> None:
    machine = machine_of(Values)
    assert updates_of(machine.action("choose")) == ["mode[] = ite(wish == 'on', 'off', wish)"]
    assert guard_of(machine.action("follow")) == ["~(mode == wish)", "mode == 'on'"]
    assert guard_of(machine.action("count_up")) == ["count + 1 <= 4", "count == by", "~(3 <= by)", "1 <= by + 1"]
    assert updates_of(machine.action("count_up")) == ["count[] = by + 3 - 2"]
    assert guard_of(machine.action("push")) == ["~(2 <= length[cpu])", "~(number <= 0)"]
    assert [str(variable.maximum) for variable in machine.variables[2:5]] == ["4", "2 * slots + 1", "slots - 1"]
    assert [(parameter.sort, parameter.per) for parameter in machine.action("boot").parameters] == [
        (Content, (Cpu, Page)),
        (Boolean, (Page,)),
        (Cpu, (Page,)),
    ]
    result = explore(machine, Sizes(pages=1, cpus=1, slots=1, contents=2))
    assert (result.verdict, result.unmet) == ("vacuous", ("mixed",)), "with one CPU memories cannot differ"
    assert all(result.fired.values())
    result = explore(machine, Sizes(pages=1, cpus=2, slots=1, contents=2))
    assert (result.verdict, result.unmet) == ("holds", ())


def test_an_action_without_a_condition_and_a_design_without_properties() -> None:
    class Free(Design):
        counted = Counter(2)

        @action
        def count(self) -> None:
            self.counted += 1

    class Odd(Design):
        on = Flag()

        @action
        def switch(self) -> None:
            self.on = ~self.on

    result = explore(machine_of(Free), SIZES)
    assert (result.verdict, result.broken) == ("violated", "counted_in_range"), "a Counter has a property of its own"
    assert explore(machine_of(Odd), SIZES).verdict == "holds"


def test_conditions_are_folded_without_changing_what_they_say() -> None:
    class Folded(Design):
        on = Flag(per=Page, initial=arbitrary)

        @action
        def step(self, page: Page) -> None:
            on = self.on[page]
            require(~~on, (on & True) | False, implies(True, on), implies(on, False) | on, ite(True, on, False))
            require(implies(on, True), on == on, every(Page, lambda _: True), ~(on & False))
            self.on[page] = ~~~on

    recorded = machine_of(Folded).action("step")
    assert guard_of(recorded) == ["on[page]", "on[page]", "on[page]", "~on[page] | on[page]", "on[page]", "True", "True", "True", "True"]
    assert updates_of(recorded) == ["on[page] = ~on[page]"]


def test_a_contradiction_is_not_seen_where_there_is_none() -> None:
    class Allowed(Design):
        mode = Choice("one", "two", "three")
        marked = Flag(per=Page)

        @action
        def move(self, page: Page, other: Page) -> None:
            require((self.mode == "one") | (self.mode == "two"), self.mode != "one", (self.mode == "two") | (self.mode == "three"))
            require(page != other, self.marked[page], ~self.marked[other])
            self.mode = "three"

        @action
        def begin(self, page: Page) -> None:
            require(self.mode == "one")
            self.mode = "two"
            self.marked[page] = True

    assert explore(machine_of(Allowed), SIZES).fired == {"move": 2, "begin": 2}


def test_two_writes_to_cells_that_differ() -> None:
    class Pairs(Design):
        boot_cpu = Constant(Cpu)
        spare_cpu = Constant(Cpu)
        marked = Flag(per=(Cpu, Page))

        @action
        def swap(self, cpu: Cpu, one: Page, two: Page) -> None:
            require(~self.marked[cpu, one], (one != two) & self.marked[cpu, two])
            self.marked[cpu, one] = True
            self.marked[cpu, two] = False

        @action
        def begin(self, one: Page, two: Page) -> None:
            self.marked[self.boot_cpu, one] = True
            self.marked[self.spare_cpu, two] = True

    result = explore(machine_of(Pairs), SIZES)
    assert result.verdict == "holds" and result.fired["swap"] > 0


def test_an_assumption_may_protect_the_range_of_a_counter() -> None:
    class Bounded(Design):
        taken = Counter(2)
        limit = Assumption("nobody takes a third", protects="taken_in_range")

        @action
        def take(self) -> None:
            require(implies(self.limit, self.taken < 2))
            self.taken += 1

        @terminal
        def full(self) -> Boolean:
            return self.taken == 2

    machine = machine_of(Bounded)
    assert explore(machine, SIZES).verdict == "holds"
    assert explore(machine, SIZES, dropped=frozenset({"limit"})).broken == "taken_in_range"


def test_the_assumptions_that_an_action_needs_dropped() -> None:
    class Late(PlainCopier):
        first = Assumption("nothing is copied twice", protects="right")
        second = Assumption("nobody stores", protects="right")

        @action
        def store(self, page: Page, content: Content) -> None:
            require(~self.second & (self.phase == "copying"), ~self.first)
            self.memory[page] = content

    assert set(machine_of(Late).action("store").needs_dropped()) == {"first", "second"}
    assert explore(machine_of(Late), SIZES).verdict == "holds"
    assert explore(machine_of(Late), SIZES, dropped=frozenset({"first", "second"})).verdict == "violated"


# ---------------------------------------------------------------- the words of conditions


def test_every_condition_keeps_its_words_and_its_line(load: Callable[[str], ModuleType]) -> None:
    module = load(
        '''\
        from thawcheck.model import *


        class Case(Design):
            """A case."""
            phase = Choice("é", "busy")
            on = Flag(per=Page, initial=arbitrary)

            @action
            def step(self, page: Page, other: Page) -> None:
                """A step."""
                require(self.phase == "é", self.on[page]); require(page != other)
                require(
                    self.on[page] | self.on[other],  # the first
                    every(
                        Page,
                        lambda any: self.on[any]  # all of them
                        | (any == page),
                    ),
                    self
                    .helper(page),
                )
                ready = [self.on[page] == self.on[other], page != other]
                require(*ready)
                self.check(other)
                self.phase = "busy"

            def helper(self, page: Page) -> Boolean:
                return ~self.on[page] | self.on[page]

            def check(self, page: Page) -> None:
                def inner() -> None:
                    require(implies(self.on[page],
                                    self.phase == "é"))
                inner()
        '''
    )
    recorded = machine_of(module.Case).action("step")
    assert [(conjunct.line, conjunct.source) for conjunct in recorded.guard] == [
        (12, 'self.phase == "é"'),
        (12, "self.on[page]"),
        (12, "page != other"),
        (14, "self.on[page] | self.on[other]"),
        (15, "every(Page, lambda any: self.on[any] | (any == page))"),
        (20, "self .helper(page)"),
        (24, "on[page] == on[other]"),
        (24, "~(page == other)"),
        (33, 'implies(self.on[page], self.phase == "é")'),
    ]
    assert {conjunct.file for conjunct in recorded.guard} == {module.__file__}
    assert (recorded.file, recorded.line) == (module.__file__, 10), "the line of the def, below the decorator"
    assert (machine_of(module.Case).file, machine_of(module.Case).line) == (module.__file__, 4)


def test_a_design_without_a_file_says_its_conditions_in_terms() -> None:
    names: dict[str, Any] = {"__name__": "typed_in"}
    exec(
        "from thawcheck.model import *\n"
        "class Case(Design):\n"
        "    on = Flag(per=Page)\n"
        "    @action\n"
        "    def step(self, page: Page) -> None:\n"
        "        require(~self.on[page])\n"
        "        self.on[page] = True\n",
        names,
    )
    (condition,) = machine_of(names["Case"]).action("step").guard
    assert (condition.source, condition.file, condition.line) == ("~on[page]", "<string>", 6)
    assert machine_of(names["Case"]).line == 2


def test_a_sort_that_is_no_global_name_is_asked_for() -> None:
    class Place(Index):
        """Local to this function: annotations that are texts cannot find it."""

    with pytest.raises(
        DesignError, match="an annotation of action step means nothing: name 'Place' is not defined; define or import the sort"
    ):

        class Case(Design):
            on = Flag(per=Place)

            @action
            def step(self, place: "Place") -> None:
                self.on[place] = True
