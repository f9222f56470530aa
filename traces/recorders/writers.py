"""The machine whose memory is recorded, in a process of its own: memory under userfaultfd, and threads that are its writing CPUs.

This file is run as a script, and imports nothing but the standard library. Its memory is a shared file that the recorder maps as well, so
that the recorder reads and writes pages past the write protection, which belongs to this process's mapping. The kernel's constants are
those of include/uapi/linux/userfaultfd.h and of the system call tables.

A store is one call of C's modf, which writes eight bytes to an address with one instruction. (memmove and memset of eight bytes write twice
to the same place; a protection set between the two would make one store look like two.) The call lets go of Python's global lock, so that a
thread that waits in a fault keeps none of the others waiting; and since taking it again is a memory barrier, the store has left the
processor's store buffer when its end is noted.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import random
import signal
import socket
import struct
import sys
import threading
import time
from array import array
from typing import Any

PAGE_SIZE = 4096
"""Bytes."""

STORE, ALLOCATE, FREE = range(3)
"""What a log entry says that a CPU did: (what, page, stamp, begin, end), the stamp being the number that a store wrote."""

SYSTEM_CALL = {"x86_64": 323, "aarch64": 282, "riscv64": 282}
"""The number of userfaultfd(2) by machine."""

UFFD_USER_MODE_ONLY = 1
UFFD_API = 0xAA
UFFDIO_API = 0xC018AA3F
UFFDIO_REGISTER = 0xC020AA00
UFFDIO_REGISTER_MODE_WP = 1 << 1
FEATURES = {
    "UFFD_FEATURE_PAGEFAULT_FLAG_WP": 1 << 0,
    "UFFD_FEATURE_THREAD_ID": 1 << 8,
    "UFFD_FEATURE_WP_HUGETLBFS_SHMEM": 1 << 12,
}
PR_SET_PDEATHSIG = 1

_API = struct.Struct("=QQQ")
_REGISTER = struct.Struct("=QQQQ")
_LENGTH = struct.Struct("=Q")


class Unavailable(Exception):
    """This machine cannot do it; the text says what is missing and what to do."""


class Control:
    """Bytes that recorder and writers share.

    Requests: to each CPU to stop, to all to store to more pages from now on, and permission to allocate. For each page whether it is in
    use, and whether it is flagged.
    """

    def __init__(self, descriptor: int, pages: int, cpus: int) -> None:
        self.bytes = mmap.mmap(descriptor, self.size(pages, cpus))
        self.widen = 0
        self.allocating = 1
        self.stop = 2
        self.in_use = self.stop + cpus
        self.flagged = self.in_use + pages

    @staticmethod
    def size(pages: int, cpus: int) -> int:
        """Length in bytes."""
        return 2 + cpus + 2 * pages


class FrameLock:
    """A lock between processes over what is free and what is in use: one byte in a pipe, held by whoever has read it."""

    def __init__(self, read: int, write: int) -> None:
        self.read, self.write = read, write

    def __enter__(self) -> None:
        os.read(self.read, 1)

    def __exit__(self, *_: object) -> None:
        os.write(self.write, b"\0")


def send(channel: socket.socket, message: bytes) -> None:
    """Send one message."""
    channel.sendall(_LENGTH.pack(len(message)) + message)


def receive(channel: socket.socket) -> bytes:
    """Receive one message. Raises ConnectionError if the other side is gone."""
    (length,) = _LENGTH.unpack(_receive_exactly(channel, _LENGTH.size))
    return _receive_exactly(channel, length)


def _receive_exactly(channel: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        part = channel.recv(min(1 << 20, length - len(received)))
        if not part:
            raise ConnectionError("the other process is gone")
        received += part
    return bytes(received)


def open_userfaultfd() -> int:
    """A userfaultfd that reports the write-protection faults of user code in shared memory. Raises Unavailable."""
    number = SYSTEM_CALL.get(platform.machine())
    if sys.platform != "linux" or number is None:
        raise Unavailable(f"userfaultfd is not known on {sys.platform} {platform.machine()}: record on Linux, x86-64, AArch64 or RISC-V")
    library = ctypes.CDLL(None, use_errno=True)

    def opened() -> int:
        descriptor: int = library.syscall(number, os.O_CLOEXEC | os.O_NONBLOCK | UFFD_USER_MODE_ONLY)
        if descriptor >= 0:
            return descriptor
        code = ctypes.get_errno()
        raise Unavailable({
            errno.ENOSYS: "this kernel has no userfaultfd: use one built with CONFIG_USERFAULTFD",
            errno.EINVAL: "this kernel has no userfaultfd for user faults only: use Linux 5.19 or later",
            errno.EPERM: "userfaultfd is forbidden here (a container's seccomp profile does that): allow the system call userfaultfd",
        }.get(code, f"userfaultfd fails ({os.strerror(code)}): free some resources, or record elsewhere"))

    query = opened()
    try:
        answer = bytearray(_API.pack(UFFD_API, 0, 0))
        fcntl.ioctl(query, UFFDIO_API, answer)
        offered = _API.unpack(answer)[1]
    finally:
        os.close(query)
    missing = [name for name, bit in FEATURES.items() if not offered & bit]
    if missing:
        raise Unavailable(f"this kernel's userfaultfd lacks {', '.join(missing)}: use Linux 5.19 or later")
    descriptor = opened()
    fcntl.ioctl(descriptor, UFFDIO_API, bytearray(_API.pack(UFFD_API, sum(FEATURES.values()), 0)))
    return descriptor


class Cpu(threading.Thread):
    """One writing CPU during one half of the run: it stores, allocates and frees until it is asked to stop."""

    def __init__(self, machine: "Machine", plan: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.machine = machine
        self.number: int = plan["cpu"]
        self.hot: list[int] = plan["hot"]
        self.warm: list[int] = plan["warm"]
        self.late: list[int] = plan["late"]
        self.pause: float = plan["pause"]
        self.allocations: int = plan["allocations"]
        self.allocate_every: int = plan["allocate_every"]
        self.may_free = set(plan["may_free"])
        self.flag_allocated: bool = plan["flag_allocated"]
        self.stamp: int = plan["first_stamp"]
        self.random = random.Random(plan["seed"])
        self.to_free: list[int] = []
        self.log = array("q")

    def run(self) -> None:
        machine, control, choose = self.machine, self.machine.control.bytes, self.random
        base, store, now = machine.address, machine.store, time.monotonic_ns
        machine.started.wait()
        step = allocation_due = 0
        while not control[machine.control.stop + self.number]:
            if step >= allocation_due and control[machine.control.allocating]:
                self.allocate_or_free()
                allocation_due = step + self.allocate_every
            step += 1
            if control[machine.control.widen] and self.late:
                self.warm, self.late = self.warm + self.late, []
            for _ in range(choose.randrange(1, 4)):
                page = choose.choice(self.hot if choose.random() < 0.9 else self.warm)
                self.stamp += 1
                address = base + page * PAGE_SIZE
                begin = now()
                store(self.stamp, address)
                end = now()
                self.log.extend((STORE, page, self.stamp, begin, end))
            time.sleep(2 * self.pause * (0.5 + choose.random()))
        os.write(machine.stopped, bytes([self.number]))

    def allocate_or_free(self) -> None:
        """Take a free page and store to it from now on, or give one back, if the plan has something of the kind left."""
        if self.to_free:
            page = self.to_free.pop()
            self.hot.remove(page)
            with self.machine.frames:
                begin = time.monotonic_ns()
                self.machine.control.bytes[self.machine.control.in_use + page] = 0
                self.log.extend((FREE, page, 0, begin, time.monotonic_ns()))
            return
        if not self.allocations:
            return
        self.allocations -= 1
        control = self.machine.control
        with self.machine.frames:
            in_use = control.bytes[control.in_use : control.in_use + self.machine.pages]
            free = [page for page, used in enumerate(in_use) if not used]
            if not free:
                return
            page = self.random.choice(free)
            begin = time.monotonic_ns()
            if self.flag_allocated:
                control.bytes[control.flagged + page] = 1
            control.bytes[control.in_use + page] = 1
            self.log.extend((ALLOCATE, page, 0, begin, time.monotonic_ns()))
        self.hot.append(page)
        if page in self.may_free:
            self.to_free.append(page)


class Machine:
    """Memory of so many pages, registered with a userfaultfd."""

    def __init__(self, memory: int, control: Control, frames: FrameLock, stopped: int, pages: int) -> None:
        self.memory = mmap.mmap(memory, pages * PAGE_SIZE)
        self.control = control
        self.frames = frames
        self.stopped = stopped
        self.pages = pages
        self.started = threading.Event()
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.store = ctypes.CDLL(None).modf
        self.store.argtypes = [ctypes.c_double, ctypes.c_void_p]
        self.store.restype = ctypes.c_double

    def register(self) -> int:
        """Open a userfaultfd over the memory; raises Unavailable."""
        self.memory.madvise(mmap.MADV_NOHUGEPAGE)
        for page in range(self.pages):
            # A page that no page table maps yet is not protected by protecting it: touch all.
            self.memory[page * PAGE_SIZE] = self.memory[page * PAGE_SIZE]
        descriptor = open_userfaultfd()
        request = _REGISTER.pack(self.address, self.pages * PAGE_SIZE, UFFDIO_REGISTER_MODE_WP, 0)
        fcntl.ioctl(descriptor, UFFDIO_REGISTER, bytearray(request))
        return descriptor

    def run_half(self, channel: socket.socket, plans: list[dict[str, Any]]) -> None:
        """Run the CPUs of one half until the recorder has stopped them; then send what they did."""
        self.started.clear()
        cpus = [Cpu(self, plan) for plan in plans]
        for cpu in cpus:
            cpu.start()
        send(channel, json.dumps([cpu.native_id for cpu in cpus]).encode())
        receive(channel)
        self.started.set()
        for cpu in cpus:
            cpu.join()
        for cpu in cpus:
            send(channel, cpu.log.tobytes())


def main() -> None:
    """Serve one recording: descriptors and sizes come as arguments, the plan of each half over the socket."""
    channel_number, memory, control, frames_read, frames_write, stopped, pages, cpus = map(int, sys.argv[1:])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    channel = socket.socket(fileno=channel_number)
    machine = Machine(memory, Control(control, pages, cpus), FrameLock(frames_read, frames_write), stopped, pages)
    try:
        descriptor = machine.register()
    except Unavailable as error:
        channel.sendall(b"-")
        send(channel, str(error).encode())
        return
    except OSError as error:
        channel.sendall(b"-")
        send(channel, f"userfaultfd cannot protect shared memory here ({error.strerror}): use Linux 5.19 or later".encode())
        return
    socket.send_fds(channel, [b"+"], [descriptor])
    send(channel, json.dumps(machine.address).encode())
    os.close(descriptor)
    while True:
        try:
            plans = json.loads(receive(channel))
        except ConnectionError:
            return
        machine.run_half(channel, plans)


if __name__ == "__main__":
    main()
