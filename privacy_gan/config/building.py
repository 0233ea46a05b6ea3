"""Objects that a configuration describes."""

from __future__ import annotations

from typing import Any

import hydra.utils
from omegaconf import DictConfig
from omegaconf.errors import MissingMandatoryValue

from privacy_gan.errors import UserError

# Hydra 1.4 asks its caller what a configuration may execute. Ours come from the user, who may name
# mechanisms of their own.
TRUSTED: dict[str, Any] = (
    {"_execution_whitelist_": hydra.utils.UNSAFE_DISABLE_EXECUTION_CHECKS}
    if hasattr(hydra.utils, "UNSAFE_DISABLE_EXECUTION_CHECKS")
    else {}
)


def build(node: DictConfig, **more: Any) -> Any:
    """Build what a part of the configuration describes.

    Raises:
        UserError: it cannot be built so, in the words of what was to be built.
        MissingMandatoryValue: a value that must be given was not.
    """
    try:
        return hydra.utils.instantiate(node, **more, **TRUSTED, _convert_="all")
    except MissingMandatoryValue:
        raise  # which says what to give
    except Exception as error:  # Hydra 1.3 wraps what is raised, 1.4 does not
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, UserError):
            cause = cause.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(f"{node._target_} cannot be set up as configured: {cause}") from error
