"""The command ``thawcheck``: the door to all rooms, and the place where every failure becomes one line and an exit status."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from .. import __version__
from ..model.errors import DesignError
from .errors import CommandError, ExpectationError

COMMANDS = ("verify", "explore", "prove", "diff", "record", "replay", "show", "designs")


class _Commands(click.Group):
    """Each command is the function of its name in the module of its name, which is imported when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{name}", __package__), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="thawcheck")
def commands() -> None:
    """Does what thaws equal what froze? Checks designs that save and load the memory of a running machine.

    \b
    Exit status: 0 holds; 12 a property is violated, 11 deadlock, 13 a run never gets where it should, 14 vacuous;
    20 a trace is not a behaviour of the design; 21 inconclusive or unknown; 2 wrong usage or unreadable input;
    130 interrupted; 1 a built-in expectation failed.
    """


def main() -> None:
    """Runs the command line and leaves with its exit status; prints at most one line for whatever goes wrong."""
    sys.exit(_run())


def _run() -> int:
    try:
        with commands.make_context("thawcheck", sys.argv[1:]) as context:
            status = commands.invoke(context)
        sys.stdout.flush()
        return int(status or 0)
    except click.exceptions.Exit as leaving:  # --help and --version
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as fault:
        print(fault.format_message())
        return 2
    except click.ClickException as fault:
        return _complain(fault.format_message(), 2)
    except (CommandError, DesignError) as fault:
        return _complain(str(fault), 2)
    except ExpectationError as fault:
        return _complain(str(fault), 1)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted; nothing was written", 130)
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _complain("out of memory; give --memory or smaller sizes", 21)
    except OSError as fault:
        return _complain(f"{fault.filename or 'the system'}: {fault.strerror or fault}", 2)
    except Exception as fault:
        if os.environ.get("THAWCHECK_DEBUG"):
            raise
        return _complain(f"internal error: {type(fault).__name__}: {fault}; THAWCHECK_DEBUG=1 shows where; please report it", 1)


def _complain(text: str, status: int) -> int:
    print("thawcheck: " + " ".join(text.split()), file=sys.stderr)
    return status
