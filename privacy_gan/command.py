"""How commands end when something is in the way: one line, an exit code, no traceback."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import ParamSpec

from omegaconf.errors import MissingMandatoryValue

from privacy_gan.errors import Interrupted, UserError

Arguments = ParamSpec("Arguments")

MISTAKE = 2  # the shell's own exit code for a command that was given wrongly


def in_one_line(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Wrap a command so that what a user can mend, or did, is said in one line.

    HYDRA_FULL_ERROR=1 shows the traceback of a mistake all the same.
    """

    @functools.wraps(command)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            if os.environ.get("HYDRA_FULL_ERROR") == "1":
                raise
            end(f"error: {error}", MISTAKE)
        except MissingMandatoryValue as error:
            end(f"error: {error.full_key} has no value: give one, {error.full_key}=...", MISTAKE)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            end(f"error: no space left to write {error.filename}: free some and repeat", MISTAKE)
        except Interrupted as interruption:
            end(f"interrupted: {interruption}", interruption.exit_code)
        except KeyboardInterrupt:
            end("interrupted: repeat the command to go on", 128 + signal.SIGINT)

    return wrapped


def end(message: str, exit_code: int) -> None:
    """Say a message on one line of the error stream and leave."""
    print(" ".join(message.split()), file=sys.stderr)
    raise SystemExit(exit_code)
