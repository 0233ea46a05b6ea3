"""Fits the subspace in which a filter works, once for all runs with the same data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.models.fit_basis import fit_basis
from privacy_gan.models.subspace import Basis, Subspace
from privacy_gan.runs.artifacts import ArtifactCache, Content, ResumeCheckpoint

FIRST_COUNT, MAX_COUNT = 128, 1024  # components that are fitted; doubled until they are enough
BATCH = 1024  # images
SEED = 0  # one basis for all runs


def choose_basis(
    cache: ArtifactCache,
    datamodule: TableDataModule,
    device: torch.device,
    epsilon: float,
    components: int | None,
    max_truncation: float,
) -> tuple[Basis, int]:
    """Return the principal components of the training images, and how many of them to use.

    Args:
        cache: cache of these data, for all runs.
        datamodule: set up.
        device: where to compute.
        epsilon: the distortion budget.
        components: number of components, or None for as few as cut off at most ``max_truncation``
            of the budget.
        max_truncation: share of the budget.

    Raises:
        UserError: the data have fewer components, or the components cut off too much.
    """
    count = FIRST_COUNT if components is None else components
    while True:
        basis = load_or_fit(cache, datamodule, device, count)
        available = len(basis.deviations)
        if components is not None:
            require_components(basis, components, epsilon)
            return basis, components
        for used in range(1, available + 1):
            if basis.truncation(used) <= max_truncation * epsilon:
                return basis, used
        if available < count or count == MAX_COUNT:
            raise UserError(
                f"epsilon={epsilon:g} is too small for networks=subspace: even {available} "
                f"principal components cut off {basis.truncation(available):.2g} of these images, "
                f"more than networks.max_truncation={max_truncation:g} of the budget; set a larger "
                "epsilon, or networks=unet"
            )
        count *= 2


def require_components(basis: Basis, components: int, epsilon: float) -> None:
    """Require that a basis has enough components, and that these leave some of the budget.

    Raises:
        UserError: they do not.
    """
    available = len(basis.deviations)
    if components > available:
        raise UserError(
            f"networks.components={components}, but these images have only {available} principal "
            f"components: set it to {available} or less, or to null"
        )
    if (truncation := basis.truncation(components)) >= epsilon:
        raise UserError(
            f"networks.components={components}: fewer components than images need cut off "
            f"{truncation:.2g}, which is all of epsilon={epsilon:g}; set more components, or null"
        )


def load_or_fit(
    cache: ArtifactCache, datamodule: TableDataModule, device: torch.device, count: int
) -> Basis:
    """Return the principal components of the training images from the cache, or fit them."""

    def batches() -> Iterator[Tensor]:
        for rows in torch.split(torch.from_numpy(datamodule.rows("train")), BATCH):
            yield datamodule.gather(rows, device).images

    def make(names: Sequence[str], resume: ResumeCheckpoint) -> dict[str, Content]:
        del resume  # it takes minutes at most
        return {name: fit_basis(batches, count, SEED)._asdict() for name in names}

    name = f"components-{count}"
    content = cache.get({name: cache.path(name, "")}, make)[name]
    return Basis(**content)


def load_basis(network: nn.Module, basis: Basis) -> None:
    """Load a basis into all subspaces of a mechanism: those of networks and discriminators."""
    for module in network.modules():
        if isinstance(module, Subspace):
            module.load_basis(basis)
