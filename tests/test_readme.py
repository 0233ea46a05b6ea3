"""README.md as a newcomer reads it: its commands work in the order in which they stand.

Only sizes are added to what is typed, so that all of it takes seconds.
"""

import os
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path
from string import Template

import numpy as np
import pytest
from celeba_layouts import make_fake, official_folder
from commands import ROOT, run, start
from PIL import Image
from presets import JUDGED, TINY

PHOTOS = 120
README = (ROOT / "README.md").read_text()
SHELL = re.compile(
    r"^```sh\n(?P<block>.*?)^```"
    r"|^    (?P<line>privacy-gan [^\n]*)"
    r"|`(?P<inline>privacy-gan \w+ \S+=[^`]*)`",
    re.MULTILINE | re.DOTALL,
)
ENVIRONMENT = Path(sys.executable).parent.parent
QUICKLY = [*TINY, "trainer.max_epochs=1"]
NOT_FOR_FACES = ("data.num_t", "data.num_v", "image_size=")
ON_FACES = [each for each in QUICKLY if not each.startswith(NOT_FOR_FACES)]
DEMO = [*QUICKLY, *JUDGED, "image_size=32", "judge.attributes=[Young,Smiling]"]
AUDIT = [each for each in JUDGED if not each.startswith(("evaluate=", "judge.attributes="))]
SIZES = {
    "train": ON_FACES,
    "evaluate": ["judge.batch_size=8"],
    "audit": [*AUDIT, "image_size=16"],
    "demo": ["port=0", "browser=false"],
}


def typed(text):
    """Yield the commands that a text shows, in their order, without comments."""
    for found in SHELL.finditer(text):
        for line in (found["block"] or found["line"] or found["inline"]).splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def made_by(target):
    """Return the last command that make would run for a target, where all is installed."""
    installed = [f"--old-file={ENVIRONMENT}/installed{dev}" for dev in ("", "-dev")]
    make = ["make", "-n", "--no-print-directory", f"VENV={ENVIRONMENT}", *installed, target]
    told = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)
    return shlex.split(told.stdout.splitlines()[-1])


@pytest.fixture
def yours(tmp_path):
    """Return what stands for a newcomer's own files, which are made in a folder."""
    fake = make_fake(24, (44, 54))
    faces = tmp_path / "celeba"
    faces.mkdir()
    official_folder(faces, fake)
    photos = tmp_path / "my photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for number in range(PHOTOS):
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(
            photos / f"{number}.png"
        )
    rows = [f"{number}.png,{number % 2}" for number in range(PHOTOS)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,glasses", *rows]))
    labels = tmp_path / "labels.csv"
    return {"PATH": faces, "PHOTOS": photos, "FILE": labels, "NAME": "glasses"}


def test_its_commands_work_in_their_order(yours, tmp_path):
    variables, done = {}, []
    for words in typed(README):
        name, *rest = (Template(word).safe_substitute(variables) for word in words)
        if name == "make" and rest != ["demo"]:
            assert made_by(*rest)
        elif name == "make":
            _, script, *options = made_by("demo")
            told = ours(Path(script).stem, *options, *DEMO, cwd=tmp_path)
            assert "finished" in told if "privatize" in done else "result.json" in told
        elif name == "source":
            assert (ENVIRONMENT / Path(*Path(rest[0]).parts[1:])).exists()
        elif "=" in name:
            variables.update([name.split("=", 1)])
        else:
            verb, *options = rest or ["--help"]
            folders = {"FOLDER": yours["PHOTOS"] if verb == "audit" else variables.get("RUN")}
            given = [own(option, yours | folders) for option in options]
            sizes = SIZES.get(verb, []) if "=" in "".join(options) else []
            serving = verb == "demo"
            told = (shown if serving else ours)(verb, *given, *sizes, cwd=tmp_path)
            assert told
            done.append(verb)
    verbs = {"train", "privatize", "export", "demo", "audit", "evaluate", "report", "--help"}
    assert verbs == set(done)
    assert len(list((tmp_path / "CENSORED").glob("[!.]*.png"))) == PHOTOS
    assert (tmp_path / "MODEL" / "model.onnx").exists()


def own(option, yours):
    """Put a newcomer's file in the place of a word in capitals."""
    name, equals, value = option.partition("=")
    return f"{name}={yours.get(value, value)}" if equals else option


def ours(*words, cwd):
    process = run([sys.executable, "-m", "privacy_gan", *words], cwd=cwd)
    assert process.returncode == 0, (words, process.stderr)
    return process.stdout + process.stderr


def shown(*words, cwd):
    """Return the page that the demo serves."""
    command = [sys.executable, "-m", "privacy_gan", *words]
    with start(command, cwd=cwd, stdout=subprocess.PIPE) as process:
        try:
            (address,) = re.findall(r"http://\S+:\d+", process.stdout.readline())
            return urllib.request.urlopen(address).read().decode()
        finally:
            process.kill()


def test_make_shell_finds_the_command_and_can_be_left():
    installed = f"--old-file={ENVIRONMENT}/installed"
    process = subprocess.run(
        ["make", "--no-print-directory", f"VENV={ENVIRONMENT}", installed, "shell"],
        input="command -v privacy-gan; command -v python; exit 3\n",
        env={**os.environ, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    first, *found = process.stdout.splitlines()
    assert "exit leaves it" in first
    assert found == [str(ENVIRONMENT / "bin" / name) for name in ("privacy-gan", "python")]
