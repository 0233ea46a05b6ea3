"""Metrics in the progress bar are up to date."""

import csv
import re

from commands import run_train

LINE = re.compile(r"training +(\d+)%: epoch 1/1, filter distortion ([\d.]+)/0\.01")


def test_logged_lines_show_the_distortion_of_their_step(tmp_path):
    more = ["data.num_train=480", "trainer.enable_progress_bar=true", "trainer.max_epochs=1"]
    process = run_train(tmp_path, *more, "trainer.log_every_n_steps=10")
    assert process.returncode == 0, process.stderr
    shown = dict(LINE.findall(process.stdout))
    assert list(shown) == ["10", "20", "30", "40", "50", "60", "70", "80", "90", "100"]
    assert "it/s" not in process.stdout
    assert shown["20"] != shown["50"]
    (metrics,) = tmp_path.rglob("metrics.csv")
    with metrics.open() as file:
        logged = [float(row["train/filter/distortion"] or "nan") for row in csv.DictReader(file)]
    finite = [value for value in logged if value == value]
    assert min(finite) - 0.01 < float(shown["50"]) < finite[0]
