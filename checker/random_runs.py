"""Random runs of a design: a Hypothesis rule machine on the reference's step function, which shrinks what it finds.

In a user's pytest two lines are enough::

    from thawcheck.checker.random_runs import random_test

    TestMyDesign = random_test(MyDesign, pages=2, cpus=2)
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import ClassVar, Generic, TypeVar, cast
from unittest import TestCase

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir, storage_directory
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ..model.machine import Machine, Property, Sizes
from ..model.recording import Design, machine_of
from .evaluate import Meaning, evaluate, meaning
from .layout import Layout, State, check_sizes
from .reference import Reference, properties_to_check
from .rerun import Disagreement, rerun
from .verdict import Result, Run, Step, Verdict, unmet_expectations

T = TypeVar("T")
Possible = dict[str, list[Step]]


class Failure(AssertionError):
    """A random run broke a property or got stuck; this ends the run."""


class OutOfTime(BaseException):
    """The time is over. No Exception, because Hypothesis would take that for a failure of the design and shrink it."""


class RandomRun(RuleBasedStateMachine):
    """One run of a machine; :func:`rule_machine` makes the class for a certain machine."""

    layout: ClassVar[Layout]
    dropped: ClassVar[frozenset[str]]
    possible_in: ClassVar[Callable[[State], Possible]]

    def __init__(self) -> None:
        super().__init__()
        self.initial: State | None = None
        self.steps: list[Step] = []
        self.seldom: frozenset[str] = frozenset()
        self.visited: set[State] = set()
        self.failure: tuple[Verdict, str | None] | None = None

    @property
    def state(self) -> State:
        """The state at the end of the run so far."""
        assert self.initial is not None
        return self.steps[-1].state if self.steps else self.initial

    @property
    def possible(self) -> Possible:
        """The steps that are possible now, by action."""
        return type(self).possible_in(self.state)

    def promising(self) -> Possible:
        """The steps to draw from: those that lead to a state that is new in this run, none of an action that this run takes seldom.

        When there are none of these, those that lead to a new state; when there are none of these either, all. Going round in a
        circle shows nothing new, and an action that can always give up would end nearly every run early.
        """
        possible = self.possible
        new = {name: [step for step in steps if step.state not in self.visited] for name, steps in possible.items()}
        new = {name: steps for name, steps in new.items() if steps}
        return {name: steps for name, steps in new.items() if name not in self.seldom} or new or possible

    def entered(self) -> None:
        """Called for every state of the run, before the properties are looked at."""
        self.visited.add(self.state)

    def fail(self, verdict: Verdict, broken: str | None, message: str) -> None:
        """Ends the run with a failure."""
        self.failure = (verdict, broken)
        raise Failure(message)


class _Shown(Generic[T]):
    """A value that Hypothesis prints as people read it."""

    def __init__(self, value: T, text: str) -> None:
        self.value, self.text = value, text

    def __repr__(self) -> str:
        return self.text


def rule_machine(
    machine: Machine, sizes: Sizes, dropped: frozenset[str] = frozenset(), only: frozenset[str] | None = None
) -> type[RandomRun]:
    """The rule machine of a machine at certain sizes, with an invariant for each property.

    Its rule draws from the steps that are possible, first an action and then its arguments, so that no draw is wasted. A state
    without successor that is not terminal fails the run too. Raises ValueError for sizes that do not fit the machine.
    """
    check_sizes(machine, sizes)
    layout = Layout(machine, sizes)
    reference = Reference(layout, dropped)

    @lru_cache(maxsize=10_000)
    def possible_in(state: State) -> Possible:
        found: Possible = {}
        for step in reference.successors(state):
            found.setdefault(step.action, []).append(step)
        return found

    @initialize(initial=_initial_states(layout), seldom=_seldom([action.name for action in machine.actions]))
    def begin(run: RandomRun, initial: _Shown[State], seldom: _Shown[frozenset[str]]) -> None:
        run.initial, run.seldom = initial.value, seldom.value
        run.entered()

    @rule(step=_steps(layout))
    def take(run: RandomRun, step: _Shown[Step | None]) -> None:
        if step.value is not None:
            run.steps.append(step.value)
            run.entered()

    def no_deadlock(run: RandomRun) -> None:
        if not run.possible and not reference.is_terminal(run.state):
            run.fail("deadlock", None, "nothing can happen any more, in a state that is not terminal")

    # Hypothesis looks at invariants in the order of their attributes' names. A property counts before a deadlock.
    checks = [_check_of(item, meaning(item.predicate, layout, dropped)) for item in properties_to_check(machine, only)] + [no_deadlock]
    invariants = {f"invariant_{place:04}": invariant()(check) for place, check in enumerate(checks)}
    members = {"layout": layout, "dropped": dropped, "possible_in": staticmethod(possible_in), "begin": begin, "take": take, **invariants}
    return type(machine.name, (RandomRun,), members)


def _initial_states(layout: Layout) -> st.SearchStrategy[_Shown[State]]:
    cells = []
    for variable, _ in layout.cells:
        if variable.initial is not None:
            cells.append(st.just(layout.encode(variable, variable.initial)))
        else:
            cells.append(st.integers(0, variable.domain(layout.sizes) - 1))
    return st.tuples(*cells).map(lambda state: _Shown(state, str(layout.describe(state))))


def _seldom(actions: list[str]) -> st.SearchStrategy[_Shown[frozenset[str]]]:
    """The actions that a run takes only when there is nothing else to do: none, a quarter, a half, or three quarters of them."""

    @st.composite
    def draw_them(draw: st.DrawFn) -> _Shown[frozenset[str]]:
        quarters = draw(st.integers(0, 3))
        names = frozenset(name for name in actions if quarters and draw(st.integers(0, 3)) > 3 - quarters)
        return _Shown(names, str(sorted(names)))

    return draw_them()


def _steps(layout: Layout) -> st.SearchStrategy[_Shown[Step | None]]:
    @st.composite
    def draw_one(draw: st.DrawFn) -> _Shown[Step | None]:
        promising = draw(st.runner()).promising()
        if not promising:
            return _Shown(None, "nothing more can happen")
        names = list(promising)
        steps = promising[names[draw(st.integers(0, len(names) - 1))]]
        step = steps[draw(st.integers(0, len(steps) - 1))]
        parameters = layout.machine.action(step.action).parameters
        shown = (f"{parameter.name}={layout.describe_argument(parameter, step.arguments[parameter.name])}" for parameter in parameters)
        return _Shown(step, f"{step.action}({', '.join(shown)})")

    return draw_one()


def _check_of(item: Property, holds: Meaning) -> Callable[[RandomRun], None]:
    def check(run: RandomRun) -> None:
        if not holds(run.state, {}):
            run.fail("violated", item.name, f"{item.name} is false: {item.title}")

    check.__name__ = item.name
    return check


def _settings(runs: int, steps: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=runs,
        stateful_step_count=steps + 1,  # the choice of the initial state counts as one
        database=None,
        deadline=None,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def random_test(design: type[Design], *, dropped: Iterable[str] = (), runs: int = 100, steps: int = 50, **sizes: int) -> type[TestCase]:
    """A test case for pytest or unittest that runs a design at random; sizes that are not given are 2."""
    machine = machine_of(design)
    default = {**{sort.plural: 2 for sort in machine.sorts}, "contents": 2}
    test = cast(type[TestCase], rule_machine(machine, Sizes(**{**default, **sizes}), frozenset(dropped)).TestCase)
    test.settings = _settings(runs, steps)  # type: ignore[attr-defined]  # Hypothesis adds it
    return test


# ---------------------------------------------------------------- for the command line


def random_runs(
    machine: Machine,
    sizes: Sizes,
    *,
    dropped: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
    seed: int = 0,
    runs: int = 100,
    steps: int = 50,
    timeout: float | None = None,
) -> Result:
    """About ``runs`` random runs of at most ``steps`` steps, for ``timeout`` seconds at most; the same seed, the same runs.

    What fails is shrunk (as far as the time allows), and the reference runs the result again. Otherwise the verdict is unknown.
    ``states`` counts the distinct states seen, ``transitions`` the steps taken, shrinking included. Raises ValueError for sizes
    that do not fit the machine, or for fewer than one run or step.
    """
    begun = time.perf_counter()
    if runs < 1 or steps < 1:
        raise ValueError("there must be at least 1 run and 1 step")
    kind = rule_machine(machine, sizes, dropped, only)
    layout = kind.layout
    hoped = {item.name: meaning(item.predicate, layout, dropped) for item in machine.properties if item.expectation == "sometimes"}
    fired = {action.name: 0 for action in machine.actions}
    seen: set[State] = set()
    reached: set[str] = set()
    tried, depth, out_of_time = 0, 0, False
    shortest: RandomRun | None = None

    class Watched(kind):  # type: ignore[misc, valid-type]  # made at run time
        def entered(self) -> None:
            nonlocal depth, out_of_time
            super().entered()
            if timeout is not None and time.perf_counter() - begun > timeout:
                out_of_time = True
                raise OutOfTime
            depth = max(depth, len(self.steps))
            if self.steps:
                fired[self.steps[-1].action] += 1
            if self.state not in seen:
                seen.add(self.state)
                reached.update(name for name, predicate in hoped.items() if name not in reached and predicate(self.state, {}))

        def teardown(self) -> None:
            nonlocal tried, shortest
            tried += self.initial is not None
            if self.failure is not None and (shortest is None or len(self.steps) <= len(shortest.steps)):
                shortest = self

    try:
        with _tidy():
            quiet = hypothesis.settings(_settings(runs, steps), verbosity=Verbosity.quiet)
            run_state_machine_as_test(hypothesis.seed(seed)(Watched), settings=quiet)
    except Failure:
        pass
    except (OutOfTime, HypothesisException):
        if not out_of_time:  # a run that ends in its midst may look inconsistent to Hypothesis
            raise

    def result(verdict: Verdict, reason: str, broken: str | None = None, run: Run | None = None) -> Result:
        return Result(
            machine,
            sizes,
            dropped,
            verdict,
            False,
            len(seen),
            sum(fired.values()),
            depth,
            time.perf_counter() - begun,
            0.0,
            broken,
            run,
            reason,
            fired,
            frozenset(reached),
            unmet_expectations(machine, dropped, fired, frozenset(reached)),
        )

    if shortest is None:
        ended = "timed out, " if out_of_time else ""
        return result("unknown", f"{ended}no violation in {tried} random runs of up to {steps} steps, seed {seed}")
    verdict, broken = cast(tuple[Verdict, str | None], shortest.failure)
    return result(verdict, f"found by random runs, seed {seed}", broken, _confirmed(shortest, verdict, broken, only))


def _confirmed(found: RandomRun, verdict: Verdict, broken: str | None, only: frozenset[str] | None) -> Run:
    layout, dropped = found.layout, found.dropped
    run = rerun(layout, dropped, cast(State, found.initial), ((step.action, step.arguments) for step in found.steps))
    reference = Reference(layout, dropped)
    items = [item for item in properties_to_check(layout.machine, only) if item.name == broken]

    def ends_badly(state: State) -> bool:
        if verdict == "deadlock":
            return not reference.is_terminal(state) and next(reference.successors(state), None) is None
        return not evaluate(items[0].predicate, state, {}, layout, dropped)

    if not ends_badly(run.last):
        raise Disagreement(f"a random run of {layout.machine.name} ends in {broken or verdict}; the reference says that it does not")
    return _without_needless_steps(run, layout, dropped, ends_badly)


def _without_needless_steps(run: Run, layout: Layout, dropped: frozenset[str], ends_badly: Callable[[State], bool]) -> Run:
    """Leaves out each step in turn, for good if the rest is possible and ends as badly, until every step is needed.

    Hypothesis shrinks what it chose, and without a step its later choices would be among others.
    """
    place = len(run.steps)
    while place > 0:
        place -= 1
        rest = [(step.action, step.arguments) for step in run.steps[:place] + run.steps[place + 1 :]]
        try:
            shorter = rerun(layout, dropped, run.initial, rest)
        except Disagreement:
            continue
        if ends_badly(shorter.last):
            run, place = shorter, len(shorter.steps)
    return run


@contextmanager
def _tidy() -> Iterator[None]:
    """What Hypothesis wants to keep in files goes when the runs are over."""
    home = storage_directory(intent_to_write=False).home_directory
    with tempfile.TemporaryDirectory(prefix="thawcheck-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(home)


__all__ = ["Failure", "RandomRun", "random_runs", "random_test", "rule_machine"]
