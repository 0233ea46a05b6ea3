"""Overrides are checked against conf/: existing options, types, ranges, consistent copies."""

from functools import cache

import pytest
from commands import ROOT
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.config import check_config, resolve_task
from privacy_gan.config.declared_config import DeclaredConfig, unresolved_settings
from privacy_gan.config.validators import validate_values
from privacy_gan.errors import UserError


@cache
def declared_by(name):
    return DeclaredConfig(GlobalHydra.instance().config_loader(), name)


def compose_and_check(name, *overrides):
    """Compose a configuration and check it, as a command does."""
    config = compose(name, list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        del config["hydra"]
    declared_by(name).check(config, choices, list(overrides))
    if name == "train":
        check_config(config)
    else:
        validate_values(unresolved_settings(config))


@pytest.fixture(scope="module", autouse=True)
def hydra():
    register_with_hydra()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield
    declared_by.cache_clear()


CONTRADICTIONS = {
    "constraint.epsilon=0.02": "contradicts epsilon=0.01: give epsilon=0.02",
    "++privatizer.filter.constraint.epsilon=0.02": "contradicts epsilon=0.01: give epsilon=0.02",
    "networks.privatizer.width=3": "contradicts width=32: give width=3",
    "data.image_size=32": "contradicts image_size=64: give image_size=32",
    "data.seed=3": "contradicts seed=0: give seed=3",
    "privatizer.filter.num_classes=3": "remove privatizer.filter.num_classes",
    "+privatizer.seed=4": "privatizer.seed follows from seed",
    "+privatizer.epsilon=0.02": "privatizer.epsilon",
}


@pytest.mark.parametrize(("override", "message"), CONTRADICTIONS.items())
def test_a_copied_setting_must_equal_its_source(override, message):
    with pytest.raises(UserError, match=message):
        compose_and_check("train", override)


@pytest.mark.parametrize(
    "overrides",
    [
        ["epsilon=0.02", "constraint.epsilon=0.02"],
        ["privatizer.optimizer.lr=0.1"],  # part of the run's fingerprint
        ["constraint=multiplier", "constraint.rate=0.1"],
        ["judge.seed=3"],
        ["privatizer=transport", "privatizer.limits=null", "privatizer.channels=1"],
        ["trainer.precision=32", "+trainer.limit_train_batches=3", "+trainer.max_steps=5"],
        ["judge.adversaries.resnet10=null", "judge.retrained=null"],
        ["logger=[wandb,tensorboard]", "output_dir=elsewhere", "mechanism=mine"],
        ["+judge.adversaries.mine={_target_:my.adversary,width:0.5}"],
        ["experiment=figure1", "data.root=x", "data.num_workers=null", "data.on_device=true"],
        ["experiment=gaussian", "game=robust", "game.averaging=null"],
    ],
)
def test_valid_overrides_are_accepted(overrides):
    compose_and_check("train", *overrides)


INVALID = {
    "judge.queries=4": "judge.queries=4: give a list, numbers of 1 or more",
    "judge.queries=[0]": r"judge.queries=\[0\] must be numbers of 1 or more",
    "judge.attributes=Smiling": r"give a list, such as \[Smiling",
    "judge.resamples=abc": "give a whole number, such as 1000",
    "judge.max_epochs=1.5": "give a whole number, such as 64",
    "data.batch_size=null": "give a whole number",
    "data.on_device=maybe": "data.on_device=maybe: give true or false",
    "trainer.enable_progress_bar=maybe": "give true or false",
    "game.betas=0.5": "give a list, two numbers from 0 to below 1",
    "game.betas=[2,3]": "must be two numbers",
    "learning_rate=nan": "learning_rate=nan is not finite",
    "learning_rate=inf": "is not finite",
    "learning_rate=0": "must be a number above 0",
    "privatizer.optimizer.lr=-1": "must be a number above 0",
    "decay=2": "must be between 0 and 1",
    "penalty_weight=-1": "must be 0 or above",
    "checkpoint_minutes=-1": "must be 0 or above",
    "data.num_workers=-1": "must be a whole number, 0 or more",
    "data.num_train=999999999999": "must be 100,000,000 at most",
    "image_size=0": "must be a whole number, 1 or more",
    "+epsilom=0.01": "epsilom is not an option: did you mean epsilon=0.01",
    "+judge.quereis=[1]": r"did you mean judge.queries=\[1\]",
    "+game.filter_evry=2": "did you mean game.filter_every=2",
    "+game.depth=2": "game.depth is not an option",
}


@pytest.mark.parametrize(("override", "message"), INVALID.items())
def test_invalid_overrides_are_refused(override, message):
    with pytest.raises((UserError, ValueError), match=message):
        compose_and_check("train", override)


@pytest.mark.parametrize("value", ["[]", "1", "true", "null", "[Male,2]", "''"])
def test_an_attribute_must_be_a_word(value):
    with pytest.raises(UserError, match="names no attribute"):
        resolve_task(compose("train", [f"attribute={value}"]))


INVALID_BY_COMMAND = {
    "report": {"faces=maybe": "faces=maybe: give true or false", "+fases=true": "faces=true"},
    "privatize": {
        "overwrite=flase": "overwrite=flase: give true or false",
        "batch_size=0": "1 or more",
        "fit=hole": "fit=hole is unknown: choose whole or center or faces",
    },
    "demo": {"browser=flase": "give true or false", "port=99999": "between 0 and 65535"},
    "export": {"onnx=flase": "give true or false"},
    "dashboard": {"attributes=Smiling": r"give a list, such as \[Smiling\]"},
    "audit": {"classifiers.epochs=0": "1 or more", "judge.attributes=Male": "give a list"},
}


@pytest.mark.parametrize("command", INVALID_BY_COMMAND)
def test_invalid_overrides_of_other_commands_are_refused(command):
    for override, message in INVALID_BY_COMMAND[command].items():
        with pytest.raises(UserError, match=message):
            compose_and_check(command, override)


def test_a_users_mechanism_must_have_the_runs_budget(tmp_path):
    (tmp_path / "privatizer").mkdir()
    (tmp_path / "privatizer" / "mine.yaml").write_text("_target_: mine.Mine\nepsilon: 0.02\n")
    search_path = f"hydra.searchpath=[file://{tmp_path}]"
    with pytest.raises(UserError, match=r"privatizer\.epsilon=0\.02 contradicts epsilon=0\.01"):
        compose_and_check("train", search_path, "privatizer=mine")
    compose_and_check("train", search_path, "privatizer=mine", "epsilon=0.02")


@pytest.mark.parametrize(
    "overrides",
    [
        ["privatizer=stargan", "privatizer.lambda_cls=0.5"],  # a whole number in conf/
        ["privatizer._target_=mine.M", "++privatizer.filters=3"],  # similar to our "filter"
        ["privatizer._target_=mine.M", "++privatizer.options={size:4,rate:0}"],
        ["+judge.adversaries.convnext2={_target_:a.b}"],
    ],
)
def test_arguments_of_a_users_classes_are_not_checked(overrides):
    compose_and_check("train", *overrides)
