"""StarGAN's training compared with a literal transcription of its losses, in float64."""

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
SENSITIVE = 1  # column


def make_stargan(num_classes=2, **options):
    torch.manual_seed(0)
    return StarGAN(
        attribute_index=SENSITIVE,
        seed=SEED,
        # SGD, because its steps are proportional to the gradients; Adam's first steps are not
        optimizer=lambda parameters: torch.optim.SGD(parameters, RATE),
        image_size=SIZE,
        num_classes=num_classes,
        width=2,
        residual_blocks=1,
        **options,
    )


def make_batches(count, num_classes=2, dtype=torch.float64):
    rng = torch.Generator().manual_seed(1)
    return [
        Batch(
            torch.rand(BATCH, 3, SIZE, SIZE, generator=rng, dtype=dtype),
            torch.randint(num_classes, (BATCH, 3), generator=rng),
        )
        for _ in range(count)
    ]


class FixedBatches(LightningDataModule):
    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def train_dataloader(self):
        return DataLoader(self.batches, batch_size=None)


def fit(privatizer, batches, precision="64-true", **options):
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
    trainer.fit(privatizer, datamodule=FixedBatches(batches))
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


def literal_stargan(g, d, batches, num_classes, discriminator_steps, lambda_rec):
    """Run each network's loss and step, with separate forward passes."""
    for t, (images, attributes) in enumerate(batches):
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
    privatizer = make_stargan(
        num_classes, lambda_rec=lambda_rec, discriminator_steps=discriminator_steps
    ).double()
    g, d = copy.deepcopy((privatizer.generator, privatizer.discriminator))
    batches = make_batches(steps, num_classes)
    fit(privatizer, batches)
    literal_stargan(g, d, batches, num_classes, discriminator_steps, lambda_rec)
    for trained, expected in [(privatizer.generator, g), (privatizer.discriminator, d)]:
        for (name, p), q in zip(trained.named_parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(
                p, q, rtol=1e-7, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}"
            )


class RecordUpdates(Callback):
    """Records after every batch which networks were updated."""

    def on_train_batch_start(self, trainer, privatizer, *step):
        self.before = copy.deepcopy([list(p.parameters()) for p in self.networks(privatizer)])

    def on_train_batch_end(self, trainer, privatizer, *step):
        changed = [
            any(not torch.equal(p, q) for p, q in zip(before, now.parameters(), strict=True))
            for before, now in zip(self.before, self.networks(privatizer), strict=True)
        ]
        self.updates.append(changed)

    def on_train_start(self, *args):
        self.updates = []

    def networks(self, privatizer):
        return privatizer.generator, privatizer.discriminator


def record_updates(privatizer, count):
    callback = RecordUpdates()
    fit(privatizer.double(), make_batches(count), callbacks=[callback])
    return callback.updates


def test_the_discriminator_is_updated_in_every_step_and_the_generator_in_every_fifth():
    alone, both = [False, True], [True, True]
    assert record_updates(make_stargan(), 11) == [*[alone] * 4, both, *[alone] * 4, both, alone]


def test_the_generator_is_updated_once_in_an_epoch_of_fewer_batches():
    assert record_updates(make_stargan(), 3) == [[False, True], [False, True], [True, True]]


def test_each_loss_updates_one_network_only(monkeypatch):
    privatizer = make_stargan(discriminator_steps=2).double()
    updated = []
    original = StarGAN.compute_gradients

    def compute_gradients(self, optimizer, loss, network):
        self.zero_grad(set_to_none=True)
        original(self, optimizer, loss, network)
        updated.append({n.split(".")[0] for n, p in self.named_parameters() if p.grad is not None})

    monkeypatch.setattr(StarGAN, "compute_gradients", compute_gradients)
    fit(privatizer, make_batches(2))
    assert updated == [{"discriminator"}, {"discriminator"}, {"generator"}]


@pytest.mark.parametrize(("lambda_rec", "passes"), [(0, 1), (10, 2)])
def test_the_cycle_is_not_computed_if_its_weight_is_0(lambda_rec, passes):
    privatizer = make_stargan(lambda_rec=lambda_rec, discriminator_steps=1).double()
    calls = []
    privatizer.generator.register_forward_hook(lambda *call: calls.append(call))
    fit(privatizer, make_batches(1))
    assert len(calls) == passes


def test_penalty_of_a_linear_discriminator_equals_the_value_by_hand():
    # D_src is 0.5 times the sum of 12 pixels: its gradient's norm is 0.5 sqrt(12) = sqrt(3)
    linear = lambda x: ((0.5 * x).sum(dim=(1, 2, 3)), None)  # noqa: E731
    images = torch.zeros(2, 3, 2, 2)
    penalty = gradient_penalty(linear, images, images + 1, torch.rand(2, 1, 1, 1))
    assert penalty.item() == pytest.approx((math.sqrt(3) - 1) ** 2)


def test_penalty_is_computed_at_mixtures_with_one_alpha_per_image():
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
        penalties = [gradient_penalty(discriminator, *arguments)]
        with torch.inference_mode():
            inference_tensors = [argument.clone() for argument in arguments]
            penalties.append(gradient_penalty(discriminator, *inference_tensors))
    assert [value.item() for value in penalties] == pytest.approx([expected] * 2, rel=1e-6)


def test_under_autocast_the_generators_loss_uses_the_updated_discriminator():
    privatizer = make_stargan(discriminator_steps=1, lambda_rec=0)
    calls = []
    privatizer.discriminator.register_forward_hook(
        lambda m, inputs, out: calls.append((inputs, out))
    )
    fit(privatizer, make_batches(1, dtype=torch.float32), precision="bf16-mixed")
    (fake,), (source, _) = calls[-1]
    with torch.autocast("cpu", torch.bfloat16):
        now, _ = privatizer.discriminator(fake)
    assert torch.equal(source, now)
    calls.clear()
    for p in privatizer.parameters():
        assert p.isfinite().all()


@pytest.mark.parametrize("num_classes", [2, 3])
def test_censored_images_are_in_range_with_a_random_attribute(num_classes):
    privatizer = make_stargan(num_classes).eval()
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
        row = rows[f"x''  s'={value}"][synthetic == value]
        torch.testing.assert_close(row, censored[synthetic == value])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discriminator_steps": 0}, "privatizer.discriminator_steps=0 must be 1 or more"),
        ({"lambda_rec": -1}, "privatizer.lambda_rec=-1 must be 0 or more"),
        ({"synthetic": "other"}, "synthetic=other is unknown"),
    ],
)
def test_options_out_of_range_are_rejected(options, message):
    with pytest.raises(UserError, match=message):
        make_stargan(**options)
