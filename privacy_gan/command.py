"""How commands end when something is in the way: one line, an exit code, no traceback."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

from omegaconf.errors import MissingMandatoryValue

from privacy_gan.errors import Interrupted, UserError

Arguments = ParamSpec("Arguments")


def in_one_line(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Wrap a command so that what a user can mend, or did, is said in one line."""

    @functools.wraps(command)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            end(str(error), exit_code=2)
        except MissingMandatoryValue as error:
            end(f"{error.full_key} has no value: give one with {error.full_key}=...", exit_code=2)
        except Interrupted as interruption:
            end(str(interruption), interruption.exit_code)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            end(f"no space left to write {error.filename}: free some and repeat the command", 2)

    return wrapped


def end(message: str, exit_code: int) -> None:
    """Say a message on one line of the error stream and leave."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(exit_code)
