"""Connects the processes of a run, whoever started them."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from privacy_gan import replicas
from privacy_gan.launched import is_launched_by_torchrun


def cluster_environment() -> ClusterEnvironment | None:
    """Return who started this process as one of several; None for one that is alone."""
    if is_launched_by_torchrun():
        return TorchElasticEnvironment()
    if SLURMEnvironment.detect():
        return SLURMEnvironment(auto_requeue=False)  # the project does that itself
    return None


def connected(device: torch.device) -> AbstractContextManager[None]:
    """Connect this process, which computes on a device, with the others of its run."""
    environment = cluster_environment()
    assert environment is not None, "the processes of a run are started before they are connected"
    address = f"{environment.main_address}:{environment.main_port}"
    return replicas.connected(address, environment.global_rank(), environment.world_size(), device)
