"""Save a sweep's dashboard in Weights & Biases."""

from __future__ import annotations

from omegaconf import DictConfig

from privacy_gan.reporting.dashboard import save_dashboard


def main(config: DictConfig) -> None:
    """Save it and print its address."""
    address = save_dashboard(
        config.project, config.group, [str(each) for each in config.attributes], config.entity
    )
    print(f"saved: {address}")
