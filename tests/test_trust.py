"""No code in a file from an untrusted source is executed, wherever the file is read."""

import json
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from presets import JUDGED

from privacy_gan import load_privatizer
from privacy_gan.commands.evaluate import evaluate
from privacy_gan.commands.train import train
from privacy_gan.data import image_cache
from privacy_gan.errors import UserError
from privacy_gan.evaluation.outputs import load_inception
from privacy_gan.models.resnet import resnet10
from privacy_gan.runs import artifacts
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.checkpoint import read_checkpoint
from privacy_gan.runs.loading import read_weights

FORMATS = ["zip", "pickle", "legacy"]  # that torch.load reads


@pytest.fixture
def executed(tmp_path):
    return tmp_path / "executed"


@pytest.fixture
def hostile(executed):
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (executed,))

    return Hostile()


@pytest.fixture(params=FORMATS)
def plant(request, hostile):
    """Return a function that writes a checkpoint with code to a path."""

    def write(path):
        content = {"state_dict": hostile, "identity": hostile, "content": hostile}
        if request.param == "pickle":
            path.write_bytes(pickle.dumps(content, protocol=2))
        else:
            torch.save(content, path, _use_new_zipfile_serialization=request.param == "zip")
        return path

    return write


def test_an_unsafe_load_would_execute_the_planted_file(plant, executed, tmp_path):
    path = plant(tmp_path / "file")
    with suppress(RuntimeError):  # torch refuses a bare pickle, but only after executing it
        torch.load(path, weights_only=False)
    assert executed.exists()


READERS = {
    "checkpoint": read_checkpoint,
    "memory-mapped checkpoint": lambda path: read_checkpoint(path, mmap=True),
    "fixed classifiers, references, adversaries": artifacts.read_artifact,
    "a discriminator's initial weights": lambda path: resnet10(2, path),
    "Inception weights": lambda path: load_inception(path, torch.device("cpu")),
}


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_executes_a_checkpoint(reader, plant, executed, tmp_path):
    with pytest.raises(UserError) as error:
        READERS[reader](plant(tmp_path / "file"))
    assert str(tmp_path / "file") in str(error.value)
    assert "\n" not in str(error.value)
    assert not executed.exists()


def test_a_hostile_resume_checkpoint_is_ignored(plant, executed, tmp_path):
    assert ResumeCheckpoint(plant(tmp_path / "file"), "key", 5).read() is None
    assert not executed.exists()


def test_a_hostile_checkpoint_is_neither_loaded_nor_judged(plant, executed, tiny):
    config = tiny("trainer.max_epochs=1", *JUDGED)
    run, _ = train(tiny("trainer.max_epochs=1"))
    plant(run.checkpoint)
    for load in (load_privatizer, read_weights, lambda _: evaluate(config)):
        with pytest.raises(UserError, match=r"last\.ckpt is damaged"):
            load(run.path)
    assert not executed.exists()


def test_training_does_not_resume_from_a_hostile_checkpoint(plant, executed, tiny):
    config = tiny("trainer.max_epochs=1")
    run, before = train(config)
    run.result_file.unlink()
    found = plant(run.checkpoint).read_bytes()
    if zipfile.is_zipfile(run.checkpoint):  # a valid file, which training must not overwrite
        with pytest.raises(UserError, match="not a checkpoint of this project"):
            train(config)
        assert run.checkpoint.read_bytes() == found
    else:
        assert train(config)[1].training == before.training  # restarted
    assert not executed.exists()


def test_an_image_cache_that_holds_objects_is_rebuilt(executed, hostile, tiny, tmp_path):
    config = tiny("trainer.max_epochs=1")
    _, before = train(config)
    (meta_file,) = (tmp_path / "cache").rglob(image_cache.META)
    folder, meta = meta_file.parent, json.loads(meta_file.read_text())
    objects = np.array([hostile] * meta["image_count"], dtype=object)
    np.save(folder / image_cache.IMAGES, objects, allow_pickle=True)
    np.savez(folder / "labels", attributes=objects, splits=objects, allow_pickle=True)
    for name in (image_cache.IMAGES, image_cache.LABELS):
        meta["files"][name] = image_cache._file_record(folder / name)
    meta_file.write_text(json.dumps(meta))
    again = tiny("trainer.max_epochs=1", f"output_dir={tmp_path / 'others'}")
    assert train(again)[1].training == before.training
    assert not executed.exists()
