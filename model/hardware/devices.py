"""Devices: they write memory past every page table, and their own state moves on with what they do."""

from __future__ import annotations

from .. import Constant, Device, Flag, Part, arbitrary


class Devices(Part):
    """Devices whose drivers saved their state at one instant, and which may go on working after it.

    ``advanced`` says that a device has done something since its driver's state was saved; that its registers might by chance be
    what they were counts as advanced too. ``resumes_from_any_state`` says that the driver sets the device up anew at resume
    instead of trusting that it is where the saved state says. The disk that takes the image is a device like the others, and it
    is busy by the nature of the thing.
    """

    image_disk = Constant(Device)

    advanced = Flag(per=Device)
    resumes_from_any_state = Flag(per=Device, initial=arbitrary)
