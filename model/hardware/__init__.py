"""The parts of the machine that designs stand on, as unkind as real hardware, in steps as small as another actor can see."""

from .devices import Devices
from .processors import Processors
from .reserve import Reserve

__all__ = ["Devices", "Processors", "Reserve"]
