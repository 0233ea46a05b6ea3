"""The commands in README.md work in order.

Only options for small sizes are added, so that each command takes seconds.
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
from presets import JUDGED, SUBSPACE_PRESET, TINY

PHOTOS = 120
README = (ROOT / "README.md").read_text()
SHELL = re.compile(
    r"^```sh\n(?P<block>.*?)^```"
    r"|^    (?P<line>privacy-gan [^\n]*)"
    r"|`(?P<inline>privacy-gan \w+ \S+=[^`]*)`",
    re.MULTILINE | re.DOTALL,
)
ENVIRONMENT = Path(sys.executable).parent.parent
SMALL_RUN = [*TINY, "trainer.max_epochs=1"]
NOT_FOR_CELEBA = ("data.num_t", "data.num_v", "image_size=")
ON_CELEBA = [each for each in SMALL_RUN if not each.startswith(NOT_FOR_CELEBA)]
DEMO = [*TINY, *SUBSPACE_PRESET, *JUDGED, "image_size=32", "judge.attributes=[Young,Smiling]"]
DEMO_CODEBOOK = [
    *(each for each in DEMO if not re.match(r"judge\.(paper|retrained|adversaries)", each)),
    *("data.num_train=64", "privatizer.codewords=4", "privatizer.principal_components=8"),
    "privatizer.width=16",
]
AUDIT = [each for each in JUDGED if not each.startswith(("evaluate=", "judge.attributes="))]
SMALL_OPTIONS = {
    "train": ON_CELEBA,
    "evaluate": ["judge.batch_size=8"],
    "audit": [*AUDIT, "image_size=16"],
    "demo": ["port=0", "browser=false"],
}


def find_commands(text):
    """Yield the commands in a text, in order and without comments."""
    for match in SHELL.finditer(text):
        for line in (match["block"] or match["line"] or match["inline"]).splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def make_commands(target):
    """Return the commands that make would run for a target if everything is installed."""
    installed = [f"--old-file={ENVIRONMENT}/installed{dev}" for dev in ("", "-dev")]
    make = ["make", "-n", "--no-print-directory", f"VENV={ENVIRONMENT}", *installed, target]
    process = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)
    return [shlex.split(line) for line in process.stdout.splitlines()]


@pytest.fixture
def user_files(tmp_path):
    """Create a user's files, and return them by the placeholders in README.md."""
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


def test_the_commands_work_in_order(user_files, tmp_path):
    variables, done = {}, []
    for words in find_commands(README):
        name, *rest = (Template(word).safe_substitute(variables) for word in words)
        if name == "make" and rest != ["demo"]:
            assert make_commands(*rest)
        elif name == "make":
            for _, script, *options in make_commands("demo"):
                small = DEMO_CODEBOOK if "experiment=demo_codebook" in options else DEMO
                output = run_command(Path(script).stem, *options, *small, cwd=tmp_path)
                assert "finished" in output if "privatize" in done else "result.json" in output
            assert "No adversary predicts Smiling" in output  # it ends with a certificate
        elif name == "source":
            assert (ENVIRONMENT / Path(*Path(rest[0]).parts[1:])).exists()
        elif "=" in name:
            variables.update([name.split("=", 1)])
        else:
            verb, *options = rest or ["--help"]
            on_photos = verb in ("audit", "data") or "data=folder" in options
            folders = {"FOLDER": user_files["PHOTOS"] if on_photos else variables.get("RUN")}
            arguments = [fill_placeholder(option, user_files | folders) for option in options]
            sizes = SMALL_OPTIONS.get(verb, []) if "=" in "".join(options) else []
            sizes = [*sizes, "image_size=16"] if "data=folder" in options else sizes
            call = fetch_page if verb == "demo" else run_command
            assert call(verb, *arguments, *sizes, cwd=tmp_path)
            done.append(verb)
    verbs = {"train", "privatize", "export", "demo", "audit", "evaluate", "report", "data"}
    verbs.add("--help")
    assert verbs == set(done)
    assert len(list((tmp_path / "CENSORED").glob("[!.]*.png"))) == PHOTOS
    assert (tmp_path / "MODEL" / "model.onnx").exists()


def fill_placeholder(option, user_files):
    """Replace a placeholder in capitals with the user's file."""
    name, equals, value = option.partition("=")
    return f"{name}={user_files.get(value, value)}" if equals else option


def run_command(*words, cwd):
    process = run([sys.executable, "-m", "privacy_gan", *words], cwd=cwd)
    assert process.returncode == 0, (words, process.stderr)
    return process.stdout + process.stderr


def fetch_page(*words, cwd):
    """Start the demo and return its page."""
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
    first, *paths = process.stdout.splitlines()
    assert "Leave it with exit" in first
    assert paths == [str(ENVIRONMENT / "bin" / name) for name in ("privacy-gan", "python")]
