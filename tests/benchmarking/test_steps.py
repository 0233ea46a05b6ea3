"""The benchmark's training steps: ours in a plain loop, and the released code's."""

from functools import partial
from itertools import cycle

import pytest
import torch
from benchmarks import steps
from benchmarks.run import train_run
from benchmarks.steps import BareStep, PlainUNet, ReferenceStep

from privacy_gan.commands.run_setup import build_privatizer, prepare_run
from privacy_gan.hardware import choose_compute
from privacy_gan.models.resnet import resnet10, resnet18
from privacy_gan.models.unet import UNet

SIZE = {"image_size": 16, "width": 2, "noise_size": 4}


def test_a_plain_loop_gives_the_same_weights_as_the_trainer(tiny):
    setup = prepare_run(tiny("trainer.max_epochs=1"))
    setup.datamodule.setup()
    bare = BareStep(build_privatizer(setup), choose_compute("cpu", "32-true"))
    epoch = setup.datamodule.train_dataloader()
    bare((setup.datamodule.on_after_batch_transfer(batch, 0) for batch in epoch), len(epoch))
    assert bare.steps == 4
    trainer = train_run(setup)
    assert trainer.global_step > 0
    expected = trainer.lightning_module.state_dict()
    for name, value in bare.privatizer.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=partial("{}: {}".format, name))


@pytest.fixture
def step():
    torch.manual_seed(0)
    return ReferenceStep(
        PlainUNet(**SIZE),
        PlainUNet(**SIZE, num_classes=2),
        resnet18(2),
        resnet10(3),
        epsilon=0.01,
        weight=1e5,
        learning_rate=5e-4,
        device=torch.device("cpu"),
    )


def batches():
    return cycle([(torch.rand(4, 3, 16, 16), torch.tensor([0, 1, 0, 1]))])


def test_the_references_unet_computes_the_same_as_ours():
    torch.manual_seed(0)
    ours, plain = UNet(**SIZE, num_classes=2).double(), PlainUNet(**SIZE, num_classes=2).double()
    plain.load_state_dict(ours.state_dict())
    inputs = (torch.rand(4, 3, 16, 16).double(), torch.randn(4, 4).double(), torch.arange(4) % 2)
    torch.testing.assert_close(plain(*inputs), ours(*inputs))


def test_all_networks_are_updated_the_generators_discriminator_every_third_step(step):
    updated = []
    for _ in range(4):
        before = [network.state_dict() for network in step.networks]
        before = [{name: value.clone() for name, value in state.items()} for state in before]
        step(batches(), 1)
        updated.append(
            [
                any(not torch.equal(old[name], p) for name, p in network.named_parameters())
                for old, network in zip(before, step.networks, strict=True)
            ]
        )
    assert updated == [
        [True, True, True, True],
        [True, True, True, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


def test_gradients_of_the_generators_loss_reach_the_filter_as_in_released_code(step, monkeypatch):
    filter, gradients = step.networks[0], []

    def optimize_and_record(optimizer, loss):
        optimize(optimizer, loss)
        gradients.append(filter.to_rgb.weight.grad.clone())

    optimize = steps.optimize
    monkeypatch.setattr(steps, "optimize", optimize_and_record)
    step(batches(), 1)
    after_filter, after_generator = gradients[:2]
    assert not torch.equal(after_filter, after_generator)
