"""The bare step, which Lightning's overhead is measured against, trains what Lightning trains."""

from functools import partial

import torch

from privacy_gan.benchmarking.bare import BareStep
from privacy_gan.benchmarking.loading import served_batches
from privacy_gan.commands.building import build_privatizer, open_run
from privacy_gan.commands.timed_run import trained
from privacy_gan.hardware import choose_compute


def test_it_ends_with_the_same_weights(tiny):
    setup = open_run(tiny("trainer.max_epochs=1"))
    setup.datamodule.setup()
    compute = choose_compute("cpu", "32-true")
    bare = BareStep(build_privatizer(setup), compute)
    batches = served_batches(setup.datamodule, compute.device)
    bare(batches, 4)  # all that there are in an epoch
    trainer = trained(setup)
    assert trainer.global_step > 0
    expected = trainer.lightning_module.state_dict()
    for name, value in bare.privatizer.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=partial("{}: {}".format, name))
