"""The command export: from a run to an exported folder, and from that to censored images."""

import json
import sys

import pytest
import torch
from commands import cli, run
from disks import mount_tmpfs
from hydra import compose
from PIL import Image
from presets import JUDGED, NUMBERS, SUBSPACE

from privacy_gan import load_privatizer
from privacy_gan.commands import export
from privacy_gan.commands.train import train
from privacy_gan.errors import UserError

ON_SCALARS = [
    *("evaluate=false", "privatizer=transport"),
    *("privatizer.components=1", "privatizer.channels=1", "privatizer.limits=null"),
]
FILES = {"README.md", "config.json", "model.onnx", "model.safetensors", "result.json"}
IMAGES = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
# loads and censors without Lightning and Hydra
WITHOUT_LIGHTNING_OR_HYDRA = """
import sys
for name in ("pytorch_lightning", "lightning", "hydra", "omegaconf", "torchmetrics", "wandb"):
    sys.modules[name] = None  # an import would fail
import torch
from privacy_gan import load_privatizer
for folder in sys.argv[2:]:
    images = torch.load(sys.argv[1], weights_only=True)
    torch.save(load_privatizer(folder).privatize(images, 0).images, f"{folder}.pt")
"""


def export_config(run, output, *changes):
    return compose("export", [f"run='{run}'", f"output='{output}'", *changes])


def test_exported_mechanisms_need_neither_lightning_nor_hydra(tiny, tmp_path):
    choices = {
        "filter_generator": ["game=robust"],  # whose averaged networks are exported
        "filter": ["epsilon=0.01", "game.snapshots=1", *SUBSPACE],
        "generator": ["synthetic=empirical"],
        "stargan": ["privatizer.width=2", "privatizer.residual_blocks=1"],
        "blur": [],
    }
    folders = {name: tmp_path / name for name in choices}
    runs = {}
    for name, more in choices.items():
        run_folder, _ = train(
            tiny(f"privatizer={name}", "trainer.max_epochs=1", "epsilon=0.001", *more)
        )
        export.main(export_config(run_folder.path, folders[name], "onnx=false"))
        runs[name] = load_privatizer(run_folder.path)
        assert {path.name for path in folders[name].iterdir()} == FILES - {"model.onnx"}
    torch.save(IMAGES, tmp_path / "images.pt")
    command = [
        sys.executable,
        "-c",
        WITHOUT_LIGHTNING_OR_HYDRA,
        tmp_path / "images.pt",
        *folders.values(),
    ]
    process = run(command, real=True)
    assert process.returncode == 0, process.stderr
    for name, privatizer in runs.items():
        found = torch.load(f"{folders[name]}.pt", weights_only=True)
        expected = privatizer.privatize(IMAGES, 0).images
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        assert not torch.equal(found, IMAGES)


def test_the_export_of_a_judged_run_censors_photographs(tiny, tmp_path):
    run, result = train(tiny("trainer.max_epochs=1", *JUDGED, "judge.queries=[1]"))
    output = tmp_path / "to hand, on"
    process = cli("export", f"run={run.path}", f"output={output}")
    assert process.returncode == 0, process.stderr
    assert "model.onnx" in process.stdout
    assert {path.name for path in output.iterdir()} == FILES
    card = (output / "README.md").read_text()
    leak = result.evaluations["Smiling"].measures["privacy_loss"].censored
    assert f"{leak.value:.1%}" in card
    assert "not the epsilon of differential privacy" in card
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "photos" / "a.jpg")
    arguments = [f"run={output}", f"input={tmp_path / 'photos'}", f"output={tmp_path / 'censored'}"]
    process = cli("privatize", *arguments)
    assert process.returncode == 0, process.stderr
    assert "an adversary trained on 32 labelled censored images" in process.stdout
    assert {path.name for path in (tmp_path / "censored").iterdir()} >= {"a.png", "manifest.json"}
    manifest = json.loads((tmp_path / "censored" / "manifest.json").read_text())
    assert manifest["model"]["mechanism"] == "filter_generator-entropy"
    assert manifest["model"]["attributes"] == ["Smiling"]
    assert manifest["judged"]["Smiling"]["measures"]
    again = cli("export", f"run={output}", f"output={tmp_path / 'again'}")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == f"error: run={output} is an exported folder: give the folder of a run\n"


@pytest.fixture
def blurred(tiny):
    return train(tiny("privatizer=blur", "epsilon=0.001"))[0].path


def test_an_existing_folder_is_not_changed(blurred, tmp_path):
    output = tmp_path / "output"
    output.mkdir()
    export.main(export_config(blurred, output, "onnx=false"))  # an empty folder is replaced
    assert not (output / "model.onnx").exists()
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    with pytest.raises(UserError, match="exists already"):
        export.main(export_config(blurred, output))
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before


def test_an_export_that_fails_leaves_nothing(blurred, tmp_path, monkeypatch):
    def fail(*args):
        raise UserError("no ONNX today")

    monkeypatch.setattr(export, "export_onnx", fail)
    with pytest.raises(UserError, match="no ONNX today"):
        export.main(export_config(blurred, tmp_path / "made" / "output"))
    assert not list((tmp_path / "made").iterdir())


def test_an_unwritable_folder_is_named_in_the_error(blurred, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to output=.*file/output"):
        export.main(export_config(blurred, tmp_path / "file" / "output", "onnx=false"))


def test_a_full_disk_is_a_one_line_error_and_leaves_nothing(blurred, tmp_path):
    with mount_tmpfs(tmp_path / "disk", "size=8k") as disk:
        process = cli("export", f"run={blurred}", f"output={disk}/out", "onnx=false")
        assert process.returncode == 2
        assert process.stderr == (
            f"error: no space left to write {disk}/out: free some space and repeat the command\n"
        )
        assert not list(disk.iterdir())


def test_a_run_on_toy_data_is_not_exported(tiny, tmp_path):
    run, _ = train(tiny(*ON_SCALARS, preset=NUMBERS, cached=False))
    with pytest.raises(UserError, match="which has no images"):
        export.main(export_config(run.path, tmp_path / "output"))
