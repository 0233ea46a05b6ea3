"""The package as one installs it: built, installed elsewhere, used from its command line."""

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

import commands
import pytest
from commands import ROOT
from PIL import Image
from presets import JUDGED, TINY

from privacy_gan import __version__

RUN = [*TINY, *JUDGED, "judge.queries=[1]", "trainer.max_epochs=1"]


def run(*command, cwd, **environment):
    process = commands.run(command, cwd=cwd, env=environment, real=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.fixture(scope="session")
def built(once):
    """Return a folder with wheel and source distribution."""
    return once("built", build) / "dist"


def build(folder):
    """Build what git knows, the wheel from the source distribution."""
    known = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, known.split("\0")):
        if name.startswith(("docs/", "tests/")) or not (ROOT / name).is_file():
            continue
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "source" / name)
    run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        folder / "dist",
        cwd=folder / "source",
    )


@pytest.fixture(scope="session")
def environment(built, once):
    """Return an environment with the wheel, where other packages are the tests' own."""
    (wheel,) = built.glob("*.whl")
    return once("an environment", lambda folder: install(wheel, folder))


def install(wheel, folder):
    """Make an environment and install the wheel."""
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    python = folder / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    # a path alone: what makes the checkout importable in this environment does not count there
    shared = Path(site.strip()) / "shared.pth"
    shared.write_text(sysconfig.get_path("purelib") + "\n")
    alone = ["--no-deps", "--no-index", "--ignore-installed"]
    run(python, "-m", "pip", "install", *alone, wheel, cwd=folder)


@pytest.fixture
def program(environment):
    return environment / "bin" / "privacy-gan"


@pytest.fixture
def python(environment):
    return environment / "bin" / "python"


def test_both_distributions_are_what_an_index_accepts(built):
    assert sorted(path.suffix for path in built.iterdir()) == [".gz", ".whl"]
    told = run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir(), cwd=built)
    assert told.count("PASSED") == 2


def test_the_wheel_holds_all_that_is_read_at_run_time_and_no_tests(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    configs = {f"privacy_gan/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    files = [path for path in (ROOT / "privacy_gan").rglob("*") if path.is_file()]
    package = {
        str(path.relative_to(ROOT))
        for path in files
        if "__pycache__" not in path.parts and "hydra_plugin" not in path.parts
    }
    assert configs | package <= names
    assert any(name.startswith("hydra_plugins/privacy_gan/") for name in names)
    assert not any(name.startswith(("tests/", "experiments/", "docs/")) for name in names)


@pytest.fixture
def trained(program, once, tmp_path):
    """Return a folder in which what is installed trained and judged a run."""
    folder = once("trained as installed", lambda folder: train(program, folder))
    return shutil.copytree(folder, tmp_path / "copy")


def train(program, folder):
    assert "privacy loss" in run(program, "train", *RUN, cwd=folder)


def run_in(folder):
    (result,) = (folder / "outputs").rglob("result.json")
    return result.parent


def test_what_is_installed_is_what_was_built(program, python, environment, tmp_path):
    where = run(python, "-c", "import privacy_gan; print(privacy_gan.__file__)", cwd=tmp_path)
    assert where.startswith(str(environment.resolve()))
    assert run(program, "--version", cwd=tmp_path) == f"privacy-gan {__version__}\n"


def test_what_is_installed_judges_and_reports_on_what_it_trained(program, trained):
    run(program, "evaluate", f"run={run_in(trained)}", "judge.epochs=2", cwd=trained)
    assert "Smiling" in run(program, "report", "folder=outputs", cwd=trained)


def test_what_is_installed_exports_loads_shows_and_privatizes(program, python, trained):
    run(program, "export", f"run={run_in(trained)}", "output=model", cwd=trained)
    load = "from privacy_gan import load_privatizer; print(load_privatizer('model').image_size)"
    assert run(python, "-c", load, cwd=trained) == "16\n"
    page, script = demonstrated(program, run_in(trained), trained)
    assert "Hiding Smiling" in page
    assert "censor" in script
    (trained / "photos").mkdir()
    Image.new("RGB", (40, 30), "red").save(trained / "photos" / "a.jpg")
    folders = ["run=model", "input=photos", "output=censored"]
    assert "1 images censored" in run(program, "privatize", *folders, cwd=trained)


def test_what_is_installed_sweeps(program, trained):
    grid = [*RUN, "evaluate=false", "epsilon=0.01,0.02", "data.cache_dir=cache"]
    told = run(program, "sweep", *grid, cwd=trained)
    assert "2" in told
    assert len(list((trained / "outputs").rglob("result.json"))) == 2


def demonstrated(program, folder, cwd):
    """Return the demo's page and its script, as it serves them."""
    command = [program, "demo", f"run={folder}", "port=0", "browser=false"]
    pipe = subprocess.PIPE
    with commands.start(command, real=True, cwd=cwd, stdout=pipe) as process:
        try:
            (address,) = re.findall(r"http://\S+:\d+", process.stdout.readline())
            pages = [urllib.request.urlopen(f"{address}/{name}") for name in ("", "page/page.js")]
            return [page.read().decode() for page in pages]
        finally:
            process.kill()


def test_the_command_line_says_what_there_is(program, tmp_path):
    assert "  privatize " in run(program, cwd=tmp_path)
    mistyped = commands.run([program, "trian"], real=True)
    assert (mistyped.returncode, mistyped.stdout) == (2, "")
    assert mistyped.stderr == "error: trian is not a privacy-gan command: did you mean train?\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_who_completes(shell, program, tmp_path):
    told = run(program, "-sc", f"install={shell}", cwd=tmp_path)
    assert f"{shlex.quote(str(program))} -sc query" in told
