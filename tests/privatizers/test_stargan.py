"""StarGAN's training against its losses written out literally, in float64."""

import copy
import math

import pytest
import torch
from pytorch_lightning import Callback, LightningDataModule, Trainer
from torch.utils.data import DataLoader

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.models.stargan import StarGANDiscriminator
from privacy_gan.privatizers.stargan import StarGAN, gradient_penalty
from privacy_gan.randomness import Purpose, keyed_generator

SEED, SIZE, BATCH, RATE = 3, 16, 6, 0.01
SENSITIVE = 1  # the column


def stargan(num_classes=2, **options):
    torch.manual_seed(0)
    return StarGAN(
        attribute_index=SENSITIVE,
        seed=SEED,
        # whose steps are in proportion to the gradients, which Adam's first ones are not
        optimizer=lambda parameters: torch.optim.SGD(parameters, RATE),
        image_size=SIZE,
        num_classes=num_classes,
        width=2,
        residual_blocks=1,
        **options,
    )


def batches(count, num_classes=2, dtype=torch.float64):
    rng = torch.Generator().manual_seed(1)
    return [
        Batch(
            torch.rand(BATCH, 3, SIZE, SIZE, generator=rng, dtype=dtype),
            torch.randint(num_classes, (BATCH, 3), generator=rng),
        )
        for _ in range(count)
    ]


class Fixed(LightningDataModule):
    def __init__(self, given):
        super().__init__()
        self.given = given

    def train_dataloader(self):
        return DataLoader(self.given, batch_size=None)


