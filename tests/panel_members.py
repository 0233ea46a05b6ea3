"""Print the panels of conf/judge, with a hash of each member's settings, for evaluation/panel.py.

python tests/panel_members.py
"""

from pathlib import Path

from hydra import compose, initialize_config_dir

import privacy_gan.runs.resolvers  # noqa: F401 - the resolvers that conf/ uses
from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.evaluation.panel import member_keys
from privacy_gan.runs.fingerprint import judge_settings

SHIPPED = ("standard", "quick", "mlp")
CONF = Path(__file__).resolve().parents[1] / "conf"


def members(judge: str, *overrides: str) -> dict[str, str]:
    """Return the members of a judge in conf/judge."""
    register_with_hydra()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [f"judge={judge}", "image_size=64", *overrides])
        return member_keys(judge_settings(config))


if __name__ == "__main__":
    for judge in SHIPPED:
        print(judge)  # noqa: T201
        for member, key in members(judge, "judge.weights=none.pt").items():
            print(f'    "{member}": "{key}",')  # noqa: T201
