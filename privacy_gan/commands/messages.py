"""Errors in words: which are a user's to mend, and what is said of each."""

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
    """Return what a user can fix, in words; nothing where it is no such error."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return [f"no space left to write {error.filename}: free some and repeat"]
    if is_out_of_memory(error):
        why = " ".join(str(error).split())[:200] or "MemoryError"
        return [
            f"not enough memory ({why}): make data.batch_size, image_size or width smaller, or let "
            "fewer programs run at once, and repeat; what was saved is kept"
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
    return shorten_hydra_message(str(error)) if isinstance(error, CompactHydraException) else str(error)


def shorten_hydra_message(message: str) -> str:
    """Return what Hydra says, without where it looked, and with its list of choices as a list."""
    told, _, choices = message.partition("Config search path:")[0].partition("Available options")
    if not choices:
        return told
    group, *names = choices.splitlines()
    listed = ", ".join(name.strip() for name in names if name.strip())
    return f"{' '.join(told.split())}; available options{group} {listed}"


def explain(error: Exception, declared: DeclaredConfig, files: UserFiles) -> Exception:
    """Return an error with what there is to say of it beyond what was raised.

    Args:
        error: that ended a command.
        declared: what options there are.
        files: of the user's own configuration.
    """
    if isinstance(error, UserErrors):
        return UserErrors([explain(each, declared, files) for each in error.errors])
    if isinstance(error, MarkedYAMLError | UnicodeDecodeError):
        told = files.unreadable(error)
        return UserError(told) if told else error
    if isinstance(error, OverrideParseException):
        option = str(error.override).partition("=")[0]
        return UserError(
            f"{error.override} cannot be read: brackets and quotes come in pairs, and a value with "
            f"such characters stands in quotes, {option}=\"'...'\""
        )
    if isinstance(error, ValueError) and "Config group override" in str(error):
        return UserError(files.no_choice())
    if isinstance(error, ConfigCompositionException):
        return explain_composition_error(error, declared, files)
    return UserError(files.placed(str(error))) if type(error) is UserError else error


def explain_composition_error(
    error: ConfigCompositionException, declared: DeclaredConfig, files: UserFiles
) -> Exception:
    """Return what to tell of an override, or a file, that does not fit in."""
    said, cause = str(error), error.__cause__
    key = str(getattr(cause, "full_key", "") or "")
    if not key and (named := re.search(r"full_key: (\S+)", said)):
        key = named[1]
    if found := re.match(r"In '([^']+)': \w+ raised while composing config:", said):
        return UserError(files.misfit(found[1], key, said, declared.options()))
    if found := re.match(r"Could not override '(.+?)'\.\n.*? use \+[^=]*=?(.*)", said, re.DOTALL):
        base = unresolved_settings(declared.base(files.choices()))
        copy = explain_copy(base, found[1], found[2])
        return UserError(copy) if copy else unknown_option_error(found[1], found[2], declared.options())
    if found := re.match(r"Error merging override (.*)", said, re.DOTALL):
        default = get_by_path(unresolved_settings(declared.base(files.choices())), key)
        return UserError(f"{found[1]}: give {describe_values(key, default)}")
    if found := re.match(r"Could not append to config\. An item is already at '(.+)'", said):
        return UserError(f"{found[1]} is there already: write {found[1]}=VALUE, without +")
    return error
