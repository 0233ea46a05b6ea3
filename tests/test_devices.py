"""Which processes and devices a run may be given."""

import pytest
from omegaconf import OmegaConf

from privacy_gan.config import check_devices
from privacy_gan.errors import UserError


@pytest.mark.parametrize(
    ("trainer", "told"),
    [
        ({"devices": 2}, "trainer.devices=2 needs trainer=ddp"),
        ({"devices": [1]}, "CUDA_VISIBLE_DEVICES chooses"),
        ({"devices": "auto", "strategy": {}, "accelerator": "cpu"}, "must be a whole number"),
        ({"devices": 0, "strategy": {}}, "must be a whole number"),
        ({"devices": "auto", "strategy": {}, "sync_batchnorm": False}, "depends on the number of"),
    ],
)
def test_devices_that_cannot_be_used_are_a_mistake(trainer, told):
    defaults = {"accelerator": "gpu", "sync_batchnorm": True}
    with pytest.raises(UserError, match=told):
        check_devices(OmegaConf.create(defaults | trainer))
