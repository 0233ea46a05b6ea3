"""A small mechanism of each kind, with other weights than its initial ones."""

import torch

from privacy_gan.models.stargan import StarGANGenerator
from privacy_gan.models.subspace import Basis, Subspace
from privacy_gan.models.unet import UNet
from privacy_gan.privatizers.blur import Blur
from privacy_gan.privatizers.codebook import CodebookPrivatizer
from privacy_gan.privatizers.identity import Identity
from privacy_gan.privatizers.inference import (
    FilterGeneratorInference,
    FilterInference,
    GeneratorInference,
    StarGANInference,
)
from privacy_gan.privatizers.noise import Noise
from privacy_gan.privatizers.pixelate import Pixelate
from privacy_gan.privatizers.projection import Projection
from privacy_gan.privatizers.stack import Chain
from privacy_gan.privatizers.transport import Transport

SIZE = 16
FACTS = {
    "mechanism": "made_up",
    "attribute": "Smiling",
    "epsilon": 0.01,
    "seed": 0,
    "data": "celeba-16",
    "precision": "32-true",
    "made_by": "privacy_gan",
}


def unet(classes=None):
    return UNet(SIZE, width=2, noise_size=8, num_classes=classes)


def empirical():
    generator = GeneratorInference(unet(3), 3, "empirical")
    generator.synthetic.fit_labels(torch.tensor([0, 2, 2, 2]))
    return generator


def with_strength(operation, strength):
    operation.strength.fill_(strength)
    return operation


def transport():
    mechanism = Transport(0.01, 2, SIZE, 0, components=5, target="random")
    for buffer in mechanism.buffers():
        buffer.copy_(0.1 * torch.randn_like(buffer))
    return with_strength(mechanism, 0.5)


def projection():
    mechanism, values = Projection(Subspace(5)), 3 * SIZE**2
    directions = torch.linalg.qr(torch.randn(values, 5)).Q
    mechanism.subspace.load_basis(Basis(torch.rand(values), directions, torch.ones(5), 6.0))
    return mechanism


def codebook():
    values = 3 * SIZE**2
    settings = {"codewords": 6, "epsilon": 0.025, "temperature": 0.01, "utilities": ["Male"]}
    networks = {"utility_weight": 0.03, "width": 8, "dropout": 0.3}
    mechanism = CodebookPrivatizer(0, 5, 2, **settings, **networks)
    directions = torch.linalg.qr(torch.randn(values, 5)).Q
    mechanism.subspace.load_basis(Basis(torch.rand(values), directions, torch.ones(5), 6.0))
    mechanism.codebook.centres = 0.1 * torch.randn(6, 6)
    mechanism.codebook.slopes = torch.randn(6, 1)
    mechanism.codebook.images = torch.rand(6, values)
    return mechanism


MECHANISMS = {
    "filter_generator": lambda: FilterGeneratorInference(
        FilterInference(unet()), GeneratorInference(unet(2), 2)
    ),
    "filter": lambda: FilterInference(unet()),
    "noisy_filter": lambda: FilterInference(unet(), 0.1),
    "generator": lambda: GeneratorInference(unet(2), 2),
    "empirical": empirical,
    "stargan": lambda: StarGANInference(StarGANGenerator(2, 4, 1), 2),
    "stargan_of_three": lambda: StarGANInference(StarGANGenerator(3, 4, 1), 3),
    "blur": lambda: with_strength(Blur(0.01), 0.8),
    "pixelate": lambda: with_strength(Pixelate(0.01), 1.3),
    "noise": lambda: with_strength(Noise(0.01), 0.3),
    "projection": projection,
    "codebook": codebook,
    "codebook_generator": lambda: FilterGeneratorInference(
        codebook(), GeneratorInference(unet(2), 2)
    ),
    "identity": Identity,
    "transport": transport,
    "stack": lambda: Chain(
        [FilterInference(unet()), with_strength(Blur(0.01), 0.8), GeneratorInference(unet(2), 2)],
        ["Smiling", "Male", "Smiling"],
    ),
}


def make_mechanism(name):
    """Return a mechanism in evaluation mode, with the same weights at each call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        mechanism = MECHANISMS[name]()
        for parameter in mechanism.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return mechanism.eval().requires_grad_(False)
