"""What users type: paths with any characters, and mistakes that are explained in one line."""

import shlex

import pytest
import yaml
from commands import cli, error_line, run_train
from presets import JUDGED, TINY

HINTS = {
    "train": {
        "--epsilon 0.01": "write epsilon=0.01",
        "epsilon 0.01": "write epsilon=0.01, without spaces",
        "epsilon=abc": "epsilon=abc: give a number, such as 0.01",
        "epsylon=0.1": "epsylon is not an option: did you mean epsilon=0.1?",
        "+epsilom=0.1": "epsilom is not an option: did you mean epsilon=0.1?",
        "privatizer.filter.constraint.epsilon=0.02": "contradicts epsilon=0.01: give epsilon=0.02",
        "judge=4": "judge=4: give one of mlp, quick, standard",
        "judge.queries=[1,2": "cannot be read: close every bracket and quote",
        "attribute=null": "attribute has no value: give the one to hide, such as attribute=",
        "attribute=Lächeln": "the data have no attribute 'Lächeln'",
        "run_dir=": "run_dir= is empty",
        "--config-dir nowhere": "nowhere' not found",
    },
    "report": {"FOLDER": "write folder=FOLDER", "folder=": "is empty", "faces=no": "true or false"},
    "evaluate": {"FOLDER": "write run=FOLDER", "run=": "which run? give its folder"},
    "privatize": {"run=x input=y output=z overwrite=flase": "give true or false"},
    "demo": {"--run FOLDER": "write run=FOLDER"},
    "export": {"run=x output=y onx=true": "did you mean onnx=true?"},
    "audit": {"images=x labels=y attribute=z image_size=0": "1 or more"},
}


@pytest.mark.parametrize("command", HINTS)
def test_a_mistake_says_what_to_type(command, tmp_path):
    for words, hint in HINTS[command].items():
        assert hint in error_line(cli(command, *words.split(), cwd=tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


FILES = {
    "tabs": ("# @package _global_\nepsilon:\t0.02\n", "line 2: not valid YAML"),
    "brackets": ("# @package _global_\njudge:\n  queries: [1, 4\n", "not valid YAML"),
    "twice": ("# @package _global_\nwidth: 2\nwidth: 4\n", "line 3: not valid YAML"),
    "no": ("# @package _global_\nattribute: No\n", "line 2: attribute=false names no attribute"),
    "nopackage": ("epsilon: 0.02\n", "line 1: the file must begin with the line # @package"),
    "bom": (
        "\ufeff# @package _global_\nepsilon: 0.02\n",
        "line 1: an invisible byte order mark (BOM)",
    ),
    "typo": (
        "# @package _global_\nepsilom: 0.02\n",
        "line 2: epsilom is not an option: did you mean",
    ),
    "inside": (
        "# @package _global_\njudge:\n  queris: [1]\n",
        "line 3: judge.queris is not an option",
    ),
    "type": ("# @package _global_\njudge:\n  queries: 4\n", "line 3: judge.queries=4: give a list"),
    "word": ("# @package _global_\nepsilon: much\n", "line 2: epsilon"),
}


def test_a_mistake_in_a_users_file_is_reported_with_its_line(tmp_path):
    (tmp_path / "experiment").mkdir()
    for name, (text, message) in FILES.items():
        file = tmp_path / "experiment" / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        line = error_line(
            cli("train", f"experiment={name}", "--config-dir", tmp_path, cwd=tmp_path)
        )
        assert str(file) in line
        assert message in line
    latin = tmp_path / "experiment" / "latin.yaml"
    latin.write_bytes("# @package _global_\n# für\nwidth: 2\n".encode("latin-1"))
    line = error_line(cli("train", "experiment=latin", "--config-dir", tmp_path, cwd=tmp_path))
    assert "latin.yaml, line 2: not valid UTF-8" in line


@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "sweep"])
def test_folders_may_have_any_name(mode, tmp_path):
    home = tmp_path / "jürgen's, R&D = [1] {2} $x"
    home.mkdir()
    small = [*TINY, "privatizer=noise", "data.cache_dir=~/a b", "output_dir=~/out, too"]
    process = cli("train", *mode, *small, env={"HOME": str(home)}, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    (config,) = (home / "out, too").rglob("config.yaml")
    saved = yaml.safe_load(config.read_text())
    assert saved["output_dir"] == str(home / "out, too")
    assert {path.name for path in home.iterdir()} >= {"out, too", "a b"}
    again = cli("train", *saved["overrides"], env={"HOME": str(home)}, cwd=tmp_path)
    assert "already finished" in again.stdout
    if not mode:
        assert cli("report", f"folder={home / 'out, too'}", cwd=tmp_path).returncode == 0
        line = error_line(
            cli("evaluate", f"run={config.parent}", "classifiers.epochs=0", cwd=tmp_path)
        )
        assert "classifiers.epochs=0 must be" in line


def test_a_sweep_reports_the_mistakes_of_all_runs_at_once(tmp_path):
    grid = ["epsilon=0,0.01", "attribute=Smilling,Smiling", "width=0"]
    process = run_train(tmp_path, "-m", *grid)
    assert process.returncode == 2
    errors = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    for message in ("epsilon=0.0 is not", "width=0 must be", "no attribute 'Smilling'"):
        assert message in process.stderr


def test_a_later_override_replaces_an_earlier_one_in_a_sweep_too(tmp_path):
    earlier = "judge.adversaries.resnet10.network._target_=my.own"
    later = "judge.adversaries.resnet10=null"
    process = run_train(tmp_path, "-m", earlier, later, "epsilon=0,-1")
    assert "not in struct" not in process.stderr
    assert process.stderr.count("is not a distortion budget") == 2


def test_a_finished_run_names_differing_judge_settings_and_a_command_that_uses_them(tmp_path):
    overrides = [*JUDGED, "trainer.max_epochs=1", "privatizer=noise"]
    overrides.append(f"classifiers.folder={tmp_path / 'a b'}")
    assert run_train(tmp_path, *overrides).returncode == 0
    other = ["judge.queries=[1]", "judge.adversaries.inversion=null", "judge.released_as=jpeg-90"]
    output = run_train(tmp_path, *overrides, *other).stdout
    assert "judge.queries=[1,2], not [1]" in output
    assert "judge.released_as=float, not jpeg-90" in output
    arguments = output.partition("privacy-gan evaluate ")[2].partition("\n")[0]
    evaluated = cli("evaluate", *shlex.split(arguments), cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "it was judged with" not in run_train(tmp_path, *overrides, *other).stdout
