"""The run to benchmark, and the reference implementation with the same settings."""

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

LOCATION_OVERRIDES = ("data.root=", "data.cache_dir=")  # not recorded: paths of this machine
NUM_FILES = 2048  # image files for the reference's data path
NUM_DEVICE_BATCHES = 8  # batches on the device, for steps without a data path


@dataclass
class BenchmarkRun:
    """A run to benchmark.

    Args:
        conf: the folder conf/.
        overrides: of conf/train.yaml.
        folder: for all files that are written.
        rounds: how often each variant is timed.
    """

    conf: Path
    overrides: list[str]
    folder: Path
    rounds: int

    @cached_property
    def setup(self) -> RunSetup:
        """The run, its data set up."""
        setup = self.prepare("run")
        setup.datamodule.setup()
        return setup

    @cached_property
    def compute(self) -> Compute:
        """Device and precision."""
        return choose_run_compute(self.setup)

    @property
    def device(self) -> torch.device:
        """The device."""
        return self.compute.device

    @property
    def batch_size(self) -> int:
        """Images per batch."""
        return self.setup.datamodule.batch_size

    @property
    def steps(self) -> int:
        """Training steps per round; a multiple of 3, the period of the paper's game."""
        return 3 if self.device.type == "cpu" else 30

    def prepare(self, name: str, *changes: str) -> RunSetup:
        """Return the run with further overrides, in a separate folder, its data not set up."""
        quiet = ["evaluate=false", "trainer.enable_progress_bar=false"]
        output = f"output_dir={self.folder / name}"
        return prepare_run(compose_config(self.conf, [*self.overrides, *quiet, output, *changes]))

    def describe(self) -> dict[str, Any]:
        """Return date, hardware, versions and settings."""
        task, image_size = self.setup.task, self.setup.config.image_size
        environment = describe_environment(task.accelerator, task.precision, image_size)
        return {
            "date": date.today().isoformat(),
            "environment": {**environment, "cpu": cpu_name()},
            "overrides": [
                each for each in self.overrides if not each.startswith(LOCATION_OVERRIDES)
            ],
            "image_size": image_size,
            "batch_size": self.batch_size,
        }

    @cached_property
    def device_batches(self) -> list[Batch]:
        """Some batches of training images, on the device."""
        rows = torch.from_numpy(self.setup.datamodule.rows("train"))
        batches = torch.split(rows, self.batch_size)[:NUM_DEVICE_BATCHES]
        return [self.setup.datamodule.gather(batch, self.device) for batch in batches]

    def labelled(self, batches: Iterator[Batch]) -> Iterator[Labelled]:
        """Yield images and sensitive attributes of batches, the reference's inputs."""
        return ((batch.images, batch.attributes[:, self.setup.column]) for batch in batches)

    def require_batches(self, count: int) -> None:
        """Check that an epoch has enough batches.

        Raises:
            UserError: there are fewer than ``count``.
        """
        images, size = len(self.setup.datamodule.rows("train")), self.batch_size
        if images // size < count:
            raise UserError(
                f"{images} training images are {images // size} batches of {size}, and {count} are "
                "needed: use more images or fewer --rounds"
            )

    def bare_step(self, *changes: str) -> BareStep:
        """Return training without Lightning, with further overrides.

        Raises:
            UserError: the mechanism is not filter_generator.
        """
        setup = self.prepare("run", *changes) if changes else self.setup
        privatizer = build_privatizer(setup)
        if not isinstance(privatizer, AdversarialPrivatizer) or len(privatizer.parts) != 2:
            raise UserError("only privatizer=filter_generator has a reference to compare with")
        return BareStep(privatizer, choose_run_compute(setup))

    def reference_step(self) -> ReferenceStep:
        """Return the reference's training step, with networks of the same sizes."""
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
        """Return batches from image files, the reference's data path."""
        files = self.folder / "files"
        if not files.exists():
            write_image_files(self.setup.datamodule, self.setup.column, files, NUM_FILES)
        size, pinned = self.setup.config.image_size, self.device.type == "cuda"
        return endless_batches(files, size, self.batch_size, num_workers(), pinned)

    def served_batches(self) -> Iterator[Batch]:
        """Yield the data module's training batches forever, on the device."""
        datamodule = self.setup.datamodule
        while True:
            for batch in datamodule.train_dataloader():
                moved = datamodule.transfer_batch_to_device(batch, self.device, 0)
                yield datamodule.on_after_batch_transfer(moved, 0)

    def train_briefly(self, name: str, *changes: str) -> None:
        """Train for a few steps that update every network."""
        limits = ["+trainer.max_steps=16", "+trainer.limit_val_batches=1"]
        setup = self.prepare(name, *changes, *limits)
        setup.datamodule.setup()
        train_run(setup)


def compose_config(conf: Path, overrides: list[str]) -> DictConfig:
    """Return the configuration that ``privacy-gan train`` would use."""
    register_with_hydra()
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = compose("train", overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(config)  # references read the choices of files from it
    with open_dict(config):
        del config["hydra"]
    return config


def choose_run_compute(setup: RunSetup) -> Compute:
    """Return a run's device and precision."""
    task = setup.task
    graph = setup.config.trainer.graph
    return choose_compute(task.accelerator, task.precision, setup.config.image_size, graph)


def train_run(setup: RunSetup, *callbacks: Callback) -> Trainer:
    """Train a run whose data are set up, with further callbacks; return its trainer."""
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
    """Return the number of workers for the reference's data path: one per core, at most 16."""
    return min(16, torch.get_num_threads())


def cpu_name() -> str:
    """Return the number of cores and the CPU's model, or "unknown"."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else "unknown"
