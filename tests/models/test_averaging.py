"""Averages of weights, and the moments that their batch norms need."""

import torch
from torch import nn

from privacy_gan.models.averaging import average_of, norms_relearned


def test_an_average_keeps_the_smaller_of_its_decay_and_a_share_that_grows():
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = average_of(network, decay=0.25)
    after = []
    for value in (0.0, 1.0, 2.0, 3.0):
        network.weight.data.fill_(value)
        average.update_parameters(network)
        after.append(float(average.module.weight))
    # the first is taken over; then 2/11 is kept, 3/12 = 1/4, and 1/4 as 4/13 is more
    third = 1 / 4 * 9 / 11 + 3 / 4 * 2
    expected = [0.0, 9 / 11, third, 1 / 4 * third + 3 / 4 * 3]
    torch.testing.assert_close(torch.tensor(after), torch.tensor(expected))


def test_norms_learn_the_moments_of_all_batches_alike_and_are_fixed_again():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
    network.eval()
    network[1].running_mean.fill_(7.0)
    rng = torch.Generator().manual_seed(0)
    batches = [torch.randn(5, 3, 8, 8, generator=rng) for _ in range(3)]
    with norms_relearned(network), torch.no_grad():
        for batch in batches:
            network(batch)
    inner = [network[0](batch) for batch in batches]
    mean = torch.stack([hidden.mean(dim=(0, 2, 3)) for hidden in inner]).mean(dim=0)
    variance = torch.stack([hidden.var(dim=(0, 2, 3)) for hidden in inner]).mean(dim=0)
    torch.testing.assert_close(network[1].running_mean, mean)
    torch.testing.assert_close(network[1].running_var, variance)
    assert not network[1].training
    assert network[1].momentum == 0.1
