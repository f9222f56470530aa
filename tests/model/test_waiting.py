"""Waits that never end, and rounds that never end."""

from __future__ import annotations

from design_checks import broken_without, states_if_it_holds

from thawcheck.checker.explorer import explore
from thawcheck.checker.progress import check_progress
from thawcheck.model import (
    Assumption,
    Boolean,
    Choice,
    Constant,
    Counter,
    Design,
    Flag,
    Page,
    Sizes,
    action,
    always,
    arbitrary,
    assign_every,
    eventually,
    every,
    implies,
    machine_of,
    require,
    some,
    sometimes,
    terminal,
)
from thawcheck.model.hardware import Actor, Waiting

SIZES = {"actors": 2}


class ReserveAndFreeze(Waiting, Design):
    """P33: memory is reserved for the copies; where it is scarce, a shrinker waits for a kernel thread that has to free some."""

    saver = Constant(Actor)
    thread = Constant(Actor)

    phase = Choice("begun", "frozen", "copied", "ended")
    scarce = Flag(initial=arbitrary)
    reserved = Flag()
    reserved_before_freeze = Assumption("memory is reserved before the threads are frozen that would free some", protects="no_cycle")

    def may_reserve(self) -> Boolean:
        return ~self.reserved & ((self.phase == "begun") | (self.phase == "frozen"))

    @action(fair="weak")
    def reserve(self) -> None:
        """There is enough."""
        require(self.may_reserve(), self.goes_on(self.saver), ~self.scarce)
        self.reserved = True

    @action(fair="weak")
    def shrink(self) -> None:
        """There is not, and the saver waits for the thread."""
        require(self.may_reserve(), self.scarce)
        self.begin_waiting(self.saver, self.thread)

    @action(fair="weak")
    def free_memory(self) -> None:
        """The thread frees some."""
        self.end_waiting(self.saver, self.thread)
        self.scarce = False

    @action(fair="weak")
    def freeze(self) -> None:
        """The saver freezes the thread."""
        require(self.phase == "begun", self.goes_on(self.saver), implies(self.reserved_before_freeze, self.reserved))
        self.phase = "frozen"
        self.begin_waiting(self.thread, self.saver)

    @action(fair="weak")
    def copy(self) -> None:
        """The atomic copy is made."""
        require(self.phase == "frozen", self.reserved)
        self.phase = "copied"

    @action(fair="weak")
    def thaw(self) -> None:
        """The saver thaws the thread."""
        require(self.phase == "copied")
        self.phase = "ended"
        self.end_waiting(self.thread, self.saver)

    @eventually
    def ends(self) -> Boolean:
        """The thread is thawed again."""
        return self.phase == "ended"

    @sometimes
    def shrinker_waits(self) -> Boolean:
        """The saver waits for the thread."""
        return self.waits[self.saver, self.thread]

    @terminal
    def ended(self) -> Boolean:
        return self.phase == "ended"


def test_p33_the_right_order_is_not_stuck() -> None:
    assert states_if_it_holds(ReserveAndFreeze, **SIZES) == 7
    machine = machine_of(ReserveAndFreeze)
    assert check_progress(machine, Sizes(**SIZES), machine.eventualities[0]).verdict == "holds"


def test_p33_who_would_free_memory_is_frozen() -> None:
    assert broken_without(ReserveAndFreeze, "reserved_before_freeze", **SIZES) == ("no_cycle", ["freeze", "shrink"])
    machine = machine_of(ReserveAndFreeze)
    found = check_progress(machine, Sizes(**SIZES), machine.eventualities[0], dropped=frozenset({"reserved_before_freeze"}))
    assert found.verdict == "violated" and found.lasso is not None
    assert [step.action for step in found.lasso.run.steps] == ["freeze", "shrink"]  # and nothing is possible any more


def test_p33_nothing_is_possible_any_more() -> None:
    result = explore(
        machine_of(ReserveAndFreeze), Sizes(**SIZES), dropped=frozenset({"reserved_before_freeze"}), only=frozenset(), compiled=False
    )
    assert (result.verdict, [step.action for step in result.run.steps] if result.run else []) == ("deadlock", ["freeze", "shrink"])


