"""Every mechanism is a function of the images and its draws."""

import pytest
import torch
from commands import ROOT

from privacy_gan.commands.run_setup import build_privatizer, prepare_run
from privacy_gan.models.subspace import Basis
from privacy_gan.privatizers.codebook import CodebookPrivatizer

IMAGES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))
MECHANISMS = sorted(path.stem for path in (ROOT / "conf" / "privatizer").iterdir())
SMALL = {
    "stargan": ["privatizer.width=2", "privatizer.residual_blocks=1"],
    "projection": ["networks=subspace", "networks.components=5"],
    "codebook": ["privatizer.principal_components=5", "privatizer.codewords=4"],
    "codebook_generator": [
        "privatizer.filter.principal_components=5",
        "privatizer.filter.codewords=4",
    ],
}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[name for name in MECHANISMS if name != "stack"])  # see test_stack
def mechanism(request, tiny):
    name = request.param
    setup = prepare_run(tiny(f"privatizer={name}", *SMALL.get(name, []), cached=False))
    privatizer = build_privatizer(setup).eval().requires_grad_(False)
    if "strength" in dict(privatizer.named_buffers()):
        privatizer.strength.fill_(2.5)
    for module in privatizer.modules():
        if isinstance(module, CodebookPrivatizer):
            fill(module)
    return privatizer


def fill(codebook):
    """Make a codebook as large as after its fit."""
    directions = torch.linalg.qr(torch.randn(3 * 16**2, 5, generator=rng())).Q
    basis = Basis(torch.full((3 * 16**2,), 0.5), directions, torch.ones(5), 6.0)
    codebook.subspace.load_basis(basis)
    codebook.codebook.centres = 0.1 * torch.randn(4, 12, generator=rng())
    codebook.codebook.images = torch.rand(4, 3 * 16**2, generator=rng())


def test_censored_images_are_a_function_of_images_and_draws(mechanism):
    draws = mechanism.draw(IMAGES, rng())
    first, again = mechanism(IMAGES, draws), mechanism(IMAGES, draws)
    together = mechanism.privatize(IMAGES, rng())
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.images, together.images)
    if first.synthetic is None:
        assert "synthetic" not in draws
    else:
        assert torch.equal(first.synthetic, draws["synthetic"])


def test_draws_have_a_row_for_each_image_which_affects_no_other_image(mechanism):
    draws = mechanism.draw(IMAGES, rng())
    assert all(len(rows) == len(IMAGES) for rows in draws.values())
    whole = mechanism(IMAGES, draws).images
    parts = [
        mechanism(IMAGES[part], {name: rows[part] for name, rows in draws.items()}).images
        for part in (slice(0, 2), slice(2, 6))
    ]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-4, atol=1e-5)


def test_a_mechanism_is_deterministic_if_it_draws_nothing(mechanism):
    draws = mechanism.draw(IMAGES, rng())
    assert mechanism.deterministic == (draws == {})
    if draws:
        other = mechanism.draw(IMAGES, rng(seed=1))
        assert not all(torch.equal(draws[name], other[name]) for name in draws)


def test_the_synthetic_attribute_can_be_set_with_all_other_draws_the_same(tiny):
    setup = prepare_run(tiny(cached=False))
    mechanism = build_privatizer(setup).eval().requires_grad_(False)
    draws = mechanism.draw(IMAGES, rng())
    zero, one = (
        mechanism(IMAGES, {**draws, "synthetic": torch.full((6,), value)}) for value in (0, 1)
    )
    assert zero.synthetic.tolist() == [0] * 6
    assert not torch.equal(zero.images, one.images)
    first, second = (mechanism.figure_rows(IMAGES, rng())[f"x''  s'={value}"] for value in (0, 1))
    assert not torch.equal(first, second)
