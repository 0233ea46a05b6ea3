"""Every option that a message names exists in conf/."""

import ast
import re

import pytest
from commands import ROOT
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import FixedClassifiers

PACKAGE = ROOT / "privacy_gan"
OPTION = re.compile(r"(?<![\w./'{-])([a-z]\w*(?:\.[a-z_]\w*)*)=")
DOTTED = re.compile(r"(?:data|judge|classifiers|trainer|privatizer|networks)(?:\.[a-z_]\w*)+")
GROUPS = {"data", "privatizer", "loss", "networks", "trainer", "logger", "experiment"}
COMMANDS = ("report", "privatize", "audit", "export", "demo")
# options of Hydra and Lightning, arguments of gaussian_grid, CSV dialects, and shell variables
OTHERS = {"hydra.run.dir", "hydra.output_subdir", "trainer.max_steps"}
OTHERS |= {
    "found",
    "sep",
    "trainer.default_root_dir",
    "trainer.logger",
    "trainer.gradient_clip_algorithm",
    "trainer.gradient_clip_val",
    "trainer.limit_train_batches",
    "trainer.limit_val_batches",
    "points",
    "sigma",
    "s",
    "install",
}


def messages():
    """Yield all string literals of the code except docstrings, with their files."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docstrings
            ):
                yield path, node.value


def named_options():
    """Return the options named in messages, each with a message."""
    found = {}
    for path, message in messages():
        if " " not in message and "=" not in message:
            continue  # a word, not a message
        for option in {*OPTION.findall(message), *DOTTED.findall(message)}:
            found[option] = f"{path.name}: {message}"
    return found


@pytest.fixture(scope="module")
def options():
    """All options that exist, for any choice of data and mechanism."""
    register_with_hydra()
    choices = [f"data={path.stem}" for path in (ROOT / "conf" / "data").iterdir()]
    choices += [f"privatizer={path.stem}" for path in (ROOT / "conf" / "privatizer").iterdir()]
    choices += ["trainer=ddp", "logger=wandb", "networks=subspace"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        configs = [compose("train", [choice]) for choice in choices]
        configs += [compose(name) for name in COMMANDS]
        return {key for config in configs for key in keys_of(config)}


def keys_of(config, prefix=""):
    for key in config:
        yield f"{prefix}{key}"
        if not OmegaConf.is_missing(config, key) and not OmegaConf.is_interpolation(config, key):
            value = config[key]
            if isinstance(value, DictConfig):
                yield from keys_of(value, f"{prefix}{key}.")


def test_every_option_named_in_a_message_exists(options):
    for option, message in named_options().items():
        if option not in OTHERS | GROUPS:
            assert option in options, message


def test_the_check_finds_options_and_would_find_a_wrong_one(options):
    assert {"data.root", "privatizer.runs", "trainer.devices", "run_dir"} <= set(named_options())
    assert "judge.classifiers.folder" not in options
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        compose("train", ["classifiers.folder=elsewhere"])
        with pytest.raises(HydraException, match="classifiers"):
            compose("train", ["judge.classifiers.folder=elsewhere"])


class Images:
    def split_name(self):
        return "images"


def test_unwritable_classifiers_name_the_option_to_change(options, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="choose another folder with ") as refused:
        FixedClassifiers(tmp_path / "file", *[None] * 5, settings="").get(["Light"], Images(), None)
    (option,) = OPTION.findall(str(refused.value))
    assert option in options
