"""The commands, examples and tables in the documentation are correct."""

import re
import shlex
import sys

from commands import ROOT, run
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from presets import JUDGED, TINY

from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.reporting.comparison import comparison_tables
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.report import make_report

RESULT_FOLDER = re.compile(r"privacy-gan report folder=(docs/results/\w+)")
BLOCK = re.compile(r"```(?:python|yaml)\n# (mine/\S+)\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"```sh\nPYTHONPATH=mine privacy-gan (.*?)\n```")


def test_the_custom_mechanism_example_is_trained_and_judged(tmp_path):
    page = (ROOT / "docs" / "mechanisms.md").read_text()
    files = BLOCK.findall(page)
    assert [name for name, _ in files] == ["mine/patch.py", "mine/privatizer/patch.yaml"]
    assert sum(text.count("\n") for _, text in files) < 40
    for name, text in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (command,) = COMMAND.findall(page)
    verb, *arguments = shlex.split(command)
    folders = ["output_dir=out", "data.cache_dir=cache", "classifiers.folder=classifiers"]
    process = run(
        [sys.executable, ROOT / "experiments" / f"{verb}.py", *arguments, *TINY, *JUDGED, *folders],
        cwd=tmp_path,
        env={"PYTHONPATH": "mine"},
    )
    assert process.returncode == 0, process.stderr
    folder = tmp_path / "out/synthetic_faces-16/patch/Smiling/epsilon-0.01/seed-0"
    assert (folder / "result.json").exists()
    assert "privacy loss" in process.stdout


def test_the_mechanism_tables_match_the_report():
    runs = find_runs(ROOT / "docs" / "results" / "mechanisms").finished
    documented = {line.strip() for line in (ROOT / "docs" / "results.md").read_text().splitlines()}
    for line in comparison_tables(all_evaluation_rows(runs)).splitlines():
        assert line.strip() in documented, line


def test_every_result_folder_in_the_docs_can_be_reported(tmp_path):
    pages = [path.read_text() for path in (ROOT / "docs").glob("*.md")]
    folders = {folder for page in pages for folder in RESULT_FOLDER.findall(page)}
    assert len(folders) >= 4
    for folder in folders:
        runs = find_runs(ROOT / folder)
        assert runs.finished, folder
        assert not runs.unreadable, folder
        report = make_report(ROOT / folder, tmp_path / folder, with_faces=False)
        assert all(path.exists() for path in report.files)


def test_the_example_files_match_the_report(tmp_path):
    committed = ROOT / "docs" / "example"
    report = make_report(ROOT / "docs" / "results" / "example", tmp_path, with_faces=False)
    names = {path.name for path in report.files} - {"report.html", "results.csv"}
    assert names == {path.name for path in committed.iterdir()}
    for name in names:
        if name.startswith("table"):
            assert (committed / name).read_text() == (tmp_path / name).read_text(), name
    page = (ROOT / "docs" / "report.md").read_text()
    table = (committed / "table3.md").read_text().split("###")[1]  # in the paper's format
    assert all(line in page for line in table.splitlines() if line.startswith("|"))


def test_the_run_folder_in_the_readme_is_that_of_the_demo():
    register_with_hydra()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", ["experiment=demo"], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        folder = config.run_dir
    section = (ROOT / "README.md").read_text().partition("## Use a trained model")[2]
    assert f"RUN={folder}\n" in section.partition("\n## ")[0]


def test_every_option_in_the_tables_of_privatize_and_audit_exists():
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for name in ("privatize", "audit"):
            page = (ROOT / "docs" / f"{name}.md").read_text()
            config = compose(name)
            column = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
            options = {option for cell in column for option in re.findall(r"`(\w+)[=`]", cell)}
            options -= {"float", "png"}  # formats
            assert len(options) >= 5
            assert options <= set(config), name
