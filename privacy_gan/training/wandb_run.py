"""Runs in Weights & Biases: tracked without asking anybody, whether or not it can be reached."""

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

# that a server is waited for
CONNECT_TIMEOUT, INIT_TIMEOUT, FINISH_TIMEOUT = 5, 15, 30


def init_run(folder: Path, project: str, group: str, name: str) -> wandb.Run:
    """Begin a tracked run, or go on with it.

    W&B's own WANDB_MODE decides how. Without it, and without a key, or where the server does not
    answer, the run is kept in its folder, which ``wandb sync`` sends later.

    Args:
        folder: where tracked data are kept; the same folder is the same tracked run.
        project: W&B project.
        group: what the run belongs to.
        name: the run's.

    Raises:
        UserError: the wandb package is missing.
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
            silent="WANDB_SILENT" not in os.environ,  # else 40 lines: what matters is said here
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
    mode = os.environ.get("WANDB_MODE")  # without one, W&B's own settings file has its say
    if mode is None and not has_api_key():
        mode = "offline"
        log.info("tracked offline in %s: wandb sync sends it later", folder / "wandb")
    try:
        if mode in (None, "online"):
            check_server()
        return init(mode)
    except (OSError, CommError, UsageError) as error:  # no server, or one that refuses the key
        wandb.teardown()
        os.environ.pop("WANDB_SERVICE", None)  # which is gone, and knows the run as begun
        log.warning(
            "Weights & Biases cannot be used (%s): tracked offline, wandb sync %s sends it later",
            *(str(error).splitlines()[0], folder / "wandb" / "offline-run-*"),
        )
        return init("offline")


def check_server() -> None:
    """Find out whether the server answers, which W&B's own client takes much longer to.

    Raises:
        OSError: it does not.
    """
    with suppress(HTTPError):  # an answer, too
        urlopen(server_url(), timeout=CONNECT_TIMEOUT).close()


def server_url() -> str:
    """Return the server's address."""
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")


def run_id(folder: Path) -> str:
    """Return the identifier of a folder's tracked run, made once: a new folder is a new run."""
    path = folder / ".wandb_id"
    if not path.exists():
        with atomic_write(path) as file:
            file.write_text(secrets.token_hex(8), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def has_api_key() -> bool:
    """Tell whether a key is configured, by environment variable or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(server_url()).hostname
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
