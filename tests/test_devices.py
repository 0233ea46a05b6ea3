"""Choice and validation of devices, processes and precision."""

import pytest
from omegaconf import OmegaConf

from privacy_gan.config import check_devices
from privacy_gan.errors import UserError
from privacy_gan.hardware import choose_precision, supports_bfloat16


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"devices": 2}, "trainer.devices=2 needs trainer=ddp"),
        ({"devices": [1]}, "CUDA_VISIBLE_DEVICES selects"),
        ({"devices": "auto", "strategy": {}, "accelerator": "cpu"}, "must be a whole number"),
        ({"devices": 0, "strategy": {}}, "must be a whole number"),
        ({"devices": "auto", "strategy": {}, "sync_batchnorm": False}, "depends on the number of"),
    ],
)
def test_unusable_devices_are_rejected(trainer, message):
    defaults = {"accelerator": "gpu", "sync_batchnorm": True}
    with pytest.raises(UserError, match=message):
        check_devices(OmegaConf.create(defaults | trainer))


def test_cpu_uses_float32_for_small_images_unless_bfloat16_is_requested(caplog):
    usual = "bf16-mixed" if supports_bfloat16("cpu") else "32-true"
    assert choose_precision("cpu", "auto", 32) == choose_precision("cpu", "auto") == usual
    assert choose_precision("cpu", "auto", 16) == "32-true"
    assert not caplog.text
    assert choose_precision("cpu", "bf16-mixed", 16) == "bf16-mixed"
    assert "gradients can be wrong or nan at random" in caplog.text
