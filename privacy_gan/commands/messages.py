"""One-line messages for errors that a user can fix."""

from __future__ import annotations

import re

from hydra.errors import CompactHydraException, ConfigCompositionException, OverrideParseException
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import MarkedYAMLError

from privacy_gan.commands.user_files import UserFiles
from privacy_gan.config.declared_config import (
    DeclaredConfig,
    describe_values,
    explain_copy,
    get_by_path,
    unknown_option_error,
    unresolved_settings,
)
from privacy_gan.errors import DISK_FULL, UserError, UserErrors, is_out_of_memory


def messages_for(error: Exception) -> list[str]:
    """Return the messages for an error that a user can fix; empty for any other error."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return [f"no space left to write {error.filename}: free some space and repeat the command"]
    if is_out_of_memory(error):
        cause = " ".join(str(error).split())[:200] or "MemoryError"
        return [
            f"not enough memory ({cause}): reduce data.batch_size, image_size or width, or run "
            "fewer programs at the same time, and repeat the command; saved progress is kept"
        ]
    if isinstance(error, UserErrors):
        return [format_error(each) for each in error.errors]
    if isinstance(error, UserError | CompactHydraException | OmegaConfBaseException):
        return [format_error(error)]
    return []


def format_error(error: Exception) -> str:
    """Return an error's message for users."""
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} has no value: give one, {error.full_key}=..."
    is_hydras = isinstance(error, CompactHydraException)
    return shorten_hydra_message(str(error)) if is_hydras else str(error)


def shorten_hydra_message(message: str) -> str:
    """Return Hydra's message without its search path, and with the choices on one line."""
    text, _, choices = message.partition("Config search path:")[0].partition("Available options")
    if not choices:
        return text
    group, *names = choices.splitlines()
    listed = ", ".join(name.strip() for name in names if name.strip())
    return f"{' '.join(text.split())}; available options{group} {listed}"


def explain(error: Exception, declared: DeclaredConfig, files: UserFiles) -> Exception:
    """Return an error with a more helpful message, or the error itself.

    Args:
        error: that ended a command.
        declared: the options that exist.
        files: the user's own configuration files.
    """
    if isinstance(error, UserErrors):
        return UserErrors([explain(each, declared, files) for each in error.errors])
    if isinstance(error, MarkedYAMLError | UnicodeDecodeError):
        message = files.explain_unreadable(error)
        return UserError(message) if message else error
    if isinstance(error, OverrideParseException):
        option = str(error.override).partition("=")[0]
        return UserError(
            f"{error.override} cannot be read: close every bracket and quote, and quote a value "
            f"that contains such characters, {option}=\"'...'\""
        )
    if isinstance(error, ValueError) and "Config group override" in str(error):
        return UserError(files.explain_bad_choice())
    if isinstance(error, ConfigCompositionException):
        return explain_composition_error(error, declared, files)
    return UserError(files.add_location(str(error))) if type(error) is UserError else error


def explain_composition_error(
    error: ConfigCompositionException, declared: DeclaredConfig, files: UserFiles
) -> Exception:
    """Explain an override, or a file, that Hydra could not merge into the configuration."""
    message, cause = str(error), error.__cause__
    key = str(getattr(cause, "full_key", "") or "")
    if not key and (match := re.search(r"full_key: (\S+)", message)):
        key = match[1]
    if match := re.match(r"In '([^']+)': \w+ raised while composing config:", message):
        return UserError(files.explain_misfit(match[1], key, message, declared.options()))
    if match := re.match(
        r"Could not override '(.+?)'\.\n.*? use \+[^=]*=?(.*)", message, re.DOTALL
    ):
        base = unresolved_settings(declared.base(files.choices()))
        copy = explain_copy(base, match[1], match[2])
        if copy:
            return UserError(copy)
        return unknown_option_error(match[1], match[2], declared.options())
    if match := re.match(r"Error merging override (.*)", message, re.DOTALL):
        default = get_by_path(unresolved_settings(declared.base(files.choices())), key)
        return UserError(f"{match[1]}: give {describe_values(key, default)}")
    if match := re.match(r"Could not append to config\. An item is already at '(.+)'", message):
        return UserError(f"{match[1]} exists already: write {match[1]}=VALUE, without +")
    return error
