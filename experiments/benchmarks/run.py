"""A run that is timed, and what it is timed beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict
from pytorch_lightning import Callback, Trainer

from benchmarks.steps import (
    BareStep,
    Labelled,
    PlainUNet,
    ReferenceStep,
    endless_batches,
    write_image_files,
)
from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.commands.run_setup import (
    RunSetup,
    build_privatizer,
    describe_environment,
    prepare_run,
)
from privacy_gan.config import instantiate
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.hardware import Compute, choose_compute
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.training.fit import build_trainer

LOCATION_OVERRIDES = ("data.root=", "data.cache_dir=")  # of this machine, which the record does not name
NUM_FILES = 2048  # images of which the reference's folder consists
NUM_DEVICE_BATCHES = 8  # batches that are kept on the device for steps without a data path


@dataclass
class BenchmarkRun:
    """A run that is timed, how often, and all that takes turns with it.

    Args:
        conf: folder of the configuration.
        overrides: of conf/train.yaml.
        folder: for whatever is written.
        rounds: of turns.
    """

    conf: Path
    overrides: list[str]
    folder: Path
    rounds: int

    @cached_property
    def setup(self) -> RunSetup:
        """The run that is timed, its data set up."""
        setup = self.opened("run")
        setup.datamodule.setup()
        return setup

    @cached_property
    def compute(self) -> Compute:
        """Where, and in which precision."""
        return choose_run_compute(self.setup)

    @property
    def device(self) -> torch.device:
        """Where."""
        return self.compute.device

    @property
    def batch_size(self) -> int:
        """Images in a batch."""
        return self.setup.datamodule.batch_size

    @property
    def steps(self) -> int:
        """Steps of a turn; in three, all players of the paper's game learn."""
        return 3 if self.device.type == "cpu" else 30

    def opened(self, name: str, *changes: str) -> RunSetup:
        """Return the run with some more overrides and a folder of its own, its data not set up."""
        return prepare_run(compose_config(self.conf, [*self.overrides, *self.own(name), *changes]))

    def own(self, name: str) -> list[str]:
        """Return overrides that keep a run to a folder of its own."""
        quiet = ["evaluate=false", "trainer.enable_progress_bar=false"]
        return [*quiet, f"output_dir={self.folder / name}"]

    def about(self) -> dict[str, Any]:
        """Return when, where and on what."""
        task, image_size = self.setup.task, self.setup.config.image_size
        where = describe_environment(task.accelerator, task.precision, image_size)
        return {
            "date": date.today().isoformat(),
            "environment": {**where, "cpu": cpu_name()},
            "overrides": [each for each in self.overrides if not each.startswith(LOCATION_OVERRIDES)],
            "image_size": image_size,
            "batch_size": self.batch_size,
        }

    @cached_property
    def resident(self) -> list[Batch]:
        """Some of the training split's batches, on the device."""
        rows = torch.from_numpy(self.setup.datamodule.rows("train"))
        batches = torch.split(rows, self.batch_size)[:NUM_DEVICE_BATCHES]
        return [self.setup.datamodule.gather(some, self.device) for some in batches]

    def labelled(self, batches: Iterator[Batch]) -> Iterator[Labelled]:
        """Yield of batches what the reference looks at."""
        return ((each.images, each.attributes[:, self.setup.column]) for each in batches)

    def require_batches(self, count: int) -> None:
        """Refuse data that are over before all turns are taken.

        Raises:
            UserError: there are not so many batches in an epoch.
        """
        images, size = len(self.setup.datamodule.rows("train")), self.batch_size
        if images // size < count:
            raise UserError(
                f"{images} training images are {images // size} batches of {size}, and {count} are "
                "needed: use more images or fewer --rounds"
            )

    def bare_step(self, *changes: str) -> BareStep:
        """Return training without Lightning, with some more overrides.

        Raises:
            UserError: the mechanism is not one of Algorithm 1.
        """
        setup = self.opened("run", *changes) if changes else self.setup
        privatizer = build_privatizer(setup)
        if not isinstance(privatizer, AdversarialPrivatizer) or len(privatizer.games) != 2:
            raise UserError("only privatizer=filter_generator has a reference to be timed beside")
        return BareStep(privatizer, choose_run_compute(setup))

    def reference_step(self) -> ReferenceStep:
        """Return the reference, with networks of the same sizes."""
        config, classes = self.setup.config, self.setup.task.num_classes
        networks = config.networks
        unet = {"image_size": config.image_size, "width": config.width}
        return ReferenceStep(
            PlainUNet(**unet),
            PlainUNet(**unet, num_classes=classes),
            instantiate(networks.filter_discriminator)(classes),
            instantiate(networks.generator_discriminator)(classes + 1),
            self.setup.task.epsilon,
            config.penalty_weight,
            config.learning_rate,
            self.device,
        )

    def reference_batches(self) -> Iterator[Labelled]:
        """Return batches from files, as the reference reads them."""
        files = self.folder / "files"
        if not files.exists():
            write_image_files(self.setup.datamodule, self.setup.column, files, NUM_FILES)
        size, pinned = self.setup.config.image_size, self.device.type == "cuda"
        return endless_batches(files, size, self.batch_size, num_workers(), pinned)

    def served_batches(self) -> Iterator[Batch]:
        """Yield the data module's training batches, as Lightning asks for them, endlessly."""
        datamodule = self.setup.datamodule
        while True:
            for batch in datamodule.train_dataloader():
                moved = datamodule.transfer_batch_to_device(batch, self.device, 0)
                yield datamodule.on_after_batch_transfer(moved, 0)

    def train_briefly(self, name: str, *changes: str) -> None:
        """Take a few steps, in which every player learns."""
        few = ["+trainer.max_steps=16", "+trainer.limit_val_batches=1"]
        setup = self.opened(name, *changes, *few)
        setup.datamodule.setup()
        train_run(setup)


def compose_config(conf: Path, overrides: list[str]) -> DictConfig:
    """Return the configuration that train.py would have."""
    register_with_hydra()
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = compose("train", overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(config)  # interpolations ask it which files were chosen
    with open_dict(config):
        del config["hydra"]
    return config


def choose_run_compute(setup: RunSetup) -> Compute:
    """Return where a run computes, and in which precision."""
    task = setup.task
    return choose_compute(task.accelerator, task.precision, setup.config.image_size)


def train_run(setup: RunSetup, *callbacks: Callback) -> Trainer:
    """Train a run that the data are set up for, with further callbacks; return its trainer."""
    trainer = build_trainer(
        partial(instantiate, setup.config.trainer, image_size=setup.config.image_size),
        setup.run,
        setup.datamodule,
        setup.column,
        setup.config.checkpoint_minutes,
        None,
        [],
    )
    trainer.callbacks.extend(callbacks)  # type: ignore[attr-defined]
    privatizer = build_privatizer(setup)
    assert isinstance(privatizer, AdversarialPrivatizer)
    setup.run.folder.path.mkdir(parents=True, exist_ok=True)
    trainer.fit(privatizer, datamodule=setup.datamodule)
    return trainer


def num_workers() -> int:
    """Return how many processes the reference's data path gets: one for each core."""
    return min(16, torch.get_num_threads())


def cpu_name() -> str:
    """Return what the processor calls itself, where that can be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else "unknown"
