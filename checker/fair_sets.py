"""A graph of states whose steps may be fair ones, and the sets of states in which a fair run can stay for ever.

Such a run ends up in a set of states that lead to each other, so these sets are what is looked for: first all, then without the
states in which a strongly fair step waits that no step of the set takes (E. A. Emerson and C.-L. Lei, "Modalities for model checking",
1987). A set may be a single state without steps: a run may rest in it.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator

Walk = list[tuple[int, int]]  # steps: the bit of the fair step that each is, or 0, and the state that it leads to


class Graph:
    """States are numbers. A set of fair steps is an int with a bit for each: ``possible[s]`` are those that are possible in a state."""

    def __init__(self) -> None:
        self.possible: list[int] = []
        self.first, self.targets, self.numbers = array("q", [0]), array("q"), array("q")
        self.bits, self.places = [0], {0: 0}  # an array holds the number of a bit: the bit may be too large for it

    def add(self, possible: int, steps: Walk) -> None:
        """The next state."""
        for bit, target in steps:
            self.targets.append(target)
            if bit not in self.places:
                self.places[bit] = len(self.bits)
                self.bits.append(bit)
            self.numbers.append(self.places[bit])
        self.first.append(len(self.targets))
        self.possible.append(possible)

    def steps(self, state: int) -> Iterator[tuple[int, int]]:
        """The steps from a state."""
        for place in range(self.first[state], self.first[state + 1]):
            yield self.bits[self.numbers[place]], self.targets[place]

    def taken(self, states: Iterable[int], inside: set[int]) -> int:
        """The fair steps that lead from one of the states to one inside."""
        found = 0
        for state in states:
            for bit, target in self.steps(state):
                if bit & ~found and target in inside:
                    found |= bit
        return found

    def fair_sets(self, states: Iterable[int], weak: int, strong: int) -> Iterator[list[int]]:
        """The largest sets, inside ``states``, of states that lead to each other and among which a fair run can stay."""
        waiting = [list(states)]
        while waiting:
            for found in self.components(waiting.pop()):
                taken, always, sometimes = self.taken(found, set(found)), -1, 0
                for state in found:
                    always &= self.possible[state]
                    sometimes |= self.possible[state]
                if weak & always & ~taken:
                    continue  # whoever stays puts it off for ever
                if put_off := strong & sometimes & ~taken:
                    waiting.append([state for state in found if not self.possible[state] & put_off])
                else:
                    yield found

    def components(self, states: Iterable[int]) -> Iterator[list[int]]:
        """The sets of states that lead to each other inside ``states`` (R. Tarjan, 1972, without recursion)."""
        seen = dict.fromkeys(states, 0)  # 0: not yet; a number from 1 on: on the stack; -1: done
        low: dict[int, int] = {}
        stack: list[int] = []
        count = 0
        for root in seen:
            path: list[tuple[int, Iterator[tuple[int, int]], int]] = []
            entering = [root] if seen[root] == 0 else []
            while entering or path:
                if entering:
                    state = entering.pop()
                    count += 1
                    seen[state] = low[state] = count
                    path.append((state, self.steps(state), len(stack)))
                    stack.append(state)
                state, steps, place = path[-1]
                for _, target in steps:
                    number = seen.get(target, -1)
                    if number == 0:
                        entering.append(target)
                        break
                    if number > 0:
                        low[state] = min(low[state], number)
                else:
                    path.pop()
                    if path:
                        low[path[-1][0]] = min(low[path[-1][0]], low[state])
                    if low[state] == seen[state]:
                        seen.update(dict.fromkeys(stack[place:], -1))
                        yield stack[place:]
                        del stack[place:]

    def round(self, start: int, states: list[int], weak: int, strong: int) -> Walk:
        """Steps that lead from a state of a fair set round to it again, past all that makes them fair; none if a run may rest there."""
        inside, walked, here, sometimes = set(states), Walk(), start, 0
        for state in states:
            sometimes |= self.possible[state]
        missing = (weak & self.possible[start]) | (strong & sometimes)

        def helps(bit: int, target: int) -> bool:
            return bool(missing & (bit | (weak & ~self.possible[target])))

        while missing:
            for bit, target in self.shortest(here, inside, helps):
                walked.append((bit, target))
                missing &= ~(bit | (weak & ~self.possible[target]))
                here = target
        return walked + (self.shortest(here, inside, lambda _, target: target == start) if here != start else [])

    def shortest(self, source: int, inside: set[int], wanted: Callable[[int, int], bool]) -> Walk:
        """The shortest way inside a set of states whose last step is wanted."""
        came: dict[int, tuple[int, int]] = {}
        queue = deque([source])
        while queue:
            state = queue.popleft()
            for bit, target in self.steps(state):
                if target in inside and wanted(bit, target):
                    way = [(bit, target)]
                    while state != source:
                        before, by = came[state]
                        way.append((by, state))
                        state = before
                    return way[::-1]
                if target in inside and target not in came and target != source:
                    came[target] = (state, bit)
                    queue.append(target)
        raise AssertionError("the states do not lead to each other")


__all__ = ["Graph", "Walk"]