class Anybody(Waiting, Design):
    """Everybody may begin to wait for anybody, but for those who wait already."""

    in_order = Assumption("who is waited for does not wait", protects="no_cycle")

    @action
    def wait(self, actor: Actor, other: Actor) -> None:
        """One begins to wait."""
        require(implies(self.in_order, self.goes_on(other) & every(Actor, lambda any: ~self.waits[any, actor])))
        self.begin_waiting(actor, other)

    @action
    def serve(self, actor: Actor, other: Actor) -> None:
        """The other does its part."""
        self.end_waiting(actor, other)

    @always
    def exact(self) -> Boolean:
        """Who waits for nobody is behind nobody."""
        return every(Actor, lambda one: implies(self.goes_on(one), every(Actor, lambda two: ~self.behind[one, two])))

    @terminal
    def ended(self) -> Boolean:
        return every(Actor, lambda actor: ~self.goes_on(actor))


def test_what_is_noted_of_a_chain_of_waits_goes_with_its_waits() -> None:
    result = explore(machine_of(Anybody), Sizes(actors=3), dropped=frozenset({"in_order"}), only=frozenset({"exact"}), compiled=False)
    assert (result.verdict, result.complete) == ("holds", True)


def test_a_cycle_of_three_is_found_while_a_fourth_goes_on() -> None:
    assert states_if_it_holds(Anybody, actors=3) > 5
    machine = machine_of(Anybody)
    result = explore(machine, Sizes(actors=4), dropped=frozenset({"in_order"}), compiled=False)
    assert result.verdict == "violated" and result.broken == "no_cycle"


class Rounds(Design):
    """D07: what is dirty is sent again and again, and the guest is stopped when nothing is."""

    phase = Choice("sending", "stopped")
    dirty = Flag(per=Page, initial=True)

    @action
    def store(self, page: Page) -> None:
        """The guest writes, as fast as it can."""
        require(self.phase == "sending", ~self.dirty[page])
        self.dirty[page] = True

    @action(fair="weak")
    def send(self) -> None:
        """A round: everything that is dirty is sent."""
        require(self.phase == "sending", some(Page, lambda page: self.dirty[page]))
        assign_every(self.dirty, lambda page: False)

    @action(fair="weak")
    def stop(self) -> None:
        """The guest is stopped: nothing is left to send."""
        require(self.phase == "sending", every(Page, lambda page: ~self.dirty[page]))
        self.phase = "stopped"

    @eventually
    def stops(self) -> Boolean:
        """The guest is stopped, and the rest is sent."""
        return self.phase == "stopped"

    @terminal
    def ended(self) -> Boolean:
        return self.phase == "stopped"


class LimitedRounds(Rounds):
    """The same with at most two rounds; whatever is dirty then is sent when the guest has stopped."""

    rounds = Counter(2)

    @action(fair="weak")
    def send(self) -> None:
        """One round of those that are allowed."""
        super().send()
        require(self.rounds < 2)
        self.rounds += 1

    @action(fair="weak")
    def stop(self) -> None:
        """Nothing is left to send, or no round is left."""
        require(self.phase == "sending", every(Page, lambda page: ~self.dirty[page]) | (self.rounds == 2))
        self.phase = "stopped"


def test_d07_without_a_limit_a_fair_run_sends_for_ever() -> None:
    assert states_if_it_holds(Rounds, pages=1) == 3
    machine = machine_of(Rounds)
    found = check_progress(machine, Sizes(pages=1), machine.eventualities[0])
    assert found.verdict == "violated" and found.lasso is not None
    assert {step.action for step in found.lasso.run.steps[found.lasso.loop :]} == {"send", "store"}


def test_d07_with_a_limit_every_fair_run_stops() -> None:
    for pages in (1, 2):
        machine = machine_of(LimitedRounds)
        assert check_progress(machine, Sizes(pages=pages), machine.eventualities[0]).verdict == "holds"
