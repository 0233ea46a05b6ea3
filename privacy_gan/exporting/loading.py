"""Trained mechanisms, wherever they come from: a run's folder, or an exported one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from privacy_gan.errors import UserError

if TYPE_CHECKING:
    from privacy_gan.privatizers.usable import UsablePrivatizer


def is_exported(path: Path) -> bool:
    """Tell whether a folder is an exported mechanism's."""
    return (path / "config.json").is_file()


def load_privatizer(path: str | Path) -> UsablePrivatizer:
    """Return a trained mechanism: ``privatize(images, rng)`` censors images.

    Exported folders can come from anybody: nothing in them is executed. So it is with a run's
    weights, but its config.yaml names the functions that build the mechanism, and any that is
    installed can be named: load folders of runs of those whom you trust.

    Args:
        path: an exported folder, for which neither Lightning nor Hydra is needed, or the folder of
            a finished run.

    Returns:
        The mechanism as it was at the end, in evaluation mode, without gradients, on the CPU. It
        says its ``image_size`` S, the ``attributes`` that it hides and ``facts`` of its training,
        and refuses images that are not [B, 3, S, S] in [0, 1].

    Raises:
        UserError: the folder holds neither, another version wrote it, or something in it is
            damaged.
    """
    folder = Path(path)
    if is_exported(folder):
        from privacy_gan.exporting.exported import load_exported

        return load_exported(folder)
    if not (folder / "config.yaml").is_file():
        raise UserError(
            f"{folder} is neither a run folder nor an exported one: it holds no config.yaml and no "
            "config.json"
        )
    from privacy_gan.runs.usable import load_usable

    return load_usable(folder)
