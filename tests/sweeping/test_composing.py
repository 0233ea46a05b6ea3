"""Composing the runs of a grid gives the same configurations as Hydra does one by one."""

import pytest
from commands import ROOT
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf
from presets import TINY

from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.errors import UserError
from privacy_gan.sweeping.composing import SweepLoader, expand_grid

GRID = [
    *TINY,
    "experiment=small",
    "privatizer=filter_generator,noise",
    "loss=entropy,cross_entropy",
    "attribute=Smiling,[Black_Hair,Blond_Hair]",
    "group_rule=other",
    "epsilon=0.001,1e-2",
    "trainer.max_epochs=1,2",
    "judge.queries=[1],[1,2]",
    "+trainer.max_steps=5,null",
    "data.cache_dir='a b'",
]


def test_loaded_configurations_equal_hydras():
    register_with_hydra()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config_loader = GlobalHydra.instance().config_loader()
        sweep = config_loader.load_configuration("train", [], run_mode=RunMode.MULTIRUN)
        parsed = OverridesParser.create(config_loader).parse_overrides(GRID)
        loader = SweepLoader(HydraContext(config_loader, None), sweep)
        for overrides in expand_grid(parsed)[::7]:
            expected = config_loader.load_sweep_config(sweep, overrides)
            found = loader.load(overrides)
            assert OmegaConf.to_yaml(found) == OmegaConf.to_yaml(expected)
            HydraConfig.instance().set_config(expected)
            assert found.run_dir == expected.run_dir
        # files were read once for each choice of files and of added values
        assert len(loader.composed) == 2 * 2 * 2


def parsed(*overrides):
    return OverridesParser.create().parse_overrides(list(overrides))


def test_a_grid_has_every_combination_and_the_last_override_of_a_setting_counts():
    assert expand_grid(parsed("seed=0,1", "width=8,16", "epsilon=choice(a,b)", "seed=3")) == [
        ["seed=3", f"width={width}", f"epsilon={epsilon}"] for width in (8, 16) for epsilon in "ab"
    ]


def test_a_grid_refuses_a_range():
    with pytest.raises(UserError, match=r"epsilon=interval\(0.1,0.2\) .* hydra/sweeper=optuna"):
        expand_grid(parsed("epsilon=interval(0.1,0.2)"))
