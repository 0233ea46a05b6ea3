"""Times training, the data path, judging, memory and start-up, and writes what came out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict
from pytorch_lightning import Callback, Trainer

from privacy_gan.benchmarking import judging
from privacy_gan.benchmarking.arithmetic import (
    bytes_moved,
    matrix_peak,
    memory_peak,
    operations,
    time_shares,
)
from privacy_gan.benchmarking.bare import BareStep
from privacy_gan.benchmarking.loading import served_batches, time_loading
from privacy_gan.benchmarking.memory import peak_memory
from privacy_gan.benchmarking.reference import (
    ImageFiles,
    PlainUNet,
    ReferenceStep,
    endless_batches,
    write_image_files,
)
from privacy_gan.benchmarking.startup import time_commands
from privacy_gan.benchmarking.table import table
from privacy_gan.benchmarking.timing import Figures, alternate, rate, ratio, spread
from privacy_gan.benchmarking.training import PROJECT, WARM_UP, time_checkpoint, time_training
from privacy_gan.commands.building import RunSetup, build_judge, build_privatizer, open_run
from privacy_gan.commands.command_line import register_with_hydra
from privacy_gan.commands.pipeline import environment
from privacy_gan.config import build
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.hardware import Compute, choose_compute
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.runs.files import replacing
from privacy_gan.training.fit import build_trainer

PARTS = ("training", "data", "judging", "memory", "startup")
MORE_PARTS = ("changes",)  # timed where they are asked for
# what makes training fast, undone one by one; the last one undoes the first, too
PLAIN = "networks.privatizer._target_=privacy_gan.benchmarking.reference.PlainUNet"
CHANGES = {
    "upsampling": [PLAIN],
    "adam": ["privatizer.optimizer.fused=false"],
    "precision": ["trainer.precision=32-true"],
    "layout": [PLAIN],
}
FILES = 2048  # images of which the reference's folder consists
FEW = 4  # images in a batch whose operations are counted
RESIDENT = 8  # batches that are kept on the device for steps without a data path
TINY = ["trainer=cpu", "image_size=32", "width=4", "data=synthetic_faces", "data.num_train=256"]
TINY += ["data.num_valid=64", "data.num_test=64", "data.batch_size=32", "trainer.max_epochs=1"]
TINY += ["evaluate=false", "trainer.enable_progress_bar=false"]


def main(arguments: Sequence[str], conf: Path) -> None:
    """Time what is asked for, print a table and write all figures.

    Args:
        arguments: options, and overrides of conf/train.yaml that say what is trained.
        conf: folder of the configuration.

    Raises:
        UserError: the configuration is wrong, or the file cannot be written.
    """
    options, overrides = parse(arguments)
    with TemporaryDirectory(prefix="privacy_gan-benchmark-") as folder:
        bench = Benchmark(conf, overrides, Path(folder), options.rounds)
        record: dict[str, Any] = bench.about()
        for part in options.parts:
            print(f"timing {part} ...", file=sys.stderr, flush=True)
            record[part] = getattr(bench, part)()
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        with replacing(options.output) as file:
            file.write_text(json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise UserError(
            f"cannot write {options.output} ({error.strerror}): choose another, --output FILE"
        ) from error
    print(table(record))
    print(f"\nAll figures: {options.output}")


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options, and the overrides."""
    parser = argparse.ArgumentParser(
        prog="benchmark.py",
        description="Times the project beside the way of the paper's released code.",
        epilog="Further arguments are those of train.py, for example data=celeba data.root=PATH.",
    )
    parser.add_argument("--parts", default=",".join(PARTS), help="of %(default)s,changes")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant")
    parser.add_argument("--output", type=Path, default=Path("outputs/benchmark.json"))
    parser.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args(list(arguments))
    options.parts = options.parts.split(",")
    if unknown := set(options.parts) - {*PARTS, *MORE_PARTS}:
        known = ",".join(PARTS + MORE_PARTS)
        raise UserError(f"--parts {','.join(unknown)}: choose among {known}")
    if options.rounds < 1:
        raise UserError(f"--rounds {options.rounds} must be 1 or more")
    return options, options.overrides


