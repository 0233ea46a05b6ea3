"""What differs on a GPU: where the images live, and bfloat16 by default."""

import pytest
import torch

from privacy_gan.commands.pipeline import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


def test_images_on_the_device_train_the_same_run_as_images_on_the_host(tiny, tmp_path):
    records = [
        train(tiny("trainer=gpu", f"data.on_device={on}", f"output_dir={tmp_path / on}"))[1]
        for on in ("false", "true")
    ]
    host, device = (record.training for record in records)
    assert host.keys() == device.keys()
    for name, value in host.items():
        assert device[name] == pytest.approx(value, rel=1e-3, abs=1e-3)


def test_precision_is_chosen_by_the_hardware(tiny):
    _, record = train(tiny("trainer=gpu", "trainer.precision=auto", "trainer.max_epochs=1"))
    assert 0 < record.training["valid/generator/distortion"] < 1
