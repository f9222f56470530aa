"""thawcheck: does what thaws equal what froze? A formal model of memory snapshots, and a checker around it."""

__version__ = "0.1.0"