@dataclass
class Benchmark:
    """What is timed, and how often.

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
        setup = open_run(composed(self.conf, [*self.overrides, *self.own("run")]))
        setup.datamodule.setup()
        return setup

    @cached_property
    def compute(self) -> Compute:
        """Where, and in which precision."""
        return choose_compute(self.setup.task.accelerator, self.setup.task.precision)

    @property
    def device(self) -> torch.device:
        """Where."""
        return self.compute.device

    @property
    def steps(self) -> int:
        """Steps of a turn; in three, all players of the paper's game learn."""
        return 3 if self.device.type == "cpu" else 30

    @property
    def judged(self) -> int:
        """Images of a split that adversaries are queried on."""
        return 1024 if self.device.type == "cpu" else 4096

    def own(self, name: str) -> list[str]:
        """Return overrides that keep a run to a folder of its own."""
        quiet = ["evaluate=false", "trainer.enable_progress_bar=false"]
        return [*quiet, f"output_dir={self.folder / name}"]

    def about(self) -> dict[str, Any]:
        """Return when, where and on what."""
        return {
            "date": date.today().isoformat(),
            "environment": environment(self.setup) | {"cpu": cpu_name()},
            "overrides": self.overrides,
            "image_size": self.setup.config.image_size,
            "batch_size": self.setup.datamodule.batch_size,
        }

    def training(self) -> dict[str, Any]:
        """Time training beside the reference and beside its bare step."""
        setup, batch_size = self.setup, self.setup.datamodule.batch_size
        resident = cycle([self.batch(number) for number in range(RESIDENT)])
        bare, reference = self.bare_step(), self.reference_step()
        steps = self.steps
        self.require_batches(WARM_UP + self.rounds * steps)
        others = {
            "bare": lambda: bare(resident, steps),
            "reference": lambda: reference(resident, steps),
        }
        if self.device.type != "cpu":  # where a step takes seconds, files are no matter
            files = self.reference_batches()
            others["reference_with_data"] = lambda: reference(files, steps)
        taken, trainer = time_training(
            partial(trained, setup), others, self.rounds, steps, self.device
        )
        images = steps * batch_size
        few = cycle([Batch(*(rows[:FEW] for rows in next(resident)))])
        counted = {
            PROJECT: operations(lambda: bare(few, 3)) / (3 * FEW),
            "reference": operations(lambda: reference(few, 3)) / (3 * FEW),
        }
        moved = bytes_moved(lambda: bare(resident, 3)) / (3 * batch_size)
        checkpoint = time_checkpoint(trainer, self.folder, self.device)
        bare_is_faster = ratio(taken["bare"], taken[PROJECT])
        peak = matrix_peak(self.device, computed_in(self.compute))
        best = spread([counted[PROJECT] * images / each for each in taken[PROJECT]])
        return {
            "images_per_second": {name: rate(images, each) for name, each in taken.items()},
            "times_faster": times_faster(taken),
            "overhead": spread([1 / faster - 1 for faster in bare_is_faster["rounds"]]),
            "checkpoint_seconds": checkpoint,
            "checkpoint_share": checkpoint / (60 * setup.config.checkpoint_minutes),
            "operations_per_image": counted,
            "operations_per_second": best,
            "matrix_peak": peak,
            "share_of_peak": best["median"] / peak,
            "bytes_per_image": moved,
            "memory_peak": memory_peak(self.device),
            "time_shares": time_shares(lambda: bare(resident, 3), self.device),
            "hours_for_the_papers_training": judging.EPOCHS
            * judging.TRAIN
            / rate(images, taken[PROJECT])["median"]
            / 3600,
        }

    def changes(self) -> dict[str, Any]:
        """Time bare steps with single changes undone."""
        steps = {PROJECT: self.bare_step()}
        steps |= {name: self.bare_step(*undone) for name, undone in CHANGES.items()}
        resident = [self.batch(number) for number in range(RESIDENT)]
        steps["layout"].privatizer.to(memory_format=torch.contiguous_format)
        contiguous = [Batch(each.images.contiguous(), each.attributes) for each in resident]
        batches = {name: cycle(contiguous if name == "layout" else resident) for name in steps}

        def work(name: str) -> Callable[[], None]:
            return lambda: steps[name](batches[name], self.steps)

        taken = alternate({name: work(name) for name in steps}, self.rounds, self.device)
        images = self.steps * self.setup.datamodule.batch_size
        return {
            "images_per_second": {name: rate(images, each) for name, each in taken.items()},
            "times_faster": times_faster(taken),
        }

    def data(self) -> dict[str, Any]:
        """Time the data path beside a folder of images."""
        datamodule = self.setup.datamodule
        batches = 16
        taken = time_loading(
            {
                PROJECT: served_batches(datamodule, self.device),
                "reference": self.reference_batches(),
            },
            self.rounds,
            batches,
            self.device,
        )
        images = batches * datamodule.batch_size
        return {
            "workers_of_the_reference": workers(),
            "images_per_second": {name: rate(images, each) for name, each in taken.items()},
            "times_faster": times_faster(taken),
        }

    def judging(self) -> dict[str, Any]:
        """Time judging beside adversaries one by one, and put together what a run's costs."""
        setup = self.setup
        datamodule = judging.first_images(setup.datamodule, self.judged)
        judge = build_judge(setup.config)
        costs = judging.JudgingCosts(
            judge,
            partial(build_privatizer, setup),
            datamodule,
            setup.task.attribute,
            setup.task.epsilon,
            self.compute,
        )
        batches = 1 if self.device.type == "cpu" else 20
        learning = costs.time_learning(self.rounds, batches)
        images = batches * judge.batch_size
        queried, measured = costs.time_query(), costs.time_measuring()
        of_query = queried / len(datamodule.rows("valid"))
        of_measuring = measured / len(datamodule.rows("test"))
        return {
            "learners": costs.names,
            "images_per_second": {name: rate(images, each) for name, each in learning.items()},
            "times_faster": {"alone": ratio(learning["alone"], learning["together"])},
            "seconds_of_an_image": {
                "learning": spread([each / images for each in learning["together"]])["median"],
                "querying": of_query,
                "measuring": of_measuring,
            },
            "epochs": judge.epochs,
            "queries": judge.queries_of(costs.source)[-1],
        }

    def memory(self) -> dict[str, Any]:
        """Return the most memory that training holds, at the paper's two sizes."""
        return {
            "peak_bytes": {
                str(size): peak_memory(
                    partial(
                        train_briefly,
                        self.conf,
                        [*self.overrides, *self.own(f"memory-{size}"), f"image_size={size}"],
                    )
                )
                for size in (64, 128)
            }
        }

    def startup(self) -> dict[str, Any]:
        """Time commands that have little to do."""
        script = self.conf.parent / "experiments" / "train.py"
        command = [sys.executable, str(script)]
        run = [*command, *TINY, f"data.cache_dir={self.folder / 'tiny-cache'}"]
        finished = [*run, f"output_dir={self.folder / 'finished'}"]
        # a run that ends after its first step is finished, too, so each has a folder of its own
        folders = (self.folder / f"first-{number}" for number in count())
        taken = time_commands(
            {
                "help": lambda: [*command, "--help"],
                "finished_run": lambda: finished,
                "first_step": lambda: [*run, "+trainer.max_steps=1", f"output_dir={next(folders)}"],
            },
            self.rounds,
        )
        return {"seconds": {name: spread(each) for name, each in taken.items()}}

    def batch(self, number: int) -> Batch:
        """Return one of the training split's batches, on the device."""
        size = self.setup.datamodule.batch_size
        rows = self.setup.datamodule.rows("train")[number * size : (number + 1) * size]
        return self.setup.datamodule.gather(torch.from_numpy(rows), self.device)

    def require_batches(self, count: int) -> None:
        """Refuse data that are over before all turns are taken.

        Raises:
            UserError: there are not so many batches in an epoch.
        """
        images, size = len(self.setup.datamodule.rows("train")), self.setup.datamodule.batch_size
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
        overrides = [*self.overrides, *self.own("run"), *changes]
        setup = open_run(composed(self.conf, overrides)) if changes else self.setup
        privatizer = build_privatizer(setup)
        if not isinstance(privatizer, AdversarialPrivatizer) or len(privatizer.games) != 2:
            raise UserError("only privatizer=filter_generator has a reference to be timed beside")
        return BareStep(privatizer, choose_compute(setup.task.accelerator, setup.task.precision))

    def reference_step(self) -> ReferenceStep:
        """Return the reference, with networks of the same sizes."""
        config, classes = self.setup.config, self.setup.task.num_classes
        networks = config.networks
        unet = {"image_size": config.image_size, "width": config.width}
        return ReferenceStep(
            PlainUNet(**unet),
            PlainUNet(**unet, num_classes=classes),
            build(networks.filter_discriminator)(classes),
            build(networks.generator_discriminator)(classes + 1),
            self.setup.column,
            self.setup.task.epsilon,
            config.penalty_weight,
            config.learning_rate,
            self.device,
        )

    def reference_batches(self) -> Iterator[Batch]:
        """Return batches from files, as the reference reads them."""
        files = self.folder / "files"
        if not files.exists():
            files.mkdir()
            self.attributes = write_image_files(self.setup.datamodule, files, FILES)
        images = ImageFiles(files, self.attributes, self.setup.config.image_size)
        size, pinned = self.setup.datamodule.batch_size, self.device.type == "cuda"
        return endless_batches(images, size, workers(), pinned)


