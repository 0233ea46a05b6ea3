"""Fits the subspace in which a filter works, once for all runs with the same data."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.models.fit_basis import FIT_VERSION, fit_basis
from privacy_gan.models.subspace import Basis, Subspace
from privacy_gan.models.subspace_filter import SubspaceFilter
from privacy_gan.runs.artifacts import ArtifactCache, Content, ResumeCheckpoint

log = logging.getLogger(__name__)

FIRST_COUNT, MAX_COUNT = 128, 1024  # components that are fitted; doubled until they are enough
BATCH = 1024  # images
SEED = 0  # one basis for all runs
FIT_SETTINGS = f"{FIT_VERSION} {SEED}"


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
        epsilon: the filter's budget.
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
        if not available:
            raise UserError("networks=subspace: all training images are equal")
        if available < count or count == MAX_COUNT:
            raise UserError(
                f"the filter's budget of {epsilon:g} is too small for networks=subspace: "
                f"with all {available} principal components, the mean squared error is still "
                f"{basis.truncation(available):.2g}, more than "
                f"networks.max_truncation={max_truncation:g} of the budget; set a larger epsilon "
                "or game.filter_share, or networks=unet"
            )
        count *= 2


def require_components(basis: Basis, components: int, epsilon: float) -> None:
    """Require that a basis has enough components, and that these leave some of the budget.

    Raises:
        UserError: they do not.
    """
    available = len(basis.deviations)
    if not available:
        raise UserError("networks=subspace: all training images are equal")
    if components > available:
        raise UserError(
            f"networks.components={components}, but these images have only {available} principal "
            f"components: set it to {available} or less, or to null"
        )
    if (truncation := basis.truncation(components)) >= epsilon:
        raise UserError(
            f"networks.components={components}: reducing images to so few components has a mean "
            f"squared error of {truncation:.2g}, which leaves nothing of the filter's budget of "
            f"{epsilon:g}; set more components, null, or a larger game.filter_share"
        )


def require_budget(privatizer: nn.Module) -> None:
    """Require that the subspaces of a mechanism leave some of its filter's budget.

    Raises:
        UserError: one does not.
    """
    for module in privatizer.modules():
        if not isinstance(module, SubspaceFilter):
            continue
        if (truncation := float(module.truncation)) >= module.epsilon:
            raise UserError(
                f"start_from has a subspace with a mean squared error of {truncation:.2g}, which "
                f"leaves nothing of the filter's budget of {module.epsilon:g}: set a larger "
                "epsilon or game.filter_share"
            )


def require_limits(datamodule: TableDataModule, limits: Any) -> None:
    """Require that only images are clipped.

    Raises:
        UserError: the data are not images, but have limits.
    """
    if not datamodule.viewable and limits is not None:
        raise UserError(
            f"networks.privatizer.limits={limits} are those of images, and {datamodule.data_name} "
            "is not image data: set networks.privatizer.limits=null"
        )


def has_subspace(privatizer: Any) -> bool:
    """Return whether a network of a configured mechanism has a number of principal components."""
    return any(
        isinstance(node, Mapping) and ("components" in node or has_subspace(node))
        for node in privatizer.values()
    )


def fill_components(privatizer: Any, components: int) -> None:
    """Fill in the number of principal components wherever a configured mechanism has none."""
    for name, value in privatizer.items():
        if name == "components" and value is None:
            privatizer[name] = components
        elif isinstance(value, Mapping):
            fill_components(value, components)


def warn_if_few_images(count: int, components: int) -> None:
    """Warn that components of few images fit others less well."""
    if count < 10 * components:
        log.warning(
            "%d principal components of only %d training images: other images lose more, so the "
            "distortion may exceed the budget",
            components,
            count,
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
        return {name: vars(fit_basis(batches, count, SEED)) for name in names}

    name = f"components-{count}"
    content = cache.get({name: cache.path(name, FIT_SETTINGS)}, make)[name]
    return Basis(**content)


def load_basis(network: nn.Module, basis: Basis) -> None:
    """Load a basis into all subspaces of a mechanism: those of networks and discriminators."""
    for module in network.modules():
        if isinstance(module, Subspace):
            module.load_basis(basis)
