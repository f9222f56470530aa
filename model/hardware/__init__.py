"""The parts of the machine that designs stand on, as unkind as real hardware, in steps as small as another actor can see."""

from .commands import Channel, Channels, LogSwitchedOnLater
from .devices import Devices
from .dirty_log import BackEndLog, ProcessorLog, SaverBitmap
from .disk import Disk
from .epochs import ImageChain
from .external import External
from .large_pages import Alias, Aliases, LargeMapping
from .page_life import PageLife, ProcessPages
from .pending_flush import PendingFlush
from .processors import Processors
from .reserve import Reserve
from .safe_frames import SafeFrames
from .store_buffers import Location, StoreBuffers
from .waiting import Actor, Waiting
from .words import TornReads, Word, WordByWord
from .writers import BackEnds, GuestMemory, VirtualProcessors

__all__ = [
    "Actor",
    "Alias",
    "Aliases",
    "BackEndLog",
    "BackEnds",
    "Channel",
    "Channels",
    "Devices",
    "Disk",
    "External",
    "GuestMemory",
    "ImageChain",
    "LargeMapping",
    "Location",
    "LogSwitchedOnLater",
    "PageLife",
    "PendingFlush",
    "ProcessPages",
    "ProcessorLog",
    "Processors",
    "Reserve",
    "SafeFrames",
    "SaverBitmap",
    "StoreBuffers",
    "TornReads",
    "VirtualProcessors",
    "Waiting",
    "Word",
    "WordByWord",
]
