"""Objects from what a configuration says of them."""

from __future__ import annotations

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from privacy_gan.errors import UserError


def build(node: DictConfig, **more: Any) -> Any:
    """Build what a part of the configuration describes.

    Raises:
        UserError: it cannot be built so, in the words of what was to be built.
    """
    try:
        return instantiate(node, **more, _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, UserError):
            cause = cause.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(f"{node._target_} cannot be set up as configured: {cause}") from error
