"""A run's folder: what the run is, whether it is finished, and who works on it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from privacy_gan.errors import UserError
from privacy_gan.files import replacing

RESULT_VERSION = 5  # rises when a name or a meaning in result.json changes

# Where, on what and how visibly a run happens; all else decides what comes out of it.
INCIDENTAL = {
    "output_dir",
    "data_name",
    "mechanism",
    "run_dir",
    "penalty_weight",  # those that use it have their own, which is the one that counts
    "loss",  # likewise
    "learning_rate",  # likewise
    "decay",  # likewise
    "synthetic",  # likewise
    "checkpoint_minutes",
    "evaluate",
    "baseline",
    "classifiers",
    "judge",
    "logger",
    "runs_per_gpu",
    "data.root",
    "data.cache_dir",
    "data.num_workers",
    "data.on_device",
    "trainer.accelerator",
    "trainer.devices",  # processes that share batch norm do together what one does
    "trainer.num_nodes",
    "trainer.strategy",
    "trainer.sync_batchnorm",
    "trainer.log_every_n_steps",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.num_sanity_val_steps",
    "trainer.profiler",
}


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested dictionary's leaves by their dotted paths."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            leaves |= flatten(value, f"{path}.")
        else:
            leaves[path] = value
    return leaves


def finite(value: Any) -> Any:
    """Return a value with null for all numbers in it that JSON does not know."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def identity(config: DictConfig, data_key: str) -> dict[str, Any]:
    """Return what decides a run's outcome, by dotted path.

    Args:
        config: the run's configuration.
        data_key: changes with the data's labels and splits, wherever the data lie.
    """
    tree = OmegaConf.to_container(config, resolve=True)
    assert isinstance(tree, dict)
    leaves = flatten({str(key): value for key, value in tree.items()})
    kept = {
        path: value
        for path, value in leaves.items()
        if not any(path == name or path.startswith(f"{name}.") for name in INCIDENTAL)
    }
    if replicas := local_batch_norms(config):
        kept["trainer.batch_norms"] = replicas
    if parts := OmegaConf.select(config, "privatizer.runs"):
        kept["privatizer.parts"] = [training_key(Path(part)) for part in parts]
    return kept | {"data.key": data_key}


def training_key(folder: Path) -> str:
    """Return what changes when another training fills a run's folder, "" where none is finished.

    Two trainings of the same configuration are told apart by what they measured at their end.
    """
    try:
        record = json.loads((folder / "result.json").read_text())
        training = {key: record[key] for key in ("identity", "training")}
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # whoever loads the part says what is wrong with it
    return short_hash(json.dumps(training, sort_keys=True))


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits that tell texts apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


# names a stack's folder by what is stacked, in its order
OmegaConf.register_new_resolver(
    "short_hash", lambda parts: short_hash(" ".join(map(str, parts))), replace=True
)


def local_batch_norms(config: DictConfig) -> str | None:
    """Return how many processes have a batch norm of their own, where they do not share it."""
    trainer = config.trainer
    if "strategy" not in trainer or trainer.sync_batchnorm:
        return None
    return f"{trainer.get('num_nodes', 1)} x {trainer.devices}"


@dataclass(frozen=True)
class Run:
    """One training run and its folder.

    Attributes:
        folder: holds config.yaml, last.ckpt, metrics.csv, images/ and, last, result.json.
        identity: what decides the outcome; a folder holds one identity only.
    """

    folder: Path
    identity: dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """State to go on from; there from the first save on."""
        return self.folder / "last.ckpt"

    @property
    def result(self) -> Path:
        """What came out; there when all is done."""
        return self.folder / "result.json"

    def finished_result(self) -> dict[str, Any] | None:
        """Return the result if the run is finished, else None.

        Of another version's result nothing is left but the training: the run can be judged again.

        Raises:
            UserError: the result is unreadable or another run's.
        """
        try:
            record = json.loads(self.result.read_text())
            found = dict(record["identity"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise UserError(
                f"{self.result} is unreadable ({error}): delete it to finish the run again"
            ) from error
        self.require_same(found, self.result)
        if record.get("version") != RESULT_VERSION:
            record |= {"evaluations": {}, "baseline": {}}
        return dict(record)

    def require_same(self, found: dict[str, Any], where: Path) -> None:
        """Refuse to go on from what another run left.

        Raises:
            UserError: names the settings that differ.
        """
        general_first = sorted(found.keys() | self.identity.keys(), key=lambda k: (k.count("."), k))
        differing = [
            f"{key}={found.get(key, 'unset')} (this one: {self.identity.get(key, 'unset')})"
            for key in general_first
            if found.get(key) != self.identity.get(key)
        ]
        if differing:
            more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
            raise UserError(
                f"{where} belongs to a run with {', '.join(differing[:3])}{more}: train this one "
                "into a folder of its own, run_dir=FOLDER"
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out of the folder for a while.

        Raises:
            UserError: another process is at work on this run, or the folder cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            raise UserError(
                f"another process is at work in {self.folder}: wait for it or stop it"
            ) from error
        except OSError as error:
            raise UserError(
                f"cannot write to the run's folder {self.folder} ({error.strerror}): "
                "choose another with output_dir=FOLDER"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def write_config(self, config: DictConfig) -> None:
        """Keep the resolved configuration, which reproduces the run."""
        with replacing(self.folder / "config.yaml") as file:
            file.write_text(OmegaConf.to_yaml(config, resolve=True))

    def write_result(self, outcome: dict[str, Any]) -> dict[str, Any]:
        """Write the result record, whose file marks the run as finished; return it as read back."""
        text = json.dumps(finite({**outcome, "identity": self.identity}), indent=2)
        with replacing(self.result) as file:
            file.write_text(text + "\n")
        return dict(json.loads(text))


def is_complete(record: dict[str, Any], config: DictConfig) -> bool:
    """Tell whether a result holds all that a configuration asks for."""
    judged = bool(record["evaluations"]) or not config.evaluate
    # null where the mechanism has no baseline within it, empty where it was not judged
    return judged and (record["baseline"] != {} or not (config.evaluate and config.baseline))


def read_config(folder: Path) -> DictConfig:
    """Return how a run was made.

    Raises:
        UserError: the folder is no run's, or its configuration is damaged.
    """
    try:
        config = OmegaConf.load(folder / "config.yaml")
    except OSError as error:
        raise UserError(f"{folder} holds no config.yaml, so it is no run's folder") from error
    except (ValueError, OmegaConfBaseException) as error:
        raise UserError(f"{folder}/config.yaml is damaged: {error}") from error
    if not isinstance(config, DictConfig) or "privatizer" not in config:
        raise UserError(f"{folder}/config.yaml is no run's configuration")
    return config
