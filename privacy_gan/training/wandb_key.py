"""Whether Weights & Biases can be reached without asking anybody for a key."""

from __future__ import annotations

import netrc
import os
from urllib.parse import urlsplit


def is_offline() -> bool:
    """Tell whether runs should be kept in their folders, to be synchronised later."""
    return "WANDB_MODE" not in os.environ and not has_wandb_key()


def has_wandb_key() -> bool:
    """Tell whether a key is configured, by environment variable or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