def composed(conf: Path, overrides: list[str]) -> DictConfig:
    """Return the configuration that train.py would have."""
    register_with_hydra()
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = compose("train", overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(config)  # interpolations ask it which files were chosen
    with open_dict(config):
        del config["hydra"]
    return config


def trained(setup: RunSetup, *callbacks: Callback) -> Trainer:
    """Train a run that the data are set up for, with further callbacks; return its trainer."""
    trainer = build_trainer(
        partial(build, setup.config.trainer),
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


def train_briefly(conf: Path, overrides: list[str]) -> None:
    """Take a few steps, in which every player learns."""
    config = composed(conf, [*overrides, "+trainer.max_steps=16", "+trainer.limit_val_batches=1"])
    setup = open_run(config)
    setup.datamodule.setup()
    trained(setup)


def times_faster(taken: Mapping[str, list[float]]) -> dict[str, Figures]:
    """Return how many times faster the project is than each of the others."""
    return {
        name: ratio(seconds, taken[PROJECT])
        for name, seconds in taken.items()
        if name not in (PROJECT, "bare")
    }


def computed_in(compute: Compute) -> torch.dtype:
    """Return the type of number in which a precision multiplies matrices."""
    one = torch.ones(2, 2, device=compute.device)
    with compute.autocast():
        return (one @ one).dtype


def workers() -> int:
    """Return how many processes the reference's data path gets: one for each core."""
    return min(16, torch.get_num_threads())


def cpu_name() -> str:
    """Return what the processor calls itself, where that can be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else "unknown"
