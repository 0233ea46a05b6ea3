"""Every preset in conf/experiment runs through the real command, at a tiny size."""

import celeba_layouts
import pytest
from celeba_layouts import make_fake, official_zip
from commands import ROOT, run_train
from omegaconf import OmegaConf
from presets import JUDGED, NUMBERS, SUBSPACE_PRESET, TINY
from torch import nn

from privacy_gan.attributes import CELEBA_ATTRIBUTES
from privacy_gan.config import instantiate
from privacy_gan.reporting.report import make_report

PRESETS = sorted(path.stem for path in (ROOT / "conf" / "experiment").iterdir())
# other grids of Figure 1's runs, see sweeping/test_documented_sweeps.py
PRESETS = [preset for preset in PRESETS if preset not in ("table1", "table2")]
# overrides that select one run of each sweep; other settings come from the preset
ONE = {
    "ablation": ["epsilon=0.5"],
    "figure1": ["attribute=Smiling", "epsilon=0.01", "loss=cross_entropy", "seed=3"],
    "figure1_subspace": ["attribute=Smiling", "epsilon=0.05"],
    "figure2": ["attribute=Male", "epsilon=0.01", "image_size=16"],
    "judge_check": ["privatizer.balance=0.5"],
    "mechanisms": ["privatizer=filter_generator"],
    "quick": ["epsilon=0.005"],
    "table3": ["privatizer=generator", "epsilon=0.05", "seed=0"],
}
ON_NUMBERS = ["ablation", "gaussian"]
ON_FACES = ["figure1", "figure1_subspace", "figure2", "table3"]
WITH_ALL_ADVERSARIES = ["mechanisms", "small"]
IN_A_SUBSPACE = ["demo", "demo_codebook", "figure1_subspace", "subspace"]
OF_A_CODEBOOK = {  # and the networks of the judge that it does without
    "demo_codebook": ["inversion", "judge.paper", "judge.retrained", "resnet10"],
    "judge_check": ["inversion", "judge.paper", "judge.retrained"],
}
WITH_SHIPPED_NETWORKS = ["mechanisms"]  # the others get small networks
REPORTED = ["demo_codebook", "figure2", "mechanisms", "small"]  # drawing takes seconds
SIZES = [
    override
    for override in TINY + JUDGED
    if not override.startswith(("evaluate=", "data.num_", "classifiers=", "judge=", "trainer=cpu"))
]
# keep a preset's own adversaries, with small networks
SHORT = [override for override in SIZES if not override.endswith("=null")]
SHIPPED = [override for override in SHORT if "small_networks" not in override]
SHIPPED += ["trainer.max_epochs=1"]
# bootstrapping distances between the many features of ResNets takes ten seconds
SMALL_CLASSIFIERS = [override for override in SHORT if override.startswith("classifiers.network")]
SMALL_CODEBOOK = ["privatizer.principal_components=8", "privatizer.codewords=4"]
SMALL_CODEBOOK += ["privatizer.width=16"]
SMALLER = [
    f"judge.adversaries.{name}.network._target_=small_networks.classifier"
    for name in ("resnet18", "convnext")
]
FEW_COMPONENTS = [
    "judge.adversaries.pca_mlp.network.components=8",
    "judge.adversaries.kernel_ridge.components=8",
    "judge.adversaries.restoration.network.width=2",
]
FEW_NUMBERS = [
    override
    for override in NUMBERS
    if override.startswith(
        ("trainer.max", "data.", "classifiers.", "judge.max_epochs", "judge.res")
    )
]


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Return the folder of a tiny CelebA with all forty attributes."""
    monkeypatch.setattr(celeba_layouts, "ATTRIBUTE_NAMES", CELEBA_ATTRIBUTES)
    root = tmp_path / "celeba"
    official_zip(root, make_fake(90, (32, 40)))
    return root


def overrides_of(preset, faces):
    selected = [f"experiment={preset}", *ONE.get(preset, [])]
    if preset in ON_NUMBERS:
        return [*selected, *FEW_NUMBERS]
    sizes = [*SHIPPED, *SMALL_CLASSIFIERS] if preset in WITH_SHIPPED_NETWORKS else SHORT
    small = [*selected, "trainer=cpu", "classifiers=quick", *sizes]
    small += SUBSPACE_PRESET if preset in IN_A_SUBSPACE else []
    if preset in OF_A_CODEBOOK:
        small = [each for each in small if not any(name in each for name in OF_A_CODEBOOK[preset])]
        small += SMALL_CODEBOOK
    if preset in ON_FACES:
        return [*small, "judge=quick", f"data.root={faces}"]
    small += ["data.num_train=32", "data.num_valid=16", "data.num_test=8"]
    if preset in WITH_ALL_ADVERSARIES:
        small += [] if preset in WITH_SHIPPED_NETWORKS else SMALLER
        return [*small, *FEW_COMPONENTS, "image_size=32"]
    return [*small, "judge=quick"]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_runs_to_a_result(preset, faces, tmp_path):
    folder = f"classifiers.folder={tmp_path / 'classifiers'}"
    process = run_train(
        tmp_path, *overrides_of(preset, faces), folder, preset=[], cached=preset not in ON_NUMBERS
    )
    assert process.returncode == 0, process.stderr
    results = list((tmp_path / "outputs").rglob("result.json"))
    assert len(results) == 1
    output = process.stdout
    if preset in ONE:  # a sweep
        assert "sweep of 1 run: 1 finished" in output
        output = (results[0].parent / "output.log").read_text()
    if preset != "figure2":  # which is not judged
        assert "privacy loss" in output
    if preset in REPORTED:
        report = make_report(tmp_path / "outputs", tmp_path / "report", with_faces=True)
        assert any(path.name.startswith("faces-") for path in report.files)
        overrides = OmegaConf.load(results[0].parent / "config.yaml").overrides
        assert f"experiment={preset}" in overrides
        assert set(ONE.get(preset, [])) <= set(overrides)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_networks_of_a_preset_can_be_instantiated(preset, tiny):
    single = [word for word in ONE.get(preset, []) if not word.startswith("image_size")]
    single += ["data.root=none"] if preset in ON_FACES else []
    single += ["networks.components=8"] if preset in IN_A_SUBSPACE else []
    config = tiny(preset=[f"experiment={preset}", *single], cached=False)
    networks = [config.networks.filter_discriminator, config.networks.generator_discriminator]
    networks.append(config.classifiers.network)
    for adversary in config.judge.adversaries.values():
        networks += [adversary.network] if adversary and "network" in adversary else []
    for network in networks:
        classes = () if "image_size" in network else (2,)  # a UNet that restores images has none
        assert isinstance(instantiate(network)(*classes), nn.Module)
