"""What the language refuses when the class is made: the text names the file, the line of the design, what is wrong and what to do."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from thawcheck.model import DesignError

# A part on which the cases stand: something of every kind, and all of it read.
PART = '''\
from __future__ import annotations

from typing import Annotated
from thawcheck.model import *


class Slot(Index):
    """A place in a queue."""


class Machine(Part):
    """Something of everything."""

    phase = Choice("idle", "busy", "done")
    colour = Choice("red", "green")
    handler = Choice("free", "taken", per=(Cpu, Page))
    flagged = Flag(per=Page)
    in_use = Flag(per=Page, initial=arbitrary)
    memory = Contents(per=Page)
    image = Contents(per=Page)
    count = Counter(3)
    other_count = Counter(2 * number_of(Page))
    snapshot = Contents(per=Page, ghost=True)
    boot_cpu = Constant(Cpu)
    quiet = Assumption("devices are quiet", protects="looks")

    @action
    def write(self, page: Page) -> None:
        """A page goes to the image."""
        require(implies(self.quiet, ~self.in_use[page]))
        self.image[page] = self.memory[page]

    def busy(self) -> Boolean:
        """Something goes on."""
        return self.phase == "busy"

    @always
    def looks(self) -> Boolean:
        """It is as it should be."""
        whole = every(Page, lambda page: self.flagged[page] | self.in_use[page] | (self.image[page] == self.snapshot[page]))
        free = every(Page, lambda page: self.handler[self.boot_cpu, page] == "free")
        return whole | free | (self.phase == "idle") | (self.colour == "red") | (self.count == self.other_count)


'''

# In each case the line that the text must name ends in "# !".
ACTIONS: dict[str, tuple[str, str, str]] = {}


def refuse(name: str, body: str, what: str, remedy: str) -> None:
    assert name not in ACTIONS, name
    ACTIONS[name] = (body, what, remedy)


def step(*lines: str, parameters: str = "page: Page, other: Page, cpu: Cpu, content: Content", after: str = "") -> str:
    """The body of a class with one action of these lines; ``after`` follows its first line."""
    return "\n".join(["@action", f"def step(self, {parameters}) -> None:{after}", *(f"    {line}" for line in lines)])


def property_(*lines: str, mark: str = "@always", after: str = "") -> str:
    """The body of a class with one property of these lines; ``after`` follows its first line."""
    return "\n".join([mark, f"def odd(self) -> Boolean:{after}", '    """Odd."""', *(f"    {line}" for line in lines)])


# ---------------------------------------------------------------- names and literals

refuse(
    "unknown variable read",
    step("require(", "    self.busy(),", "    self.flaged[page],  # !", ")", "self.flagged[page] = True"),
    "unknown variable or attribute 'flaged'",
    "did you mean 'flagged'?",
)
refuse(
    "unknown method",
    step("require(self.bussy())  # !", "self.flagged[page] = True"),
    "unknown variable or attribute 'bussy'",
    "did you mean 'busy'?",
)
refuse("unknown variable assigned", step("self.fase = 'busy'  # !"), "unknown variable 'fase' is assigned", "did you mean 'phase'?")
refuse(
    "nothing like it",
    step("self.zzz = True  # !"),
    "unknown variable 'zzz' is assigned",
    "declared are phase, colour, handler, flagged, in_use, memory, image, count, other_count, snapshot, boot_cpu, quiet",
)
refuse(
    "unknown literal compared",
    step("require(self.phase == 'bussy')  # !", "self.phase = 'idle'"),
    "unknown literal 'bussy'",
    "this Choice has 'idle', 'busy', 'done'",
)
refuse(
    "unknown literal assigned", step("self.handler[cpu, page] = 'busy'  # !"), "unknown literal 'busy'", "this Choice has 'free', 'taken'"
)
refuse(
    "attribute of a term",
    step("require(self.phase.lower() == 'idle')  # !", "self.phase = 'busy'"),
    "action step cannot be recorded: AttributeError: 'Symbol' object has no attribute 'lower'",
    "its body runs once, on terms instead of values",
)
refuse(
    "unknown name",
    step("require(busy)  # !", "self.phase = 'busy'"),
    "action step cannot be recorded: NameError: name 'busy' is not defined",
    "its body runs once, on terms instead of values",
)

# ---------------------------------------------------------------- sorts

refuse("index of the wrong sort", step("self.flagged[cpu] = True  # !"), "flagged is indexed by a Cpu, wanted a Page", "use a Page")
refuse(
    "indices the wrong way round",
    step("require(self.handler[page, cpu] == 'free')  # !", "self.phase = 'busy'"),
    "handler is indexed by a Page, wanted a Cpu",
    "use a Cpu",
)
refuse("one index of two", step("self.handler[cpu] = 'free'  # !"), "handler is indexed by Cpu, Page, 1 given", "write handler[cpu, page]")
refuse("two indices of one", step("self.flagged[page, page] = True  # !"), "flagged is indexed by Page, 2 given", "write flagged[page]")
refuse("a number as index", step("self.flagged[0] = True  # !"), "flagged is indexed by an int, wanted a Page", "use a Page")
refuse("index on a scalar", step("self.phase[page] = 'busy'  # !"), "phase has no indices", "declare it with 'per', or use it as it is")
refuse(
    "index read on a scalar",
    step("require(self.count[page] == 1)  # !", "self.phase = 'busy'"),
    "count has no indices",
    "declare it with 'per', or use it as it is",
)
refuse(
    "array without index",
    step("require(self.flagged)  # !", "self.phase = 'busy'"),
    "the array flagged is used without an index",
    "write flagged[page], inside every(...) or some(...) for all of it",
)
refuse(
    "array compared",
    step("require(implies(self.busy(), self.memory == self.image))  # !", "self.phase = 'busy'"),
    "the array memory is used without an index",
    "write memory[page], inside every(...) or some(...) for all of it",
)
refuse(
    "array inverted",
    step("require(~self.flagged)  # !", "self.phase = 'busy'"),
    "the array flagged is used without an index",
    "write flagged[page], inside every(...) or some(...) for all of it",
)
refuse(
    "array tested",
    step("if self.flagged:  # !", "    self.phase = 'busy'"),
    "the array flagged is used without an index",
    "write flagged[page], inside every(...) or some(...) for all of it",
)
refuse(
    "array searched",
    step("require(page in self.flagged)  # !", "self.phase = 'busy'"),
    "the array flagged is used without an index",
    "write flagged[page], inside every(...) or some(...) for all of it",
)
refuse(
    "array measured",
    step("require(len(self.flagged) == 2)  # !", "self.phase = 'busy'"),
    "the array flagged is used without an index",
    "write flagged[page], inside every(...) or some(...) for all of it",
)
refuse(
    "array iterated over",
    step("for cell in self.flagged:  # !", "    require(cell)", "self.phase = 'busy'"),
    "the array flagged is used without an index",
    "write flagged[page], inside every(...) or some(...) for all of it",
)
refuse(
    "array assigned",
    step("self.flagged = True  # !"),
    "flagged is assigned as a whole",
    "index it, or use assign_every(...) for the whole array",
)
refuse(
    "array as a value",
    step("self.image[page] = self.memory  # !"),
    "the array memory is used without an index",
    "write memory[page], inside every(...) or some(...) for all of it",
)
refuse(
    "Flag given a literal",
    step("self.flagged[page] = 'yes'  # !"),
    "a str where a Boolean is wanted",
    "compare it with something, or call it",
)
refuse("Content given a number", step("self.memory[page] = 0  # !"), "an int where a Content is wanted", "use terms of one sort")
refuse(
    "Content given a Flag",
    step("self.memory[page] = self.flagged[page]  # !"),
    "a Boolean where a Content is wanted",
    "use terms of one sort",
)
refuse(
    "pages compared with CPUs",
    step("require(page == cpu)  # !", "self.phase = 'busy'"),
    "a Cpu where a Page is wanted",
    "use terms of one sort",
)
refuse(
    "two Choices compared",
    step("require(self.phase == self.colour)  # !", "self.phase = 'busy'"),
    "two different Choices are mixed",
    "compare and assign within one Choice",
)
refuse(
    "two Choices assigned", step("self.phase = self.colour  # !"), "two different Choices are mixed", "compare and assign within one Choice"
)
refuse(
    "a number where a Boolean is wanted",
    step("require(self.count)  # !", "self.phase = 'busy'"),
    "a Number where a Boolean is wanted",
    "compare it with something, or call it",
)
refuse(
    "a method without its call",
    step("require(self.busy)  # !", "self.phase = 'idle'"),
    "busy without a call where a Boolean is wanted",
    "compare it with something, or call it",
)
refuse(
    "a Boolean where a number is wanted",
    step("self.count = self.flagged[page]  # !"),
    "a Boolean where a number is wanted",
    "use a Counter or an int",
)
refuse("True where a number is wanted", step("self.count = True  # !"), "a bool where a number is wanted", "use a Counter or an int")
refuse(
    "ite of two sorts",
    step("self.memory[page] = ite(self.busy(), content, self.phase)  # !"),
    "a Choice of idle, busy, done where a Content is wanted",
    "use terms of one sort",
)
refuse(
    "ite of two plain values",
    step("self.phase = ite(self.flagged[page], 'idle', 'busy')  # !"),
    "ite(...) between two plain Python values",
    "write a term on one side at least, or make two actions of it",
)
refuse(
    "every over no sort",
    step("require(every(self.flagged, lambda page: True))  # !", "self.phase = 'busy'"),
    "every(...) over something that is not an index sort",
    "give a sort such as Page or Cpu first",
)
refuse(
    "every over Index",
    step("require(every(Index, lambda page: self.busy()))  # !", "self.phase = 'idle'"),
    "every(...) over something that is not an index sort",
    "give a sort such as Page or Cpu first",
)
refuse(
    "a body without a value",
    step("require(some(Page, lambda page: None))  # !", "self.phase = 'busy'"),
    "nothing (None) where a Boolean is wanted",
    "compare it with something, or call it",
)

# ---------------------------------------------------------------- reads and writes

refuse(
    "read after write",
    step("self.phase = 'busy'", "require(self.phase == 'idle')  # !"),
    "phase is read after it was written in action step (which value is meant?)",
    "all updates happen at once: read it before the first assignment",
)
refuse(
    "another cell read after a write",
    step("self.memory[page] = content", "self.image[page] = self.memory[other]  # !"),
    "memory is read after it was written in action step (which value is meant?)",
    "all updates happen at once: read it before the first assignment",
)
refuse(
    "read after write in assign_every",
    step("self.memory[page] = content", "assign_every(self.image, lambda any: self.memory[any])  # !"),
    "memory is read after it was written in action step (which value is meant?)",
    "all updates happen at once: read it before the first assignment",
)
refuse(
    "written twice",
    step("self.phase = 'busy'", "self.phase = 'done'  # !"),
    "phase is written twice in action step",
    "write each cell once (an inherited action's writes count)",
)
refuse(
    "one cell written twice",
    step("self.flagged[page] = True", "self.flagged[page] = False  # !"),
    "flagged is written twice in action step",
    "write each cell once (an inherited action's writes count)",
)
refuse(
    "a cell and the whole array",
    step("self.flagged[page] = True", "assign_every(self.flagged, lambda any: False)  # !"),
    "flagged is written twice in action step",
    "write each cell once (an inherited action's writes count)",
)
refuse(
    "two cells that may be one",
    step("require(cpu != self.boot_cpu)", "self.flagged[page] = True", "self.flagged[other] = False  # !"),
    "two writes of step may hit one cell of flagged",
    "require that their indices differ",
)
refuse(
    "two cells that differ only under a condition",
    step("require(implies(self.busy(), page != other))", "self.flagged[page] = True", "self.flagged[other] = False  # !"),
    "two writes of step may hit one cell of flagged",
    "require that their indices differ",
)
refuse("constant assigned", step("self.boot_cpu = cpu  # !"), "the constant boot_cpu is assigned", "a constant keeps its index for ever")
refuse(
    "assumption assigned",
    step("self.quiet = False  # !"),
    "the assumption quiet is assigned",
    "an assumption holds for the whole run or not at all",
)
refuse(
    "assign_every of a scalar",
    step("assign_every(self.phase, lambda: 'busy')  # !"),
    "assign_every(...) of something that is not an array variable",
    "assign it with =",
)
refuse(
    "assign_every of a wrong sort",
    step("assign_every(self.memory, lambda page: self.flagged[page])  # !"),
    "a Boolean where a Content is wanted",
    "use terms of one sort",
)
refuse(
    "assignment in a quantifier",
    step("def clear(any: Page) -> bool:", "    self.flagged[any] = False  # !", "    return True", "require(every(Page, clear))"),
    "flagged is assigned inside a lambda",
    "every(...) only looks; use assign_every(...) for a whole array",
)
refuse(
    "require in a quantifier",
    step("every(Page, lambda any: require(self.flagged[any]))  # !", "self.phase = 'busy'"),
    "require(...) inside a lambda",
    "every(...), some(...) and assign_every(...) only look: call it outside, around them",
)
refuse(
    "bound index outside its quantifier",
    step("kept = []", "require(every(Page, lambda any: kept.append(any) or self.flagged[any]))", "self.in_use[kept[0]] = True  # !"),
    "action step: the index page of a quantifier is used outside it",
    "write another every(...) or some(...)",
)
refuse(
    "bound index in another quantifier",
    step(
        "kept = []",
        "require(every(Page, lambda any: kept.append(any) or self.flagged[any]))",
        "require(some(Page, lambda any: (any == kept[0]) & self.in_use[any]))  # !",
        "self.phase = 'busy'",
    ),
    "action step: the index page of a quantifier is used outside it",
    "write another every(...) or some(...)",
)
# ---------------------------------------------------------------- results that nobody uses

refuse(
    "comparison unused",
    step("self.phase == 'idle'  # !", "self.flagged[page] = True"),
    "step: nobody uses the result of \"self.phase == 'idle'\"",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "read unused",
    step("self.flagged[page]  # !", "self.phase = 'busy'"),
    "step: nobody uses the result of 'self.flagged[page]'",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "require without brackets",
    step("require  # !", "self.phase = 'busy'"),
    "step: nobody uses the result of 'require'",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "helper's result unused",
    step("self.busy()", "self.flagged[page] = True") + "\ndef busy(self) -> Boolean:\n    return self.phase == 'busy'  # !",
    "action step: nobody uses the result of \"phase == 'busy'\"",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "implies unused",
    step("implies(self.busy(), self.flagged[page])  # !", "self.phase = 'idle'"),
    "action step: nobody uses the result of \"implies(phase == 'busy', flagged[page])\"",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "quantifier unused",
    step("every(Page, lambda page: self.flagged[page])  # !", "self.phase = 'idle'"),
    "action step: nobody uses the result of 'every(Page, lambda page__0: flagged[page__0])'",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "comparison unused in a lambda",
    step("require(every(Page, lambda any: [self.in_use[any], self.flagged[any]][1]))  # !", "self.phase = 'idle'"),
    "action step: nobody uses the result of 'in_use[page]'",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "sum unused",
    step("sum = self.count + 1  # !", "require(sum is not None)", "self.phase = 'idle'"),
    "action step: nobody uses the result of 'count + 1'",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "condition returned",
    step("self.flagged[page] = True", "return self.phase == 'idle'", after="  # !"),
    "action step returns something",
    "write require(...) for a condition; an action has no result",
)
refuse(
    "local name instead of a variable",
    step("phase = 'busy'  # !", "self.flagged[page] = True"),
    "step: nobody reads the local name 'phase'",
    "write self.phase = ..., or delete it",
)
refuse(
    "require of nothing",
    step("require()  # !", "self.flagged[page] = True"),
    "require() without a condition",
    "give at least one, or delete the call",
)

# ---------------------------------------------------------------- Python where terms are meant

TRUTH = (
    "a term has no truth value while a design is recorded (Python 'if', 'and', 'or', 'not', 'in' or a chained comparison)",
    "use require(...), ite(...), &, |, ~ or one comparison at a time",
)
refuse("if", step("if self.flagged[page]:  # !", "    self.phase = 'busy'"), *TRUTH)
refuse("conditional expression", step("self.phase = 'busy' if self.flagged[page] else 'idle'  # !"), *TRUTH)
refuse("while", step("while self.flagged[page]:  # !", "    self.phase = 'busy'"), *TRUTH)
refuse("and", step("require(self.flagged[page] and self.in_use[page])  # !", "self.phase = 'busy'"), *TRUTH)
refuse("or", step("require(self.flagged[page] or self.in_use[page])  # !", "self.phase = 'busy'"), *TRUTH)
refuse("not", step("require(not self.flagged[page])  # !", "self.phase = 'busy'"), *TRUTH)
refuse("chain of ==", step("require(self.memory[page] == self.image[page] == content)  # !", "self.phase = 'busy'"), *TRUTH)
refuse("chain of <=", step("require(1 <= self.count <= 2)  # !", "self.phase = 'busy'"), *TRUTH)
refuse("in a tuple", step("require(self.phase in ('idle', 'busy'))  # !", "self.phase = 'busy'"), *TRUTH)
refuse("not in", step("require(self.phase not in ('idle', 'busy'))  # !", "self.phase = 'busy'"), *TRUTH)
refuse("assert", step("assert self.flagged[page]  # !", "self.phase = 'busy'"), *TRUTH)
refuse("all", step("require(all([self.flagged[page], self.in_use[page]]))  # !", "self.phase = 'busy'"), *TRUTH)
refuse("max", step("self.count = max(self.count, self.other_count)  # !"), *TRUTH)
refuse("match", step("match self.phase:", "    case 'idle':  # !", "        self.phase = 'busy'"), *TRUTH)
refuse(
    "len of a term",
    step("require(len(self.memory[page]) == 2)  # !", "self.phase = 'busy'"),
    "a term cannot be iterated over",
    "use every(...) or some(...)",
)
refuse(
    "iteration over a term",
    step("for letter in self.phase:  # !", "    require(letter == 'i')", "self.phase = 'busy'"),
    "a term cannot be iterated over",
    "use every(...) or some(...)",
)
refuse(
    "in a term",
    step("require('i' in self.phase)  # !", "self.phase = 'busy'"),
    "a term cannot be iterated over",
    "use every(...) or some(...)",
)
refuse(
    "iteration over a sort",
    step("for any in Page:  # !", "    require(self.flagged[any])", "self.phase = 'busy'"),
    "action step cannot be recorded: TypeError: 'type' object is not iterable",
    "its body runs once, on terms instead of values",
)
refuse(
    "is",
    step("require(cpu is self.boot_cpu)  # !", "self.phase = 'busy'"),
    "step: 'cpu is self.boot_cpu' compares with 'is'",
    "write == or !=",
)
refuse(
    "is not",
    step("require(implies(self.busy(), cpu is not self.boot_cpu))  # !", "self.phase = 'busy'"),
    "step: 'cpu is not self.boot_cpu' compares with 'is'",
    "write == or !=",
)
refuse(
    "comparison without brackets",
    step("require(self.in_use[page] & self.flagged[page] == True)  # !", "self.phase = 'busy'"),
    "step: in 'self.in_use[page] & self.flagged[page] == True' & binds stronger than the comparison",
    "put brackets around the comparison",
)
refuse(
    "comparison without brackets over two lines",
    step("require(", "    self.in_use[page]  # !", "    | self.flagged[page] == self.flagged[other]", ")", "self.phase = 'busy'"),
    "step: in 'self.in_use[page] | self.flagged[page] == self.flagged[other]' | binds stronger than the comparison",
    "put brackets around the comparison",
)
refuse(
    "comparison without brackets on the right",
    step("require(self.flagged[page] == self.in_use[page] & self.busy())  # !", "self.phase = 'busy'"),
    "step: in 'self.flagged[page] == self.in_use[page] & self.busy()' & binds stronger than the comparison",
    "put brackets around the comparison",
)
refuse(
    "method tested",
    step("if self.busy:  # !", "    self.phase = 'idle'"),
    "step: self.busy is a method, and always true",
    "call it, and use require(...), ite(...), & or |",
)
refuse(
    "variable of the class",
    step("require(implies(self.busy(), Machine.phase == 'idle'))  # !", "self.phase = 'idle'"),
    "phase is read from the class, where it has no value",
    "write self.phase",
)
refuse(
    "variable of the class tested",
    step("if Machine.phase:  # !", "    self.phase = 'idle'"),
    "phase is read from the class, where it has no value",
    "write self.phase",
)
refuse(
    "generator",
    step("require(self.busy())", "self.phase = 'idle'", "yield", after="  # !"),
    "action step returns something",
    "write require(...) for a condition; an action has no result",
)

# ---------------------------------------------------------------- arithmetic

ARITHMETIC = "only a Counter can be ordered, and only an int added to it or subtracted"
refuse("Content plus 1", step("self.memory[page] = self.memory[page] + 1  # !"), "arithmetic on a Content", ARITHMETIC)
refuse("1 plus Content", step("self.memory[page] = 1 + self.memory[page]  # !"), "arithmetic on a Content", ARITHMETIC)
refuse("Content ordered", step("require(content < self.memory[page])  # !", "self.phase = 'idle'"), "arithmetic on a Content", ARITHMETIC)
refuse("Content times 2", step("self.memory[page] = content * 2  # !"), "arithmetic on a Content", ARITHMETIC)
refuse("index plus 1", step("self.flagged[page + 1] = True  # !"), "arithmetic on a Page", ARITHMETIC)
refuse("pages ordered", step("require(page < other)  # !", "self.phase = 'idle'"), "arithmetic on a Page", ARITHMETIC)
refuse(
    "Choice ordered",
    step("require(self.phase < 'done')  # !", "self.phase = 'idle'"),
    "arithmetic on a Choice of idle, busy, done",
    ARITHMETIC,
)
refuse("Flag plus 1", step("self.count = self.flagged[page] + 1  # !"), "arithmetic on a Boolean", ARITHMETIC)
refuse(
    "Counter plus Counter",
    step("self.count = self.count + self.other_count  # !"),
    "a Number is added to a Counter or subtracted",
    "add or subtract an int",
)
refuse(
    "Counter minus True",
    step("self.count = self.count - True  # !"),
    "a bool is added to a Counter or subtracted",
    "add or subtract an int",
)
refuse("number minus Counter", step("self.count = 3 - self.count  # !"), "arithmetic on a Number", ARITHMETIC)
refuse("Counter times 2", step("self.count = self.count * 2  # !"), "arithmetic on a Number", ARITHMETIC)
refuse(
    "Counter compared with an Extent",
    step("require(self.count < number_of(Page))  # !", "self.phase = 'idle'"),
    "an Extent where a number is wanted",
    "use a Counter or an int",
)

# ---------------------------------------------------------------- guards that are false

FALSE = "it contradicts another condition"
refuse(
    "a condition and its opposite",
    step("require(self.flagged[page])", "require(", "    self.busy(),", "    ~self.flagged[page],  # !", ")", "self.phase = 'idle'"),
    "the guard of step is always false at '~self.flagged[page]'",
    FALSE,
)
refuse(
    "two literals",
    step("require(self.phase == 'idle')", "require(self.busy())  # !", "self.phase = 'done'"),
    "the guard of step is always false at 'self.busy()'",
    FALSE,
)
refuse(
    "two literals in one condition",
    step("require((self.phase == 'idle') & (self.phase == 'busy'))  # !", "self.phase = 'done'"),
    "the guard of step is always false at \"(self.phase == 'idle') & (self.phase == 'busy')\"",
    FALSE,
)
refuse(
    "a literal and its opposite",
    step("require('idle' == self.phase, self.phase != 'idle')  # !", "self.phase = 'done'"),
    "the guard of step is always false at \"self.phase != 'idle'\"",
    FALSE,
)
refuse(
    "no literal left",
    step("require((self.phase == 'idle') | (self.phase == 'busy'))", "require(self.phase == 'done')  # !", "self.phase = 'done'"),
    "the guard of step is always false at \"self.phase == 'done'\"",
    FALSE,
)
refuse(
    "every literal excluded",
    step("require(self.phase != 'idle', self.phase != 'busy', self.phase != 'done')  # !", "self.phase = 'done'"),
    "the guard of step is always false at \"self.phase != 'done'\"",
    FALSE,
)
refuse(
    "two indices equal and different",
    step("require(page == other, other != page)  # !", "self.phase = 'done'"),
    "the guard of step is always false at 'other != page'",
    FALSE,
)
refuse("False", step("require(self.busy(), False)  # !", "self.phase = 'idle'"), "the guard of step is always false at 'False'", FALSE)
refuse(
    "different from itself",
    step("require(self.phase != self.phase)  # !", "self.phase = 'idle'"),
    "the guard of step is always false at 'self.phase != self.phase'",
    FALSE,
)
refuse(
    "two numbers",
    step("require(self.count == 1, self.count == 2)  # !", "self.phase = 'idle'"),
    "the guard of step is always false at 'self.count == 2'",
    FALSE,
)

# ---------------------------------------------------------------- assumptions and ghosts

POLARITY = "write implies(assumption, ...) or ~assumption: dropping it may only add behaviours"
refuse(
    "assumption required", step("require(self.quiet)  # !", "self.phase = 'idle'"), "step is only possible while quiet is held", POLARITY
)
refuse(
    "assumption on the right of implies",
    step("require(implies(self.busy(), self.quiet))  # !", "self.phase = 'idle'"),
    "step is only possible while quiet is held",
    POLARITY,
)
refuse(
    "assumption in an or",
    step("require(self.quiet | self.busy())  # !", "self.phase = 'idle'"),
    "step is only possible while quiet is held",
    POLARITY,
)
refuse(
    "assumption under two nots",
    step("require(~implies(self.quiet, self.busy()))  # !", "self.phase = 'idle'"),
    "step is only possible while quiet is held",
    POLARITY,
)
refuse(
    "assumption inside every",
    step("require(every(Page, lambda any: self.quiet | self.flagged[any]))  # !", "self.phase = 'idle'"),
    "step is only possible while quiet is held",
    POLARITY,
)
refuse(
    "assumption compared",
    step("require(self.quiet == self.flagged[page])  # !", "self.phase = 'idle'"),
    "step compares the assumption with something",
    "write implies(assumption, ...) or ~assumption",
)
refuse(
    "assumption in ite",
    step("require(ite(self.quiet, self.flagged[page], self.busy()))  # !", "self.phase = 'idle'"),
    "step compares the assumption with something",
    "write implies(assumption, ...) or ~assumption",
)
refuse(
    "assumption assigned from",
    step("self.phase = 'idle'", "self.flagged[page] = ~self.quiet  # !"),
    "step assigns what an assumption says",
    "write an action of its own that requires ~assumption",
)
refuse(
    "assumption in an index",
    step("self.flagged[ite(self.quiet, page, other)] = True  # !"),
    "step assigns what an assumption says",
    "write an action of its own that requires ~assumption",
)
refuse(
    "assumption in a property",
    property_("return implies(self.quiet, self.busy())", after="  # !"),
    "property odd reads an assumption",
    "assumptions guard actions; a property holds with them or without",
)
refuse(
    "assumption in the terminal predicate",
    "@terminal\ndef ended(self) -> Boolean:  # !\n    return self.busy() & self.quiet",
    "property ended reads an assumption",
    "assumptions guard actions; a property holds with them or without",
)
GHOST = "only properties and other ghosts may read a ghost"
refuse(
    "ghost in a guard",
    step("require(", "    self.busy(),", "    self.snapshot[page] == content,  # !", ")", "self.phase = 'idle'"),
    "the guard of step reads the ghost snapshot",
    GHOST,
)
refuse(
    "ghost copied",
    step("self.phase = 'idle'", "self.memory[page] = self.snapshot[page]  # !"),
    "the update of memory in step reads the ghost snapshot",
    GHOST,
)
refuse(
    "ghost copied as a whole",
    step("assign_every(self.memory, lambda any: self.snapshot[any])  # !"),
    "the update of memory in step reads the ghost snapshot",
    GHOST,
)
refuse(
    "ghost in an index",
    step("self.flagged[ite(self.snapshot[page] == content, page, other)] = True  # !"),
    "the update of flagged in step reads the ghost snapshot",
    GHOST,
)
refuse(
    "ghost in the terminal predicate",
    "@terminal\ndef ended(self) -> Boolean:  # !\n    return some(Page, lambda page: self.snapshot[page] == self.memory[page])",
    "the terminal predicate reads the ghost snapshot",
    GHOST,
)

# ---------------------------------------------------------------- parameters

SORT = "annotate it with Page, Cpu, Content, Boolean, Each[...], Annotated[Number, number_of(...)] or a sort of yours"
PLAIN = "an action's parameters are chosen freely: no default, no *, no /"


def parameters(words: str) -> str:
    return f"@action\ndef step(self, {words}) -> None:  # !\n    self.phase = 'idle'"


refuse("parameter without annotation", parameters("page"), "parameter 'page' of action step has no sort", SORT)
refuse("int", parameters("times: int"), "parameter 'times' of action step has no sort", SORT)
refuse("Number without a largest value", parameters("times: Number"), "parameter 'times' of action step has no sort", SORT)
refuse(
    "Number with a bad largest value", parameters("times: Annotated[Number, 'three']"), "parameter 'times' of action step has no sort", SORT
)
refuse("Index itself", parameters("any: Index"), "parameter 'any' of action step has no sort", SORT)
refuse("Each of numbers", parameters("found: Each[Page, Number]"), "parameter 'found' of action step has no sort", SORT)
refuse(
    "Each of symbols",
    parameters("found: Each[Page, Symbol]"),
    "an annotation of action step means nothing: name 'Symbol' is not defined",
    "define or import the sort at the top of the file",
)
refuse("Each over contents", parameters("found: Each[Content, Boolean]"), "parameter 'found' of action step has no sort", SORT)
refuse(
    "Each over three sorts",
    parameters("found: Each[tuple[Page, Cpu, Slot], Boolean]"),
    "parameter 'found' of action step has no sort",
    SORT,
)
refuse("default", parameters("page: Page, flag: Boolean = True"), "parameter 'flag' of action step is no plain one", PLAIN)
refuse("many", parameters("*pages: Page"), "parameter 'pages' of action step is no plain one", PLAIN)
refuse("keyword only", parameters("*, page: Page"), "parameter 'page' of action step is no plain one", PLAIN)
refuse(
    "two underscores",
    parameters("page__0: Page"),
    "parameter 'page__0' of action step has two underscores in a row",
    "give it another name",
)
refuse(
    "Each without index",
    step("require(found == content)  # !", "self.phase = 'idle'", parameters="found: Each[Page, Content], content: Content"),
    "the parameter found is used without an index",
    "write found[...]",
)
refuse(
    "Each tested",
    step("if found:  # !", "    self.phase = 'idle'", parameters="found: Each[Page, Content]"),
    "the parameter found is used without an index",
    "write found[...]",
)
refuse(
    "Each assigned",
    step("found[page] = content  # !", parameters="page: Page, found: Each[Page, Content], content: Content"),
    "the parameter found is assigned",
    "a parameter is what the step has chosen; assign a variable",
)
refuse(
    "Each with a wrong index",
    step("self.memory[page] = found[cpu]  # !", parameters="page: Page, cpu: Cpu, found: Each[Page, Content]"),
    "found is indexed by a Cpu, wanted a Page",
    "use a Page",
)

# ---------------------------------------------------------------- actions and properties

refuse("nothing happens", step("require(self.busy())", after="  # !"), "action step changes nothing", "assign something, or delete it")
refuse(
    "two marks",
    "@action  # !\n@always\ndef step(self) -> Boolean:\n    return self.busy()",
    "step is marked @always and @action",
    "decide for one",
)
refuse(
    "static method",
    "@action  # !\n@staticmethod\ndef step(page: Page) -> None:\n    pass",
    "@action on something that is no method",
    "write @action directly above a def, and nothing that is no function in between",
)
refuse(
    "property without docstring",
    "@always\ndef odd(self) -> Boolean:  # !\n    return self.busy()",
    "property odd has no docstring",
    "say in a sentence what it expects: it is printed when it fails",
)
refuse("property that returns nothing", property_("pass", after="  # !"), "property odd returns no Boolean", "return what it expects")
refuse(
    "property that returns a number",
    property_("return self.count", mark="@sometimes", after="  # !"),
    "property odd returns no Boolean",
    "return what it expects",
)
refuse(
    "property that is always true",
    property_("return self.phase == self.phase", after="  # !"),
    "property odd is always True",
    "compare something that a step can change",
)
refuse(
    "property with a parameter",
    "@always\ndef odd(self, page: Page) -> Boolean:  # !\n    return self.flagged[page]",
    "property odd has parameters",
    "a property has only self: use every(...) or some(...)",
)
refuse(
    "assignment in a property",
    property_("self.phase = 'idle'  # !", "return self.busy()"),
    "property odd assigns phase",
    "a property only looks",
)
refuse(
    "require in a property",
    property_("require(self.busy())  # !", "return self.busy()"),
    "require(...) outside an action",
    "call it in the body of an @action",
)
refuse(
    "assign_every in a property",
    property_("assign_every(self.flagged, lambda page: True)  # !", "return self.busy()", mark="@sometimes"),
    "assign_every(...) outside an action",
    "call it in the body of an @action",
)
refuse(
    "comparison unused in a property",
    property_("implies(self.busy(), self.count == 1)  # !", "return self.busy()"),
    "property odd: nobody uses the result of \"implies(phase == 'busy', count == 1)\"",
    "pass it to require(...), assign it, or delete it",
)
refuse(
    "two terminal predicates",
    "@terminal\ndef ended(self) -> Boolean:\n    return self.busy()\n\n@terminal\ndef over(self) -> Boolean:  # !\n    return ~self.busy()",
    "two @terminal predicates",
    "join them with |",
)
refuse(
    "name of a Counter's range",
    '@always\ndef count_in_range(self) -> Boolean:  # !\n    """Odd."""\n    return self.busy()',
    "the name 'count_in_range' belongs to a Counter",
    "every Counter has such a property by itself",
)

# ---------------------------------------------------------------- declarations

refuse("variable that nothing reads", "spare = Flag(per=Page)  # !", "nothing in Case reads the variable spare", "use it or delete it")
refuse(
    "variable only written",
    "spare = Flag(  # !\n    per=Page\n)\n" + step("self.spare[page] = True"),
    "nothing in Case reads the variable spare",
    "use it or delete it",
)
refuse(
    "assumption that nothing reads",
    "spare = Assumption('it rains', protects='looks')  # !",
    "nothing in Case reads the assumption spare",
    "use it or delete it",
)
refuse(
    "assumption that protects nothing known",
    "dry = Assumption('it rains', protects=('looks', 'lokks'))  # !\n" + step("require(~self.dry)", "self.phase = 'idle'"),
    "dry protects 'lokks', which is no property of Case",
    "name one of count_in_range, looks, other_count_in_range",
)
refuse(
    "assumption that protects a situation",
    "dry = Assumption('it rains', protects='rare')  # !\n"
    + step("require(~self.dry)", "self.phase = 'idle'")
    + '\n@sometimes\ndef rare(self) -> Boolean:\n    """Rare."""\n    return self.busy()',
    "dry protects 'rare', which is no property of Case",
    "name one of count_in_range, looks, other_count_in_range",
)
refuse(
    "assumption without a sentence",
    "dry = Assumption('', protects='looks')  # !",
    "an Assumption without a sentence, or without a property that it protects",
    "give both",
)
refuse("Choice of one", "mode = Choice('only')  # !", "a Choice needs at least two literals, all different texts", "name them")
refuse(
    "Choice with a literal twice",
    "mode = Choice('on', 'off', 'on')  # !",
    "a Choice needs at least two literals, all different texts",
    "name them",
)
refuse(
    "unknown initial literal",
    "mode = Choice('on', 'off', initial='of')  # !",
    "unknown initial literal 'of'",
    "this Choice has 'on', 'off'",
)
refuse("Flag that is 1", "mode = Flag(initial=1)  # !", "a Flag is 1 initially", "give True, False or arbitrary")
refuse(
    "Counter out of its range",
    "mode = Counter(3, initial=4)  # !",
    "a Counter up to 3 is 4 initially",
    "give a whole number within its range, or arbitrary",
)
refuse("negative Counter", "mode = Counter(-1)  # !", "a Counter up to -1", "give a whole number above 0, or one made with number_of(...)")
refuse(
    "array over no sort",
    "mode = Flag(per=int)  # !",
    "'per' holds something that is not an index sort",
    "give Page, Cpu, Device or your own subclass of Index",
)
refuse(
    "array over Index",
    "mode = Flag(per=Index)  # !",
    "'per' holds something that is not an index sort",
    "give Page, Cpu, Device or your own subclass of Index",
)
refuse(
    "array over three sorts", "mode = Flag(per=(Page, Cpu, Slot))  # !", "an array over more than two sorts", "use one or two index sorts"
)
refuse(
    "constant of no sort",
    "zero = Constant(Content)  # !",
    "a Constant of something that is not an index sort",
    "give Page, Cpu, Device or your own subclass of Index",
)
refuse(
    "Flag extended",
    "flagged = Machine.flagged.extended('x')  # !",
    "flagged is no Choice, and only a Choice can be extended",
    "declare a new variable",
)
refuse(
    "Choice extended by what it has",
    "phase = Machine.phase.extended('busy')  # !",
    "a Choice needs at least two literals, all different texts",
    "name them",
)
refuse("Choice extended by nothing", "phase = Machine.phase.extended()  # !", "phase is extended by nothing", "name the new literals")
refuse(
    "declaration under two names",
    "mode = switch = Flag()  # !",
    "'switch' is the 'mode' of the same or another class",
    "declare it anew: a name, a variable",
)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_design_that_is_refused(name: str, load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    body, what, remedy = ACTIONS[name]
    refused_at_the_mark(load, tmp_path, PART + "class Case(Machine, Design):\n" + textwrap.indent(body, "    ") + "\n", what, remedy)


def refused_at_the_mark(load: Callable[[str], ModuleType], folder: Path, text: str, what: str, remedy: str) -> None:
    (line,) = [number for number, words in enumerate(text.splitlines(), 1) if words.endswith("# !")]
    with pytest.raises(DesignError) as caught:
        load(text)
    assert str(caught.value) == f"{folder / 'design.py'}:{line}: {what}; {remedy}"
    assert (caught.value.file, caught.value.line, caught.value.what, caught.value.remedy) == (str(folder / "design.py"), line, what, remedy)


# ---------------------------------------------------------------- whole classes

CLASSES = {
    "an action defined twice": (
        """
        class Case(Machine, Design):
            @action
            def step(self) -> None:
                self.phase = "busy"

            @action  # !
            def step(self) -> None:
                self.phase = "idle"
        """,
        "'step' is defined twice in one class",
        "rename one: Python keeps the second only",
    ),
    "a variable and an action of one name": (
        """
        class Case(Machine, Design):
            step = Flag()

            @action  # !
            def step(self) -> None:
                self.phase = "busy"
        """,
        "'step' is defined twice in one class",
        "rename one: Python keeps the second only",
    ),
    "a property in both senses": (
        '''
        class Case(Machine, Design):  # !
            @property
            @always
            def idle(self) -> Boolean:
                """It is idle."""
                return self.phase == "idle"
        ''',
        "Case.idle is marked @always, but is no plain method",
        "leave the other decorator out",
    ),
    "an action that is a static method": (
        """
        class Case(Machine, Design):  # !
            @staticmethod
            @action
            def step(self) -> None:
                self.phase = "idle"
        """,
        "Case.step is marked @action, but is no plain method",
        "leave the other decorator out",
    ),
    "variables in a list": (
        """
        class Case(Machine, Design):  # !
            flags = [Flag(), Flag()]
        """,
        "Case.flags holds variables that have no name",
        "give each a name, or declare an array with 'per'",
    ),
    "a parameter of another action": (
        """
        kept = []

        class Case(Machine, Design):
            @action
            def first(self, one: Page) -> None:
                kept.append(one)
                self.flagged[one] = True

            @action
            def second(self, page: Page) -> None:
                self.flagged[page] = self.in_use[kept[0]]  # !
        """,
        "action second uses the parameter one of another",
        "make it a parameter of this one",
    ),
    "an action without self": (
        """
        class Case(Machine, Design):
            @action
            def step(page: Page) -> None:  # !
                page.phase = "busy"
        """,
        "action step has no self",
        "make it its first parameter",
    ),
    "two mixins with one action": (
        """
        class Timer(Part):
            @action
            def write(self, page: Page) -> None:
                self.image[page] = self.memory[page]

        class Case(Machine, Timer, Design):  # !
            pass
        """,
        "Machine and Timer both have 'write'",
        "rename one, or define it in Case and say there what is meant",
    ),
    "two mixins with one variable": (
        """
        class Timer(Part):
            count = Counter(2)

        class Case(Timer, Machine, Design):  # !
            pass
        """,
        "Timer and Machine both have 'count'",
        "rename one, or define it in Case and say there what is meant",
    ),
    "two mixins with one helper": (
        """
        class Timer(Part):
            def busy(self) -> Boolean:
                return Boolean("literal", True)

        class Case(Machine, Timer, Design):  # !
            pass
        """,
        "Machine and Timer both have 'busy'",
        "rename one, or define it in Case and say there what is meant",
    ),
    "two mixins that override one action": (
        """
        class First(Machine):
            @action
            def write(self, page: Page) -> None:
                self.image[page] = self.memory[page]

        class Second(Machine):
            @action
            def write(self, page: Page) -> None:
                self.image[page] = self.memory[page]

        class Case(First, Second, Design):  # !
            pass
        """,
        "First and Second both have 'write'",
        "rename one, or define it in Case and say there what is meant",
    ),
    "action overridden without its decorator": (
        """
        class Case(Machine, Design):  # !
            def write(self, page: Page) -> None:
                self.image[page] = self.memory[page]
        """,
        "Case.write hides Machine.write without its decorator",
        "decorate it like the one it overrides",
    ),
    "property overridden without its decorator": (
        """
        class Case(Machine, Design):  # !
            def looks(self) -> Boolean:
                return self.busy()
        """,
        "Case.looks hides Machine.looks without its decorator",
        "decorate it like the one it overrides",
    ),
    "property weakened": (
        '''
        class Case(Machine, Design):  # !
            @sometimes
            def looks(self) -> Boolean:
                """It is as it should be, once."""
                return self.busy()
        ''',
        "Case.looks is marked @sometimes, Machine.looks is marked @always",
        "give it another name",
    ),
    "variable overridden by an action": (
        """
        class Case(Machine, Design):  # !
            @action
            def colour(self) -> None:
                self.count = 1
        """,
        "Case.colour is marked @action, Machine.colour is a variable",
        "give it another name",
    ),
    "action removed": (
        """
        class Case(Machine, Design):  # !
            write = None
        """,
        "Case.write hides Machine.write without its decorator",
        "decorate it like the one it overrides",
    ),
    "variable of another class": (
        """
        class Case(Machine, Design):  # !
            second_phase = Machine.phase
        """,
        "'second_phase' is the 'phase' of the same or another class",
        "declare it anew: a name, a variable",
    ),
    "underscore": (
        """
        class Case(Machine, Design):  # !
            @action
            def _step(self) -> None:
                self.count = 1
        """,
        "the name '_step' belongs to the language",
        "choose another, without an underscore in front",
    ),
    "no action": (
        '''
        class Case(Design):  # !
            """Nothing."""
        ''',
        "Case has no action",
        "write one, or make it a Part",
    ),
    "two sorts of one name": (
        """
        class Other:
            class Slot(Index):
                pass

        class Case(Machine, Design):  # !
            used = Flag(per=(Slot, Other.Slot))

            @action
            def step(self, slot: Slot, other: Other.Slot) -> None:
                self.used[slot, other] = ~self.used[slot, other]
        """,
        "two sorts of Case are called Slot",
        "rename one, or set its 'plural'",
    ),
    "a sort called contents": (
        """
        class Mapping(Index):  # !
            plural = "contents"
        """,
        "'contents' is no plural for the sort Mapping",
        "set 'plural' to a name that sizes do not use yet",
    ),
    "an instance": (
        """
        class Case(Machine, Design):
            pass

        Case()  # !
        """,
        "an instance of Case is made",
        "a design has none: pass the class, or machine_of(the class)",
    ),
    "the machine of a part": ("machine_of(Machine)  # !\n", "Machine is no design", "make a subclass of Design"),
    "require outside": ("require(True)  # !\n", "require(...) outside an action", "call it in the body of an @action"),
    "a written variable read through super": (
        """
        class Case(Machine, Design):
            @action
            def write(self, page: Page) -> None:
                super().write(page)
                require(self.image[page] != self.memory[page])  # !
        """,
        "image is read after it was written in action write (which value is meant?)",
        "all updates happen at once: read it before the first assignment",
    ),
    "an inherited write repeated": (
        """
        class Case(Machine, Design):
            @action
            def write(self, page: Page) -> None:
                super().write(page)
                self.image[page] = self.memory[page]  # !
        """,
        "image is written twice in action write",
        "write each cell once (an inherited action's writes count)",
    ),
    "an inherited condition contradicted": (
        """
        class Early(Machine):
            @action
            def write(self, page: Page) -> None:
                require(self.phase == "idle")  # !
                self.image[page] = self.memory[page]

        class Case(Early, Design):
            @action
            def write(self, page: Page) -> None:
                require(self.phase == "busy")
                super().write(page)
        """,
        "the guard of write is always false at 'self.phase == \"idle\"'",
        "it contradicts another condition",
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_that_are_refused(name: str, load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    text, what, remedy = CLASSES[name]
    refused_at_the_mark(load, tmp_path, PART + textwrap.dedent(text), what, remedy)


def test_the_part_itself_is_accepted(load: Callable[[str], ModuleType]) -> None:
    """Otherwise the cases above could be refused for what the part does."""
    load(PART + "class Case(Machine, Design):\n    pass\n")


def test_an_action_that_calls_itself(load: Callable[[str], ModuleType]) -> None:
    body = step("self.step(page, other, cpu, content)")
    with pytest.raises(DesignError, match="action step cannot be recorded: RecursionError: maximum recursion depth exceeded"):
        load(PART + "class Case(Machine, Design):\n" + textwrap.indent(body, "    "))


def test_a_name_is_searched_for_among_variables_and_methods(load: Callable[[str], ModuleType]) -> None:
    with pytest.raises(DesignError, match="did you mean 'write'"):
        load(PART + "class Case(Machine, Design):\n" + textwrap.indent(step("self.wirte(page)"), "    "))
