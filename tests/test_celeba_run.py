"""A run on real faces; skipped without CelebA."""

import os
from pathlib import Path

import pytest
from commands import ROOT, run_train
from presets import SMALL_DISCRIMINATORS

CELEBA = Path(os.environ.get("PRIVACY_GAN_CELEBA", ROOT.parent / "shared" / "celeba64"))
SHORT = ["evaluate=false", "trainer=cpu", "trainer.max_epochs=1", "image_size=32", "width=2"]
SHORT += ["+trainer.limit_train_batches=3", "+trainer.limit_val_batches=2"]
SHORT += SMALL_DISCRIMINATORS


@pytest.mark.skipif(
    not CELEBA.is_dir(),
    reason=f"no CelebA at {CELEBA}; set PRIVACY_GAN_CELEBA to a copy of it",
)
def test_a_run_on_real_faces_trains_and_prints_the_path_of_its_result(tmp_path):
    process = run_train(
        tmp_path,
        "data=celeba",
        f"data.root={CELEBA}",
        "attribute=age",
        preset=SHORT,
    )
    assert process.returncode == 0, process.stderr
    folder = tmp_path / "outputs/celeba-32/filter_generator-entropy/Young/epsilon-0.01/seed-0"
    assert str(folder / "result.json") in process.stdout
    assert (folder / "result.json").exists()
    assert (folder / "images" / "epoch-0001.png").exists()