def fit(privatizer, given, precision="64-true", **options):
    trainer = Trainer(
        accelerator="cpu",
        precision=precision,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(privatizer, datamodule=Fixed(given))
    return trainer


def literal_classification(logits, labels):
    total = 0
    for row, label in zip(logits, labels, strict=True):
        if len(row) == 1:
            yes = 1 / (1 + torch.exp(-row[0]))
            total = total - torch.log(yes if label else 1 - yes)
        else:
            total = total - torch.log(torch.exp(row[label]) / torch.exp(row).sum())
    return total / len(labels)


def literal_penalty(discriminator, x, x_fake, alpha):
    total = 0
    for i in range(len(x)):
        x_hat = (alpha[i] * x[i] + (1 - alpha[i]) * x_fake[i]).detach()[None].requires_grad_()
        output = discriminator(x_hat)[0].sum()
        (gradient,) = torch.autograd.grad(output, x_hat, create_graph=True)
        total = total + ((gradient**2).sum().sqrt() - 1) ** 2
    return total / len(x)


def descend(network, loss):
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    with torch.no_grad():
        for p, gradient in zip(network.parameters(), gradients, strict=True):
            p -= RATE * gradient


def literal_stargan(g, d, given, num_classes, discriminator_steps, lambda_rec):
    """Each player's loss and step, from forward passes of their own."""
    for t, (images, attributes) in enumerate(given):
        x, s = images * 2 - 1, attributes[:, SENSITIVE]
        rng = keyed_generator("cpu", SEED, Purpose.TRAIN, 0, t)
        s_new = torch.randint(num_classes, (BATCH,), generator=rng)
        alpha = torch.rand(BATCH, 1, 1, 1, generator=rng, dtype=torch.float64)

        x_fake = g(x, s_new).detach()
        loss_d = (
            -d(x)[0].mean()
            + d(x_fake)[0].mean()
            + 1 * literal_classification(d(x)[1], s)
            + 10 * literal_penalty(d, x, x_fake, alpha)
        )
        descend(d, loss_d)
        if (t + 1) % discriminator_steps == 0:
            changed = g(x, s_new)
            loss_g = -d(changed)[0].mean() + 1 * literal_classification(d(changed)[1], s_new)
            loss_g = loss_g + lambda_rec * (x - g(changed, s)).abs().mean()
            descend(g, loss_g)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("lambda_rec", [0, 10])
@pytest.mark.parametrize(("discriminator_steps", "steps"), [(1, 1), (2, 5)])
def test_training_equals_stargan_parameter_by_parameter(
    num_classes, lambda_rec, discriminator_steps, steps
):
    privatizer = stargan(
        num_classes, lambda_rec=lambda_rec, discriminator_steps=discriminator_steps
    ).double()
    g, d = copy.deepcopy((privatizer.generator, privatizer.discriminator))
    given = batches(steps, num_classes)
    fit(privatizer, given)
    literal_stargan(g, d, given, num_classes, discriminator_steps, lambda_rec)
    for trained, expected in [(privatizer.generator, g), (privatizer.discriminator, d)]:
        for (name, p), q in zip(trained.named_parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(
                p, q, rtol=1e-7, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}"
            )


class Turns(Callback):
    """Notes after every batch which players' weights changed."""

    def on_train_batch_start(self, trainer, privatizer, *step):
        self.before = copy.deepcopy([list(p.parameters()) for p in self.networks(privatizer)])

    def on_train_batch_end(self, trainer, privatizer, *step):
        changed = [
            any(not torch.equal(p, q) for p, q in zip(before, now.parameters(), strict=True))
            for before, now in zip(self.before, self.networks(privatizer), strict=True)
        ]
        self.turns.append(changed)

    def on_train_start(self, *args):
        self.turns = []

    def networks(self, privatizer):
        return privatizer.generator, privatizer.discriminator


def turns(privatizer, count):
    callback = Turns()
    fit(privatizer.double(), batches(count), callbacks=[callback])
    return callback.turns


def test_the_discriminator_learns_in_every_step_and_the_generator_in_every_fifth():
    alone, both = [False, True], [True, True]
    assert turns(stargan(), 11) == [*[alone] * 4, both, *[alone] * 4, both, alone]


def test_the_generator_learns_once_in_an_epoch_shorter_than_that():
    assert turns(stargan(), 3) == [[False, True], [False, True], [True, True]]


def test_neither_players_loss_reaches_the_other(monkeypatch):
    privatizer = stargan(discriminator_steps=2).double()
    stepped = []
    original = StarGAN.compute_gradients

    def compute_gradients(self, optimizer, loss, player):
        self.zero_grad(set_to_none=True)
        original(self, optimizer, loss, player)
        stepped.append({n.split(".")[0] for n, p in self.named_parameters() if p.grad is not None})

    monkeypatch.setattr(StarGAN, "compute_gradients", compute_gradients)
    fit(privatizer, batches(2))
    assert stepped == [{"discriminator"}, {"discriminator"}, {"generator"}]


@pytest.mark.parametrize(("lambda_rec", "passes"), [(0, 1), (10, 2)])
def test_without_a_weight_the_cycle_is_not_computed(lambda_rec, passes):
    privatizer = stargan(lambda_rec=lambda_rec, discriminator_steps=1).double()
    seen = []
    privatizer.generator.register_forward_hook(lambda *call: seen.append(call))
    fit(privatizer, batches(1))
    assert len(seen) == passes


def test_penalty_of_a_linear_discriminator_is_the_one_worked_by_hand():
    # D_src is 0.5 times the sum of 12 pixels: its gradient's norm is 0.5 sqrt(12) = sqrt(3)
    linear = lambda x: ((0.5 * x).sum(dim=(1, 2, 3)), None)  # noqa: E731
    images = torch.zeros(2, 3, 2, 2)
    penalty = gradient_penalty(linear, images, images + 1, torch.rand(2, 1, 1, 1))
    assert penalty.item() == pytest.approx((math.sqrt(3) - 1) ** 2)


def test_penalty_is_taken_between_the_images_each_at_its_own_share():
    # half the squared norm has the mixture itself as its gradient: alpha times ones
    quadratic = lambda x: (x.square().sum(dim=(1, 2, 3)) / 2, None)  # noqa: E731
    real, fake = torch.ones(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)
    penalty = gradient_penalty(quadratic, real, fake, torch.tensor([0.25, 1]).view(2, 1, 1, 1))
    expected = ((0.25 * math.sqrt(12) - 1) ** 2 + (math.sqrt(12) - 1) ** 2) / 2
    assert penalty.item() == pytest.approx(expected)


def test_penalty_is_computed_in_full_precision_under_autocast_and_in_validation():
    torch.manual_seed(0)
    discriminator = StarGANDiscriminator(SIZE, 2, width=4)
    images = [torch.rand(2, 3, SIZE, SIZE) for _ in range(2)]
    arguments = [*images, torch.rand(2, 1, 1, 1)]
    exact = copy.deepcopy(discriminator).double()
    expected = gradient_penalty(exact, *(argument.double() for argument in arguments)).item()
    with torch.autocast("cpu", torch.bfloat16):
        found = [gradient_penalty(discriminator, *arguments)]
        with torch.inference_mode():
            made_here = [argument.clone() for argument in arguments]
            found.append(gradient_penalty(discriminator, *made_here))
    assert [value.item() for value in found] == pytest.approx([expected] * 2, rel=1e-6)


def test_under_autocast_the_generator_meets_the_discriminator_of_after_its_step():
    privatizer = stargan(discriminator_steps=1, lambda_rec=0)
    calls = []
    privatizer.discriminator.register_forward_hook(lambda m, given, out: calls.append((given, out)))
    fit(privatizer, batches(1, dtype=torch.float32), precision="bf16-mixed")
    (fake,), (source, _) = calls[-1]
    with torch.autocast("cpu", torch.bfloat16):
        now, _ = privatizer.discriminator(fake)
    assert torch.equal(source, now)
    calls.clear()
    for p in privatizer.parameters():
        assert p.isfinite().all()


@pytest.mark.parametrize("num_classes", [2, 3])
def test_images_come_out_in_their_range_with_a_random_attribute(num_classes):
    privatizer = stargan(num_classes).eval()
    images = torch.rand(64, 3, SIZE, SIZE)
    with torch.no_grad():
        censored, synthetic = privatizer.privatize(images, torch.Generator().manual_seed(0))
        rows = privatizer.figure_rows(images, torch.Generator())
        expected = privatizer.generator(images * 2 - 1, synthetic) / 2 + 0.5
    assert censored.shape == images.shape
    assert 0 <= censored.min() < 0.5 < censored.max() <= 1
    torch.testing.assert_close(censored, expected)
    assert set(synthetic.tolist()) == set(range(num_classes))
    assert list(rows) == ["x", *(f"x''  s'={value}" for value in range(num_classes))]
    assert torch.equal(rows["x"], images)
    for value in range(num_classes):
        shown = rows[f"x''  s'={value}"][synthetic == value]
        torch.testing.assert_close(shown, censored[synthetic == value])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discriminator_steps": 0}, "privatizer.discriminator_steps=0 must be 1 or more"),
        ({"lambda_rec": -1}, "privatizer.lambda_rec=-1 must be 0 or more"),
        ({"synthetic": "other"}, "synthetic=other is unknown"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        stargan(**options)
