"""What the events of a recorded run mean for the 2010 proposal."""

from __future__ import annotations

from typing import Final

from ..events import Does, EventMapping, Meaning, Observes, Witnesses


def _does(*actions: str) -> Meaning:
    return Meaning((Does(actions),))


_FLUSH: Final = Does(("flush",), each="cpu")
_COMMITTED: Final = (("phase", "off"),)
_RESUMED: Final = (("phase", "resumed"),)

EVENTS: Final = EventMapping(
    kinds={
        "memory_at_start": Meaning(observes=(Observes("memory", "content"), Observes("in_use", "in_use"))),
        "save_driver_state": _does("save_driver_state"),
        "protect": Meaning((Does(("protect", "protect_existing", "protect_late")), _FLUSH)),
        "begin_writing": _does("begin_writing"),
        "store": _does("store"),
        "fault": _does("trap"),
        "flag": _does("flag"),
        "unprotect": _does("unprotect"),
        "write_page": Meaning(
            (Does(("write_page",)),), (Observes("image", "content"),), (Witnesses("image", "content", _COMMITTED, given="commit"),)
        ),
        "begin_stopping": _does("begin_stopping"),
        "stop_cpu": _does("stop_cpu"),
        "begin_copying": _does("begin_copying"),
        "truth_at_copy": Meaning(
            observes=(Observes("snapshot", "content"),), witnesses=(Witnesses("snapshot", "content"), Witnesses("in_image"))
        ),
        "copy_page": Meaning((Does(("copy_page",)),), (Observes("later", "content"),)),
        "begin_writing_copies": _does("begin_writing_copies"),
        "write_copy": Meaning(
            (Does(("write_copy",)),),
            (Observes("later", "content"),),
            (
                Witnesses("later", "content", _COMMITTED, given="commit"),
                Witnesses("later_on_disk", when=_COMMITTED, given="commit", absent=False),
            ),
        ),
        "commit": _does("commit"),
        "allocate": _does("allocate", "allocate_while_loading", "allocate_unnoticed", "map_unnoticed"),
        "free": _does("free"),
        "boot": _does("boot"),
        "memory_at_boot": Meaning(
            observes=(Observes("memory", "content"), Observes("in_use", "in_use"), Observes("in_image", "in_image")),
            witnesses=(Witnesses("in_image", "in_image"),),
        ),
        "claim": _does("claim"),
        "load_directly": Meaning((Does(("load_directly",)),), (Observes("memory", "content"),)),
        "read_page": Meaning((Does(("load_page",)),), (Observes("held", "content"),)),
        "discard": _does("discard"),
        "stage": _does("stage"),
        "release": _does("release"),
        "keep": Meaning((Does(("keep",)),), (Observes("kept", "content"),)),
        "recheck": _does("recheck"),
        "begin_suspending": _does("begin_suspending"),
        "suspend_drivers": _does("suspend_drivers"),
        "begin_restoring": _does("begin_restoring"),
        "restore_page": Meaning((Does(("restore_page",)),), (Observes("memory", "content"),)),
        "truth_after_restore": Meaning(
            observes=(Observes("memory", "content"),), witnesses=(Witnesses("memory", "content", _RESUMED),)
        ),
        "resume": _does("resume"),
    },
    # One request protects all pages that it concerns and has every TLB flushed.
    over_all_pages={"protect": Meaning((Does(("protect",), attempted=True), _FLUSH))},
    unseen=("walk", "evict", "flush"),
    unseen_with_devices=("work", "write_by_dma"),
)
