"""load_privatizer: runs and exported folders are equivalent, and inputs are checked."""

import numpy as np
import pytest
import torch
from hydra import compose
from mechanisms import FACTS, SIZE, make_mechanism
from PIL import Image

from privacy_gan import load_privatizer
from privacy_gan.commands import export
from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.release.exported import ExportedPrivatizer

IMAGES = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
BYTES = (IMAGES * 255).round()


def test_a_run_and_its_export_load_the_same_mechanism(tiny, tmp_path):
    run, _ = train(tiny("trainer.max_epochs=1"))
    export.main(compose("export", [f"run='{run.path}'", f"output='{tmp_path}/m'", "onnx=false"]))
    of_run, exported = load_privatizer(run.path), load_privatizer(tmp_path / "m")
    assert of_run.image_size == exported.image_size == 16
    assert of_run.attributes == exported.attributes == ("Smiling",)
    assert of_run.facts == exported.facts
    assert of_run.facts["epsilon"] == 0.01
    images = torch.rand(2, 3, of_run.image_size, of_run.image_size)
    for one, other in zip(of_run.privatize(images, 0), exported.privatize(images, 0), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert not of_run.training
    for privatizer in (of_run, exported):
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            privatizer.privatize(images * 255, 0)


@pytest.fixture(scope="module")
def privatizer():
    return ExportedPrivatizer.from_privatizer(
        make_mechanism("filter_generator"), SIZE, ["Smiling"], FACTS
    )


def test_batches_in_0_to_1_are_accepted_with_rounding_errors(privatizer):
    for images in (
        IMAGES,
        IMAGES * 0,
        IMAGES * 0 + 1 + 1e-5,
        IMAGES.contiguous(memory_format=torch.channels_last),
    ):
        assert privatizer.privatize(images, 0).images.shape == IMAGES.shape
    assert privatizer.privatize(IMAGES[:1], torch.Generator()).images.shape == (1, 3, SIZE, SIZE)


LAST = IMAGES.permute(0, 2, 3, 1)
WRONG = {
    "bytes as floats": (BYTES, "from 0 to 255 on cpu: images / 255"),
    "bytes": (
        BYTES.byte(),
        "a uint8 tensor [2, 3, {S}, {S}] from 0 to 255 on cpu: images.float() / 255",
    ),
    "from -1 to 1": (IMAGES * 2 - 1, "(images + 1) / 2"),
    "standardized": ((IMAGES - 0.45) / 0.2, "in [0, 1]"),
    "a little too much": (IMAGES * 1.1, "images.clamp(0, 1)"),
    "a little too little": (IMAGES - 0.01, "images.clamp(0, 1)"),
    "nan": (IMAGES.where(IMAGES > 0.01, torch.nan), "pixels must be finite"),
    "infinite": (IMAGES.where(IMAGES < 0.99, torch.inf), "pixels must be finite"),
    "grey": (IMAGES[:, :1], "[2, 1, {S}, {S}]"),
    "opacity": (torch.rand(2, 4, SIZE, SIZE), "images[:, :3] drops the alpha channel"),
    "another size": (torch.rand(2, 3, 2 * SIZE, 2 * SIZE), "resize them to {S} by {S} pixels"),
    "no square": (torch.rand(2, 3, SIZE, 2 * SIZE), "resize them to {S} by {S} pixels"),
    "no batch": (IMAGES[0], "images[None] makes a batch of one image"),
    "no colours": (IMAGES[0, 0], "a batch of images has four dimensions"),
    "none": (IMAGES[:0], "the batch is empty"),
    "colours last": (LAST, "images.permute(0, 3, 1, 2) moves the channels first"),
    "double": (IMAGES.double(), "images.to(torch.float32) converts them"),
    "half": (IMAGES.half(), "images.to(torch.float32) converts them"),
    "numpy": (LAST.numpy(), "a numpy ndarray [2, {S}, {S}, 3]: convert them with torch.from_numpy"),
    "Pillow": (Image.new("RGB", (SIZE, SIZE)), "a PIL Image [{S}, {S}]: convert them with"),
    "a list": ([IMAGES[0]], "a builtins list: convert them with torch.from_numpy"),
    "elsewhere": (IMAGES.to("meta"), "on meta: images.to('cpu') moves them"),
}


@pytest.mark.parametrize(("images", "message"), WRONG.values(), ids=WRONG.keys())
def test_other_inputs_are_refused_and_described(images, message, privatizer):
    before = np.array(images) if isinstance(images, np.ndarray) else None
    with pytest.raises(ValueError, match="images must be a float32 tensor") as error:
        privatizer.privatize(images, 0)
    line = str(error.value)
    assert f"[B, 3, {SIZE}, {SIZE}] in [0, 1] on cpu, but are " in line
    assert message.format(S=SIZE) in line
    assert "\n" not in line
    assert isinstance(error.value, UserError)
    assert before is None or (before == images).all()


@pytest.mark.parametrize("rng", [None, 0.5, True, "0", np.random.default_rng(0)], ids=str)
def test_an_rng_that_is_neither_generator_nor_seed_is_refused(rng, privatizer):
    with pytest.raises(ValueError, match=r"rng must be a torch\.Generator or an integer seed"):
        privatizer.privatize(IMAGES, rng)
