"""The built package, installed in another environment and used from its command line."""

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
    """Return the folder with the wheel and the source distribution."""
    return once("built", build) / "dist"


def build(folder):
    """Build a source distribution of all files not ignored by git, and the wheel from it."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
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
    """Return an environment with the wheel that shares all other packages with the tests."""
    (wheel,) = built.glob("*.whl")
    return once("an environment", lambda folder: install(wheel, folder))


def install(wheel, folder):
    """Create an environment and install the wheel."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    # adds the path only: .pth files there, which make the checkout importable, are not read
    shared = Path(site.strip()) / "shared.pth"
    shared.write_text(sysconfig.get_path("purelib") + "\n")
    options = ["--no-deps", "--no-index", "--ignore-installed"]
    pip = [sys.executable, "-m", "pip", "--python", python]
    run(*pip, "install", *options, wheel, cwd=folder)


@pytest.fixture
def program(environment):
    return environment / "bin" / "privacy-gan"


@pytest.fixture
def python(environment):
    return environment / "bin" / "python"


def test_twine_accepts_both_distributions(built):
    assert sorted(path.suffix for path in built.iterdir()) == [".gz", ".whl"]
    output = run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir(), cwd=built)
    assert output.count("PASSED") == 2


def test_wheel_has_all_runtime_files_and_no_tests(built):
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
    """Return a folder with a run that the installed package trained and judged."""
    folder = once("trained by the installed package", lambda folder: train(program, folder))
    return shutil.copytree(folder, tmp_path / "copy")


def train(program, folder):
    assert "privacy loss" in run(program, "train", *RUN, cwd=folder)


def run_folder(folder):
    (result,) = (folder / "outputs").rglob("result.json")
    return result.parent


def test_installed_package_is_the_built_wheel(program, python, environment, tmp_path):
    path = run(python, "-c", "import privacy_gan; print(privacy_gan.__file__)", cwd=tmp_path)
    assert path.startswith(str(environment.resolve()))
    assert run(program, "--version", cwd=tmp_path) == f"privacy-gan {__version__}\n"


def test_installed_package_judges_and_reports(program, trained):
    run(program, "evaluate", f"run={run_folder(trained)}", "judge.max_epochs=2", cwd=trained)
    assert "Smiling" in run(program, "report", "folder=outputs", cwd=trained)


def test_installed_package_exports_loads_demonstrates_and_privatizes(program, python, trained):
    run(program, "export", f"run={run_folder(trained)}", "output=model", cwd=trained)
    load = "from privacy_gan import load_privatizer; print(load_privatizer('model').image_size)"
    assert run(python, "-c", load, cwd=trained) == "16\n"
    page, script = fetch_demo(program, run_folder(trained), trained)
    assert "Hiding Smiling" in page
    assert "censor" in script
    (trained / "photos").mkdir()
    Image.new("RGB", (40, 30), "red").save(trained / "photos" / "a.jpg")
    folders = ["run=model", "input=photos", "output=censored"]
    assert "1 image censored" in run(program, "privatize", *folders, cwd=trained)


def test_installed_package_sweeps(program, trained):
    grid = [*RUN, "evaluate=false", "epsilon=0.01,0.02", "data.cache_dir=cache"]
    output = run(program, "sweep", *grid, cwd=trained)
    assert "2" in output
    assert len(list((trained / "outputs").rglob("result.json"))) == 2


def fetch_demo(program, folder, cwd):
    """Return the page and the script that the demo serves."""
    command = [program, "demo", f"run={folder}", "port=0", "browser=false"]
    pipe = subprocess.PIPE
    with commands.start(command, real=True, cwd=cwd, stdout=pipe) as process:
        try:
            (address,) = re.findall(r"http://\S+:\d+", process.stdout.readline())
            pages = [urllib.request.urlopen(f"{address}/{name}") for name in ("", "page/page.js")]
            return [page.read().decode() for page in pages]
        finally:
            process.kill()


def test_installed_command_lists_its_verbs(program, tmp_path):
    assert "  privatize " in run(program, cwd=tmp_path)
    mistyped = commands.run([program, "trian"], real=True)
    assert (mistyped.returncode, mistyped.stdout) == (2, "")
    assert mistyped.stderr == "error: trian is not a privacy-gan command: did you mean train?\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_calls_the_installed_program(shell, program, tmp_path):
    output = run(program, "-sc", f"install={shell}", cwd=tmp_path)
    assert f"{shlex.quote(str(program))} -sc query" in output
