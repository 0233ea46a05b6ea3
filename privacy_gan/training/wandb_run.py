"""Starts W&B runs without prompting the user, offline if the server cannot be reached."""

from __future__ import annotations

import logging
import netrc
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from privacy_gan.errors import UserError
from privacy_gan.runs.files import atomic_write

if TYPE_CHECKING:
    import wandb

log = logging.getLogger(__name__)

# seconds
CONNECT_TIMEOUT, INIT_TIMEOUT, FINISH_TIMEOUT = 5, 15, 30


def init_run(folder: Path, project: str, group: str, name: str) -> wandb.Run:
    """Start a W&B run, or resume the one that belongs to the folder.

    The environment variable WANDB_MODE sets the mode. If it is not set, the run is offline when no
    API key is configured or the server does not respond; ``wandb sync`` uploads it later.

    Args:
        folder: where W&B's data are stored; a folder belongs to one W&B run.
        project: W&B project.
        group: W&B group.
        name: name of the W&B run.

    Raises:
        UserError: the wandb package is not installed.
    """
    try:
        import wandb
        from wandb.errors import CommError, UsageError
    except ModuleNotFoundError as error:
        raise UserError("logger=wandb needs wandb: pip install wandb") from error

    def init(mode: str | None) -> wandb.Run:
        settings = wandb.Settings(
            init_timeout=INIT_TIMEOUT,
            finish_timeout=FINISH_TIMEOUT,
            silent="WANDB_SILENT" not in os.environ,  # W&B would print some 40 lines
        )
        return wandb.init(
            project=project,
            group=group,
            name=name,
            dir=folder,
            id=run_id(folder),
            resume="allow",
            mode=mode,  # type: ignore[arg-type]
            settings=settings,
        )

    folder.mkdir(parents=True, exist_ok=True)
    mode = os.environ.get("WANDB_MODE")  # if not set, W&B reads its own settings file
    if mode is None and not has_api_key():
        mode = "offline"
        log.info("W&B: offline in %s; run wandb sync later to upload the run", folder / "wandb")
    try:
        if mode in (None, "online"):
            check_server()
        return init(mode)
    except (OSError, CommError, UsageError) as error:  # no server, or the key was rejected
        wandb.teardown()
        os.environ.pop("WANDB_SERVICE", None)  # that service is gone, and had started the run
        log.warning(
            "W&B cannot be used (%s): the run is offline; run wandb sync %s later to upload it",
            *(str(error).splitlines()[0], folder / "wandb" / "offline-run-*"),
        )
        return init("offline")


def check_server() -> None:
    """Raise an error if the W&B server does not respond; W&B's own client would wait longer.

    Raises:
        OSError: there is no response.
    """
    with suppress(HTTPError):  # is a response, too
        urlopen(server_url(), timeout=CONNECT_TIMEOUT).close()


def server_url() -> str:
    """Return the URL of the W&B server."""
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")


def run_id(folder: Path) -> str:
    """Return the id of the folder's W&B run, which is created on first use."""
    path = folder / ".wandb_id"
    if not path.exists():
        with atomic_write(path) as file:
            file.write_text(secrets.token_hex(8), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def has_api_key() -> bool:
    """Return whether an API key is configured, in the environment or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(server_url()).hostname
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
