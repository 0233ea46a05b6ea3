"""The summary at the end of a run, and the name of a run's mechanism."""

import sys
from dataclasses import replace
from pathlib import Path

from commands import run
from sample_results import write_run

from privacy_gan.reporting.finished_runs import FinishedRun, find_runs, mechanism_name
from privacy_gan.reporting.records import evaluation_rows
from privacy_gan.reporting.run_summary import run_summary
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results/h100/celeba-64/filter_generator-entropy/Smiling/epsilon-0.05/seed-0"


def test_the_summary_starts_with_a_sentence_and_a_table_that_fits_a_screen():
    result = Result.read(RESULTS / "result.json")
    first, *lines = run_summary(RunFolder(RESULTS), result, details=False).splitlines()
    assert first.startswith("Smiling still leaks after filter_generator-entropy: ")
    assert first.endswith(".")
    start = next(number for number, line in enumerate(lines) if "censored" in line)
    table = lines[start : lines.index("", start)]
    assert len(table) <= 15
    assert max(map(len, table)) <= 80
    assert table[2].startswith("ROC AUC")  # the leading metric
    assert any(line.startswith("privacy loss  ") for line in table)
    assert not any("correlation with" in line for line in lines)
    details = run_summary(RunFolder(RESULTS), result, details=True)
    assert details.splitlines()[0] == first
    assert "correlation with Male" in details
    assert "adversary's accuracy" in details


def test_a_mechanism_has_its_recorded_name_in_any_folder(tmp_path):
    run = write_run(tmp_path, "blur")
    named = replace(Result.read(run / "result.json"), mechanism="filter-mine")
    anywhere = tmp_path / "a" / "b" / "c" / "d"
    anywhere.mkdir(parents=True)
    named.write(anywhere / "result.json")
    (entry,) = evaluation_rows(*find_runs(tmp_path / "a").finished)
    assert (entry.mechanism, entry.run_label) == ("filter-mine", "epsilon-0.01 seed-0")
    # an old result does not record it: config.yaml, then a folder with the usual layout
    old = replace(named, mechanism="")
    assert mechanism_name(RunFolder(run), old) == "blur"
    assert mechanism_name(RunFolder(anywhere), old) == "unknown"
    (anywhere / "config.yaml").write_text("privatizer: {}\nmechanism: filter-old\n")
    assert evaluation_rows(FinishedRun(RunFolder(anywhere), old))[0].mechanism == "filter-old"


def test_the_summary_needs_neither_torch_nor_pandas():
    block = "import sys; sys.modules |= dict.fromkeys(('torch', 'pandas', 'matplotlib'))"
    imports = "from privacy_gan.reporting import records, run_summary, sweep_chart, verdict"
    process = run([sys.executable, "-c", f"{block}; {imports}"])
    assert process.returncode == 0, process.stderr
