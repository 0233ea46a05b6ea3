"""What the project is measured against does the paper's step, and nothing less."""

from itertools import cycle

import pytest
import torch

from privacy_gan.benchmarking.reference import PlainUNet, ReferenceStep
from privacy_gan.data.batch import Batch
from privacy_gan.models.resnet import resnet10, resnet18
from privacy_gan.models.unet import UNet

SIZE = {"image_size": 16, "width": 2, "noise_size": 4}


@pytest.fixture
def step():
    torch.manual_seed(0)
    return ReferenceStep(
        PlainUNet(**SIZE),
        PlainUNet(**SIZE, num_classes=2),
        resnet18(2),
        resnet10(3),
        column=0,
        epsilon=0.01,
        weight=1e5,
        learning_rate=5e-4,
        device=torch.device("cpu"),
    )


def batches():
    return cycle([Batch(torch.rand(4, 3, 16, 16), torch.tensor([[0], [1], [0], [1]]))])


def players(step):
    return (
        *(step.filter, step.generator),
        *(step.filter_discriminator, step.generator_discriminator),
    )


def test_its_unet_is_the_projects():
    torch.manual_seed(0)
    ours, plain = UNet(**SIZE, num_classes=2).double(), PlainUNet(**SIZE, num_classes=2).double()
    plain.load_state_dict(ours.state_dict())
    inputs = (torch.rand(4, 3, 16, 16).double(), torch.randn(4, 4).double(), torch.arange(4) % 2)
    torch.testing.assert_close(plain(*inputs), ours(*inputs))


def test_all_players_learn_and_the_generators_discriminator_in_every_third_step(step):
    learned = []
    for _ in range(4):
        before = [player.state_dict() for player in players(step)]
        before = [{name: value.clone() for name, value in state.items()} for state in before]
        step(batches(), 1)
        learned.append(
            [
                any(not torch.equal(old[name], p) for name, p in player.named_parameters())
                for old, player in zip(before, players(step), strict=True)
            ]
        )
    assert learned == [
        [True, True, True, True],
        [True, True, True, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


def test_the_generators_loss_flows_back_into_the_filter_as_in_the_released_code(step):
    gradients = []
    update = step.update

    def watched(optimizer, loss):
        update(optimizer, loss)
        gradients.append(step.filter.to_rgb.weight.grad.clone())

    step.update = watched
    step(batches(), 1)
    after_filter, after_generator = gradients[:2]
    assert not torch.equal(after_filter, after_generator)
