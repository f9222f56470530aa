"""Post-copy, or lazy restore: the guest runs before its memory is there, and a page that it touches is fetched.

QEMU, migration/postcopy-ram.c (with rounds of pre-copy before it, migration/ram.c, ram_postcopy_send_discard_bitmap, and with recovery
after a lost connection), and CRIU's lazy-pages daemon, both on userfaultfd's missing faults (Documentation/admin-guide/mm/
userfaultfd.rst). "Post-Copy Live Migration of Virtual Machines", Hines et al., 2009.
"""

from __future__ import annotations

from .. import (
    Assumption,
    Boolean,
    Choice,
    Content,
    Contents,
    Cpu,
    Design,
    Device,
    Flag,
    Page,
    action,
    always,
    assign_every,
    every,
    implies,
    require,
    some,
    sometimes,
    terminal,
)
from ..hardware import BackEnds


class PostCopy(BackEnds, Design):
    """Send some pages, stop the guest, let it run elsewhere, and bring each of the other pages before it is first seen.

    The atomic copy is the source's memory when its guest has stopped; the restored memory is the target's, of which nobody can see a
    page that is not there. A page that is touched is asked for, and all others are sent without being asked for; the source may send
    any page at any time, more than once. So it is left out whether it was asked.

    Left out: how the guest writes on the source, and how what it wrote is found (see precopy); caches of the target's table, because
    a page that is absent is never cached and none becomes absent while the guest runs; a target that fails, which is the end of the
    guest: from the moment it runs there, no machine has all of its memory.
    """

    phase = Choice("sending", "switching", "running", "complete")
    # -- the source
    source = Contents(per=Page)
    stale = Flag(per=Page)  # sent, and changed since
    kept = Flag(per=Page, initial=True)  # the source still has it
    # -- the target
    coming = Flag(per=Page)  # on its way
    settled = Flag(per=Page)  # its region lies where it will stay, and a missing page in it faults
    present = Flag(per=Page)
    waits = Flag(per=(Cpu, Page))
    # -- what the properties compare with
    expected = Contents(per=Page, ghost=True)  # memory at the atomic copy, and what the guest has stored since

    source_stopped = Assumption("the guest has stopped on the source when it is switched over", protects="restored")
    stale_discarded = Assumption("a page that was sent and has changed since is discarded before the guest runs", protects="restored")
    settled_before_run = Assumption("missing pages fault everywhere before the guest runs", protects="restored")
    settled_before_placed = Assumption("a page is placed when its region lies where it will stay", protects="restored")
    filled_before_seen = Assumption("a page becomes visible with its content in it, at once", protects="restored")
    late_page_dropped = Assumption("a page that arrives and is there already does not overwrite it", protects="restored")
    holes_stay_holes = Assumption("nothing fills a missing page with zeros: huge pages are off", protects="restored")
    nothing_past_tables = Assumption("no device or thread writes a page past the tables before it is there", protects="restored")
    nothing_given_back = Assumption("no page is given back while others are missing", protects="restored")
    kept_until_placed = Assumption("the source frees a page when it is known to be in its place", protects="nothing_lost")

    def powered(self) -> Boolean:
        """The guest runs on the target."""
        return self.phase == "running"

    def in_guest(self, cpu: Cpu) -> Boolean:
        """This CPU executes the guest's code on the target."""
        return self.powered() & every(Page, lambda page: ~self.waits[cpu, page])

    def stored(self, page: Page, content: Content) -> None:
        """What happens at every store on the target."""
        self.memory[page] = content
        self.expected[page] = content

    # ------------------------------------------------------------ while the guest runs on the source

    @action
    def store_at_source(self, page: Page, content: Content) -> None:
        """The guest writes a page where it was."""
        require(self.phase != "complete", implies(self.source_stopped, self.phase == "sending"))
        self.source[page] = content
        self.stale[page] = self.present[page]

    @action
    def send_early(self, page: Page) -> None:
        """A page is sent in a round of pre-copy, and is there before the switch."""
        require(self.phase == "sending")
        self.memory[page] = self.source[page]
        self.present[page] = True
        self.stale[page] = False

    @action
    def switch(self) -> None:
        """The guest is stopped, to be run on the target. This instant is the snapshot."""
        require(self.phase == "sending")
        self.phase = "switching"
        assign_every(self.expected, lambda page: self.source[page])

    # ------------------------------------------------------------ preparing the target

    @action
    def discard(self, page: Page) -> None:
        """A page that has changed since it was sent is discarded (postcopy_ram_discard_range)."""
        require(self.phase == "switching", self.stale[page])
        self.present[page] = False
        self.stale[page] = False

    @action
    def settle(self, page: Page) -> None:
        """A region is moved to its place and registered: who touches a missing page in it waits (UFFDIO_REGISTER)."""
        require(self.phase == "switching", ~self.settled[page])
        self.settled[page] = True

    @action
    def run(self) -> None:
        """The guest runs on the target."""
        require(self.phase == "switching")
        require(implies(self.stale_discarded, every(Page, lambda page: ~self.stale[page])))
        require(implies(self.settled_before_run, every(Page, lambda page: self.settled[page])))
        self.phase = "running"

    # ------------------------------------------------------------ while pages arrive

    @action
    def send(self, page: Page) -> None:
        """The source sends a page: asked for or not, for the first time or again."""
        require((self.phase == "switching") | self.powered(), self.kept[page], ~self.coming[page])
        self.coming[page] = True

    @action
    def place(self, page: Page) -> None:
        """A page arrives and is put into its place (UFFDIO_COPY)."""
        require((self.phase == "switching") | self.powered(), self.coming[page])
        require(implies(self.settled_before_placed, self.settled[page]), implies(self.late_page_dropped, ~self.present[page]))
        self.memory[page] = self.source[page]
        self.present[page] = True
        self.coming[page] = False

    @action
    def drop_late(self, page: Page) -> None:
        """A page arrives that is there already, and is dropped (UFFDIO_COPY says EEXIST)."""
        require(self.powered(), self.coming[page], self.present[page])
        self.coming[page] = False

    @action
    def lose_connection(self) -> None:
        """The connection fails, and what was on its way is lost; another one is made (postcopy-recover)."""
        require(self.powered(), some(Page, lambda page: self.coming[page]))
        assign_every(self.coming, lambda page: False)

    @action
    def free_at_source(self, page: Page) -> None:
        """The source frees a page."""
        require(self.powered(), self.kept[page], implies(self.kept_until_placed, self.present[page]))
        self.kept[page] = False

    @action
    def complete(self) -> None:
        """Every page is there."""
        require(self.powered(), every(Page, lambda page: self.present[page]))
        self.phase = "complete"

    # ------------------------------------------------------------ the guest on the target

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A CPU stores to a page that is there."""
        require(self.in_guest(cpu), self.present[page])
        self.stored(page, content)

    @action
    def touch(self, cpu: Cpu, page: Page) -> None:
        """A CPU reads or writes a page that is missing: it waits."""
        require(self.in_guest(cpu), ~self.present[page], self.settled[page])
        self.waits[cpu, page] = True

    @action
    def wake(self, cpu: Cpu, page: Page) -> None:
        """The page is there, and whoever waited for it goes on."""
        require(self.powered(), self.waits[cpu, page], self.present[page])
        self.waits[cpu, page] = False

    @action
    def write_past_tables(self, device: Device, page: Page, content: Content) -> None:
        """A back end writes a page that is there."""
        require(self.powered(), self.present[page])
        self.stored(page, content)

    # ------------------------------------------------------------ what only happens without an assumption

    @action
    def touch_unsettled(self, cpu: Cpu, page: Page, zeros: Content) -> None:
        """A CPU touches a missing page that nobody is told about: the kernel gives it zeros."""
        require(~self.settled_before_run)
        require(self.in_guest(cpu), ~self.present[page], ~self.settled[page])
        self.fill(page, zeros)

    @action
    def place_before_settled(self, page: Page, elsewhere: Page) -> None:
        """A page is placed by an address at which another page lies by now."""
        require(~self.settled_before_placed)
        require(self.phase == "switching", self.coming[page], ~self.settled[page])
        self.memory[elsewhere] = self.source[page]
        self.coming[page] = False

    @action
    def show_before_filled(self, page: Page, found: Content) -> None:
        """A page becomes visible, and its content is still to be copied into it."""
        require(~self.filled_before_seen)
        require(self.powered(), self.coming[page], ~self.present[page])
        self.fill(page, found)

    @action
    def collapse(self, page: Page, zeros: Content) -> None:
        """A huge page takes the place of small ones, with zeros where one of them is missing (khugepaged)."""
        require(~self.holes_stay_holes)
        require((self.phase == "switching") | self.powered(), ~self.present[page])
        self.fill(page, zeros)

    @action
    def write_missing_past_tables(self, device: Device, page: Page, rest: Content) -> None:
        """A back end writes one word of a page that is missing; the others are what they are."""
        require(~self.nothing_past_tables)
        require(self.powered(), self.working[device], ~self.present[page])
        self.fill(page, rest)

    @action
    def give_back(self, page: Page, zeros: Content) -> None:
        """The guest gives a page back through its balloon; it reads as zeros, until it is missed and fetched."""
        require(~self.nothing_given_back)
        require(self.powered(), self.present[page])
        self.present[page] = False
        self.expected[page] = zeros

    def fill(self, page: Page, content: Content) -> None:
        """A missing page is there, with a content that nobody has brought."""
        self.memory[page] = content
        self.present[page] = True

    # ------------------------------------------------------------ what is expected

    @always
    def restored(self) -> Boolean:
        """Each page of the restored memory, when it is first seen, equals that of the atomic copy; later it is as the guest left it."""
        return implies(
            self.powered() | (self.phase == "complete"),
            every(Page, lambda page: implies(self.present[page], self.memory[page] == self.expected[page])),
        )

    @always
    def nothing_lost(self) -> Boolean:
        """A page that is missing on the target is still to be had from the source, or on its way."""
        return implies(self.powered(), every(Page, lambda page: self.present[page] | self.coming[page] | self.kept[page]))

    @sometimes
    def waited_for(self) -> Boolean:
        """One CPU waits for a page, and another one runs."""
        return some(Cpu, lambda cpu: self.in_guest(cpu)) & some(Page, lambda page: some(Cpu, lambda cpu: self.waits[cpu, page]))

    @sometimes
    def late_page(self) -> Boolean:
        """A page arrives for the second time, when the guest has written it already."""
        return self.powered() & some(Page, lambda page: self.coming[page] & self.present[page] & (self.memory[page] != self.source[page]))

    @sometimes
    def freed_while_others_missing(self) -> Boolean:
        """The source has freed a page, and another one is still missing on the target."""
        return self.powered() & some(Page, lambda page: ~self.kept[page]) & some(Page, lambda page: ~self.present[page])

    @sometimes
    def all_there(self) -> Boolean:
        """All memory is on the target."""
        return self.phase == "complete"

    @terminal
    def ended(self) -> Boolean:
        """All memory is on the target."""
        return self.phase == "complete"
