"""Replay without any cleverness, for tiny traces: sets of whole states, every order of the whole trace. The judge of the real one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

from msgspec import structs

from thawcheck.checker.evaluate import Stepper
from thawcheck.checker.layout import Layout, State
from thawcheck.checker.reference import Reference
from thawcheck.checker.verdict import Step
from thawcheck.model.events import Does, EventMapping, Meaning
from thawcheck.model.machine import Machine, Sizes
from thawcheck.traces.format import KINDS, Event, Header


def digest(content: int) -> str:
    """The digest that stands for a content."""
    return f"{content:016x}"


class SlowReplay:
    """Explains a tiny trace by sets of whole states."""

    def __init__(
        self, machine: Machine, mapping: EventMapping, header: Header, contents: int, dropped: frozenset[str] = frozenset()
    ) -> None:
        self.mapping, self.header, self.dropped = mapping, header, dropped
        self.layout = Layout(machine, Sizes(pages=header.pages, cpus=header.cpus, devices=1, contents=contents))
        self.steppers = {action.name: Stepper(action, self.layout, dropped) for action in machine.actions}
        self.unset = frozenset({"image", "later", "held", "kept", "completed"})  # assigned before anything can depend on them
        self._closed: dict[State, frozenset[State]] = {}

    def explains(self, events: list[Event]) -> int | None:
        """None if some run explains the events, in an order that the intervals allow; else the most events that a run explains."""
        meanings = [list(self._units(event)) for event in events]
        before = [
            [j for j, other in enumerate(events) if other.end < event.begin or (other.actor == event.actor and other.seq < event.seq)]
            for event in events
        ]
        todo: dict[tuple[int, ...], set[State]] = {(0,) * len(events): set(self.layout.initial_states(self.unset))}
        most = 0
        while todo:
            following: dict[tuple[int, ...], set[State]] = {}
            for done, states in todo.items():
                complete = [count == len(units) for count, units in zip(done, meanings, strict=True)]
                most = max(most, sum(complete))
                if all(complete):
                    return None
                closed = set().union(*(self._close(state) for state in states))
                for place, event in enumerate(events):
                    if complete[place] or not all(complete[other] for other in before[place]):
                        continue
                    does, meaning = meanings[place][done[place]]
                    last = done[place] + 1 == len(meanings[place])
                    after = {s for state in closed for s in self._do(state, does, event) if not last or self._agrees(s, meaning, event)}
                    if after:
                        key = (*done[:place], done[place] + 1, *done[place + 1 :])
                        following.setdefault(key, set()).update(after)
            todo = following
        return most

    def _units(self, event: Event) -> Iterator[tuple[list[tuple[Stepper, dict[str, int]]] | None, Meaning]]:
        """The steps of an event: for each the actions with the arguments that are known, None for a look without a step."""
        whole = event.page is None and event.kind in self.mapping.over_all_pages
        meaning = (self.mapping.over_all_pages if whole else self.mapping.kinds)[event.kind]
        if not meaning.steps:
            yield None, meaning
        for does in meaning.steps:
            numbers = range(self.header.cpus) if does.each == "cpu" else [None]
            on_page = any(p.name == "page" for name in does.actions for p in self.steppers[name].action.parameters)
            for number in numbers:
                for page in range(self.header.pages) if whole and on_page else [event.page]:
                    yield list(self._bound(does, event, number, page)), meaning

    def _bound(self, does: Does, event: Event, number: int | None, page: int | None) -> Iterator[tuple[Stepper, dict[str, int]]]:
        for name in does.actions:
            known: dict[str, int] = {}
            for parameter in self.steppers[name].action.parameters:
                if parameter.name == "page" and page is not None:
                    known["page"] = page
                elif parameter.name == "cpu" and (number is not None or event.cpu is not None):
                    known["cpu"] = number if number is not None else event.cpu  # type: ignore[assignment]
                elif parameter.name == "content" and event.content is not None:
                    known["content"] = int(event.content, 16)
            yield self.steppers[name], known
        if does.attempted:
            yield self.steppers[does.actions[0]], {"attempted": 1}

    def _do(self, state: State, actions: list[tuple[Stepper, dict[str, int]]] | None, event: Event) -> Iterator[State]:
        if actions is None:
            yield state
            return
        moved = False
        for stepper, known in actions:
            if "attempted" in known:
                if not moved:
                    yield state
                continue
            for after in self._try(state, stepper, known):
                moved = True
                yield after

    def _try(self, state: State, stepper: Stepper, known: dict[str, int]) -> Iterator[State]:
        names = [parameter.name for parameter in stepper.action.parameters]
        ranges = [
            [known[parameter.name]] if parameter.name in known else list(self.layout.argument_values(parameter))
            for parameter in stepper.action.parameters
        ]
        blank = dict(zip(names, (values[0] for values in ranges), strict=True))
        if any(parameter.per for parameter in stepper.action.parameters) and not stepper.is_possible(state, blank):
            return  # no guard of these designs reads an Each parameter
        for values in product(*ranges):
            arguments = dict(zip(names, values, strict=True))
            if stepper.is_possible(state, arguments):
                yield stepper.apply(state, arguments)

    def _agrees(self, state: State, meaning: Meaning, event: Event) -> bool:
        for item in meaning.observes:
            assert event.page is not None
            value = state[self.layout.cell(item.variable, (event.page,))]
            seen = getattr(event, item.field)
            if value != (int(seen, 16) if isinstance(seen, str) else int(seen)):
                return False
        return True

    def _close(self, state: State) -> frozenset[State]:
        found = self._closed.get(state)
        if found is None:
            reached, frontier = {state}, [state]
            while frontier:
                one = frontier.pop()
                for name in self._hidden():
                    for after in self._try(one, self.steppers[name], {}):
                        if after not in reached:
                            reached.add(after)
                            frontier.append(after)
            found = self._closed[state] = frozenset(reached)
        return found

    def _hidden(self) -> list[str]:
        unrecorded = [
            name
            for kind, meaning in self.mapping.kinds.items()
            if self.header.kinds.get(kind, "never") != "always"
            for does in meaning.steps
            for name in does.actions
        ]
        return list(dict.fromkeys([*self.mapping.unseen, *unrecorded]))


class Walk:
    """A random run of the reference, told as the events that a recorder would have written: one after the other, nothing overlaps."""

    def __init__(
        self, machine: Machine, mapping: EventMapping, pages: int, cpus: int, contents: int, seed: int, dropped: frozenset[str]
    ) -> None:
        self.random = random.Random(seed)
        self.mapping = mapping
        self.layout = Layout(machine, Sizes(pages=pages, cpus=cpus, devices=1, contents=contents))
        self.reference = Reference(self.layout, dropped)
        self.kind_of = {name: kind for kind, meaning in mapping.kinds.items() if meaning.steps for name in meaning.steps[0].actions}
        self.events: list[Event] = []
        self.numbers: dict[str, int] = {}
        self.pages = pages
        self.header = Header(
            design="proposal-2010", backend="walk", pages=pages, page_size=1, cpus=cpus, devices=0, clock="none", digest="none", window=0,
            kinds=dict.fromkeys(KINDS, "always"),
        )

    def cell(self, state: State, name: str, page: int) -> int:
        """A cell of a variable with one index."""
        return state[self.layout.cell(name, (page,))]

    def phase(self, state: State) -> str:
        """The phase of the machine."""
        return str(self.layout.describe(state)["phase"])

    def tell(self, kind: str, state: State, **known: int | None) -> None:
        """Add an event; its fields are arguments, or what the state shows."""
        fields: dict[str, object] = {}
        for field in KINDS[kind]:
            if field in known:
                value = known[field]
                fields[field] = digest(value) if field == "content" and value is not None else value
            else:
                page = known["page"]
                assert page is not None
                shown = next(item.variable for item in self.mapping.kinds[kind].observes if item.field == field)
                cell = self.cell(state, shown, page)
                fields[field] = digest(cell) if field == "content" else bool(cell)
        actor = "cpu0"
        number = self.numbers.get(actor, 0)
        self.numbers[actor] = number + 1
        time = 10 * len(self.events)
        self.events.append(Event(kind, actor, number, time, time + 5, **fields))  # type: ignore[arg-type]

    def run(self, most: int = 400) -> bool:
        """Walk until the saved system runs again; False if that takes too long."""
        states = list(self._initial())
        state = self.random.choice(states)
        for page in range(self.pages):
            self.tell("memory_at_start", state, page=page)
        for _ in range(most):
            steps = [step for step in self.reference.successors(state) if step.action in self.kind_of or step.action in ("walk", "evict")]
            if not steps:
                return False
            usual = [step for step in steps if step.action not in ("allocate", "free")]
            step = self._choose(usual if usual and self.random.random() < 0.8 else steps)
            kind = self.kind_of.get(step.action)
            if kind == "resume":
                for page in range(self.pages):
                    if self.cell(state, "in_image", page):
                        self.tell("truth_after_restore", state, page=page)
            state = step.state
            if kind is None:
                continue
            known = {name: value for name, value in step.arguments.items() if isinstance(value, int)}
            if kind == "protect":
                for cpu in range(self.header.cpus):
                    state = self.reference_step(state, "flush", {"cpu": cpu})
            self.tell(kind, state, **known)
            if kind == "begin_copying":
                for page in range(self.pages):
                    if self.cell(state, "in_image", page):
                        self.tell("truth_at_copy", state, page=page)
            if kind == "boot":
                for page in range(self.pages):
                    self.tell("memory_at_boot", state, page=page)
            if self.phase(state) == "resumed":
                return True
        return False

    def reference_step(self, state: State, action: str, arguments: dict[str, int]) -> State:
        """The state after one certain step."""
        stepper = Stepper(self.layout.machine.action(action), self.layout, self.reference.dropped)
        assert stepper.is_possible(state, arguments)
        return stepper.apply(state, arguments)

    def _choose(self, steps: list[Step]) -> Step:
        """Any step, whatever action it belongs to: each action gets the same chance."""
        action = self.random.choice(sorted({step.action for step in steps}))
        return self.random.choice([step for step in steps if step.action == action])

    def _initial(self) -> Iterator[State]:
        ranges = []
        for variable, _ in self.layout.cells:
            if variable.initial is not None:
                ranges.append([self.layout.encode(variable, variable.initial)])
            elif variable.name in ("memory", "in_use", "resumes_from_any_state", "cached_writable"):
                ranges.append([self.random.randrange(variable.domain(self.layout.sizes))])
            else:
                ranges.append([0])
        yield from product(*ranges)


def damaged(events: list[Event], header: Header, contents: int, chooser: random.Random) -> list[Event]:
    """The events with up to three of them dropped, repeated, exchanged or changed; still one after the other."""
    found = list(events)
    for _ in range(chooser.randrange(4)):
        place = chooser.randrange(len(found))
        event = found[place]
        match chooser.randrange(5):
            case 0:
                del found[place]
            case 1:
                found.insert(chooser.randrange(len(found) + 1), event)
            case 2:
                other = chooser.randrange(max(0, place - 3), min(len(found), place + 4))
                found[place], found[other] = found[other], found[place]
            case 3 if event.content is not None:
                found[place] = structs.replace(event, content=digest(chooser.randrange(contents)))
            case 4 if event.cpu is not None:
                found[place] = structs.replace(event, cpu=chooser.randrange(header.cpus))
            case _ if event.page is not None and event.kind not in ("memory_at_start", "memory_at_boot"):
                found[place] = structs.replace(event, page=chooser.randrange(header.pages))
    return in_order(found)


def in_order(events: list[Event]) -> list[Event]:
    """The events one after the other, of one actor."""
    return [structs.replace(event, actor="cpu0", seq=n, begin=10 * n, end=10 * n + 5) for n, event in enumerate(events)]


def overlapping(events: list[Event], chooser: random.Random) -> list[Event]:
    """The events with longer intervals, and several actors for those that name a page; sorted by end, numbered by begin."""
    stretched = []
    mild = chooser.randrange(6)  # mostly, events without a page do not overlap each other
    for place, event in enumerate(events):
        actor = chooser.choice(("cpu0", "cpu1", "handler")) if event.page is not None else "cpu0"
        before, after = 0, 0
        if event.page is not None or mild == 0:
            before, after = chooser.choice(((0, 0), (0, 0), (0, 12), (12, 0), (9, 9), (25, 3)))
        stretched.append(structs.replace(event, actor=actor, begin=max(0, 10 * place - before), end=10 * place + 5 + after))
    numbers: dict[str, int] = {}
    found = []
    for event in sorted(stretched, key=lambda event: event.begin):
        numbers[event.actor] = numbers.get(event.actor, -1) + 1
        found.append(structs.replace(event, seq=numbers[event.actor]))
    return sorted(found, key=lambda event: event.end)
