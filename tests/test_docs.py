"""What the documentation shows, run as written."""

import os
import re
import shlex
import subprocess
import sys

from tiny_runs import JUDGED, ONE_THREAD, ROOT, TINY

BLOCK = re.compile(r"```(?:python|yaml)\n# (mine/\S+)\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"```sh\nPYTHONPATH=mine python (.*?)\n```")


def test_a_mechanism_of_ones_own_is_trained_and_judged(tmp_path):
    page = (ROOT / "docs" / "mechanisms.md").read_text()
    files = BLOCK.findall(page)
    assert [name for name, _ in files] == ["mine/patch.py", "mine/privatizer/patch.yaml"]
    assert sum(text.count("\n") for _, text in files) < 40
    for name, text in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (command,) = COMMAND.findall(page)
    script, *arguments = shlex.split(command)
    folders = ["output_dir=out", "data.cache_dir=cache", "classifiers.folder=classifiers"]
    process = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments, *TINY, *JUDGED, *folders],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | ONE_THREAD | {"PYTHONPATH": "mine"},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    folder = tmp_path / "out/synthetic_faces-16/patch/Smiling/epsilon-0.01/seed-0"
    assert (folder / "result.json").exists()
    assert "privacy loss" in process.stdout
