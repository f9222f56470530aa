"""What is true of machines and snapshots: the language, the hardware, the designs. No engine is in here."""

from .declarations import Assumption, Choice, Constant, Contents, Counter, Flag, arbitrary
from .errors import DesignError
from .machine import Machine, Sizes, number_of
from .recording import Design, LeadsTo, Part, action, always, assign_every, eventually, leads_to, machine_of, require, sometimes, terminal
from .terms import Boolean, Content, Cpu, Device, Each, Index, Number, Page, every, implies, ite, some

__all__ = [
    "Assumption", "Boolean", "Choice", "Constant", "Content", "Contents", "Counter", "Cpu", "Design", "DesignError", "Device", "Each",
    "Flag", "Index", "LeadsTo", "Machine", "Number", "Page", "Part", "Sizes", "action", "always", "arbitrary", "assign_every",
    "eventually", "every", "implies", "ite", "leads_to", "machine_of", "number_of", "require", "some", "sometimes", "terminal",
]
