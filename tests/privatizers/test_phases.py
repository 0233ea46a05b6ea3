"""Training the filter first, and then the generator."""

import copy

import pytest
import torch
from games import BATCH, NOISE, make_batches, small_discriminator, train, unet
from pytorch_lightning import Callback

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.losses import smoothed_accuracy
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.constraint import Multiplier, Penalty
from privacy_gan.privatizers.filter import Filter
from privacy_gan.privatizers.generator import Generator
from privacy_gan.privatizers.phase import Phase

EPSILON, RATE = 0.02, 1e-3


def make_game(generator=True, filter_averaging=None, budget_share=1.0, **options):
    torch.manual_seed(0)
    g = Generator(unet, small_discriminator, 2, constraint=Penalty(EPSILON, 100.0))
    return AdversarialPrivatizer(
        attribute_index=0,
        seed=3,
        optimizer=lambda parameters: torch.optim.Adam(parameters, RATE),
        filter=Filter(
            unet,
            small_discriminator,
            lambda logits, s, progress: smoothed_accuracy(logits, s, progress, 0.3, 0.05, 0.6),
            2,
            constraint=Multiplier(EPSILON),
            averaging=filter_averaging,
            budget_share=budget_share,
        ),
        generator=g if generator else None,
        **options,
    ).double()


class Record(Callback):
    """Records parameters, learning rates and batch sizes of the generator after every step."""

    def __init__(self):
        self.parameters, self.rates, self.sizes = [], [], []

    def on_train_start(self, trainer, pl_module):
        self.keep(pl_module)
        handle = self.sizes.append
        pl_module.generator.discriminator.register_forward_hook(lambda *call: handle(len(call[2])))

    def on_train_batch_end(self, trainer, pl_module, *step):
        self.keep(pl_module)
        self.rates.append([each.param_groups[0]["lr"] for each in trainer.optimizers])

    def keep(self, pl_module):
        self.parameters.append([copy.deepcopy(net.state_dict()) for net in pl_module.networks])


def changed(before, after):
    return [
        any(not torch.equal(value, old[name]) for name, value in new.items())
        for old, new in zip(before, after, strict=True)
    ]


def test_the_generator_is_trained_after_the_filter_which_then_stays_as_it_is():
    record = Record()
    options = {"generator_after": 0.5, "generator_rate": 3.0, "generator_stride": 2}
    game = make_game(decay=1.0, final_rate=0.2, network_rate=0.5, **options)
    train(game, make_batches(2), max_epochs=4, callbacks=[record])
    steps = [changed(a, b) for a, b in zip(record.parameters, record.parameters[1:], strict=False)]
    assert steps == [[True, True, False, False]] * 4 + [[False, False, True, True]] * 4
    # each phase has its own decay: over its four steps, to 0.2 in the first and to 0 in the second
    filter_rates = [0.2 + 0.8 * left for left in (1, 0.75, 0.5, 0.25)]
    generator_rates = [3 * left for left in (1, 0.75, 0.5, 0.25)]
    assert [rates[1] / RATE for rates in record.rates[:4]] == pytest.approx(filter_rates)
    assert [rates[0] / RATE for rates in record.rates[:4]] == pytest.approx(
        [0.5 * rate for rate in filter_rates]
    )
    assert [rates[3] / RATE for rates in record.rates[4:]] == pytest.approx(generator_rates)
    assert set(record.sizes) == {BATCH // 2}


def test_the_generator_learns_from_what_the_filter_will_release():
    """In its phase, its input is the frozen filter's output, whose average censors."""
    inputs = []
    game = make_game(generator_after=0.5, filter_averaging=0.9)
    game.generator.network.register_forward_hook(lambda _, given, __: inputs.append(given[0]))
    batches = make_batches(2)
    train(game, batches, max_epochs=2)
    game.filter.eval()
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        draws = {"filter_noise": torch.randn(BATCH, NOISE, generator=rng).double()}
        released = game.filter(batches[0].images, draws).images
        network = game.filter.network.train()(batches[0].images, draws["filter_noise"])
    assert len(inputs) == 2
    # noise hardly matters to a network that has learned so little
    assert (inputs[0] - released).abs().mean() < 0.1 * (network - released).abs().mean()


def test_the_filter_gets_its_share_of_the_budget():
    game = make_game(budget_share=0.65)
    assert game.filter.constraint.epsilon == pytest.approx(0.65 * EPSILON)
    assert game.generator.constraint.epsilon == EPSILON


@pytest.mark.parametrize(
    ("generator_after", "epochs", "first"), [(0.75, 2, 1), (0.75, 100, 75), (0.01, 3, 1)]
)
def test_each_phase_has_whole_epochs_and_at_least_one(generator_after, epochs, first):
    class Phases(Callback):
        seen = ()

        def on_train_epoch_start(self, trainer, pl_module):
            self.seen = (*self.seen, pl_module.phase.games[0].name)

    phases = Phases()
    game = make_game(generator_after=generator_after)
    train(game, make_batches(1), max_epochs=epochs, callbacks=[phases])
    assert phases.seen == ("filter",) * first + ("generator",) * (epochs - first)


def test_a_filter_alone_has_all_epochs():
    game = make_game(generator=False, generator_after=0.5)
    train(game, make_batches(1), max_epochs=1)
    assert (game.phase.start, game.phase.end) == (0, 1)


def test_a_single_epoch_is_not_enough_for_two_phases():
    with pytest.raises(UserError, match=r"trainer\.max_epochs=2 or more"):
        train(make_game(generator_after=0.5), make_batches(1), max_epochs=1)


@pytest.mark.parametrize("stride", [4, 6])
def test_a_batch_must_have_enough_images_for_the_stride(stride):
    game = make_game(generator_after=0.5, generator_stride=stride)
    message = f"data.batch_size={BATCH} must be a multiple of .*{stride}"
    with pytest.raises(UserError, match=message):
        train(game, make_batches(1), max_epochs=2)


def test_progress_and_images_of_a_phase():
    phase = Phase([], [], start=6, end=8, stride=4)
    assert [phase.progress(epochs) for epochs in (6, 6.5, 7, 7.5)] == [0, 0.25, 0.5, 0.75]
    rows = phase.select(Batch(torch.arange(10), torch.arange(10, 20)))
    assert rows.images.tolist() == [0, 4, 8]
    assert rows.attributes.tolist() == [10, 14, 18]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator_after": 1.0}, r"game\.generator_after=1\.0 must be at least 0 and below 1"),
        ({"generator_rate": 0.0}, r"game\.generator_rate=0\.0 must be above 0"),
        ({"generator_stride": 0}, r"game\.generator_stride=0 must be 1 or more"),
        ({"final_rate": 2.0}, r"game\.final_rate=2\.0 is out of range"),
        ({"budget_share": 0.0}, r"game\.filter_share=0\.0 must be above 0"),
    ],
)
def test_options_out_of_range_are_rejected(options, message):
    with pytest.raises(UserError, match=message):
        make_game(**options)
