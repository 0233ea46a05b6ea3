"""Tables that compare finished runs."""

from sample_results import write_run

from privacy_gan.reporting.comparison import comparison_tables
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.records import all_evaluation_rows

RUN_LABEL = "epsilon-0.01 seed-0"


def tables_below(folder):
    """Return the lines of each table by its title, and the legend."""
    *found, legend = comparison_tables(all_evaluation_rows(find_runs(folder).finished)).split(
        "\n\n"
    )
    titles, bodies = found[::2], found[1::2]
    return {t: b.splitlines() for t, b in zip(titles, bodies, strict=True)}, legend


def test_each_attribute_has_a_table_with_the_largest_leak_first(tmp_path):
    write_run(tmp_path, "blur", leaks=0.6)
    write_run(tmp_path, "stargan-10", leaks=0.85)
    write_run(tmp_path, "stack", leaks={"Smiling": 0.55, "Male": 0.7})
    write_run(tmp_path, "filter-entropy", leaks=None)  # was not judged
    found, legend = tables_below(tmp_path)
    assert list(found) == [f"{name} in faces-64, {RUN_LABEL}" for name in ("Smiling", "Male")]
    smiling = found[f"Smiling in faces-64, {RUN_LABEL}"]
    assert [line.split("  ")[0] for line in smiling[2:]] == [
        "stargan-10",
        "blur",
        "stack (Smiling and Male)",
        "(original)",
        "(correlation baseline)",
        "(majority baseline)",
    ]
    assert "85.0% [84.0, 86.0%]" in smiling[2]
    assert "70.0%" in "".join(found[f"Male in faces-64, {RUN_LABEL}"])
    assert len({len(line) for line in smiling}) == 1
    assert "over 100 test images" in legend


def test_the_papers_measure_has_a_column(tmp_path):
    write_run(tmp_path, "blur", leaks=0.6)
    (lines,) = tables_below(tmp_path)[0].values()
    assert "paper's metric" in lines[0]
    assert "60.0% [59.0, 61.0%]" in lines[2]
    assert "58.0%" in lines[2]
    assert "88.0%" in lines[3]  # the same adversary on original images


def test_other_images_have_another_table_with_other_references(tmp_path):
    write_run(tmp_path / "a", "blur", leaks=0.6, data="celeba-64")
    write_run(tmp_path / "b", "blur", leaks=0.7, data="celeba-128")
    found, _ = tables_below(tmp_path)
    assert list(found) == [f"Smiling in celeba-{size}, {RUN_LABEL}" for size in (64, 128)]
    assert "60.0%" in found[f"Smiling in celeba-64, {RUN_LABEL}"][2]
    assert "70.0%" in found[f"Smiling in celeba-128, {RUN_LABEL}"][2]


def test_different_images_with_the_same_name_have_their_keys_in_the_titles(tmp_path):
    write_run(tmp_path / "a", "blur", leaks=0.6)
    write_run(tmp_path / "b", "blur", leaks=0.7, key="fedcba9876543210")
    assert list(tables_below(tmp_path)[0]) == [
        f"Smiling in faces-64 (01234567), {RUN_LABEL}",
        f"Smiling in faces-64 (fedcba98), {RUN_LABEL}",
    ]


def test_another_judge_has_another_table_whose_title_says_what_differs(tmp_path):
    write_run(tmp_path / "a", "blur", leaks=0.6)
    write_run(tmp_path / "b", "noise", leaks=0.7, settings={"judge.max_epochs": 2})
    assert list(tables_below(tmp_path)[0]) == [
        f"Smiling in faces-64, judged with judge.max_epochs=4, {RUN_LABEL}",
        f"Smiling in faces-64, judged with judge.max_epochs=2, {RUN_LABEL}",
    ]


def test_judges_that_differ_in_what_they_add_to_a_result_are_compared(tmp_path):
    write_run(tmp_path / "a", "blur", leaks=0.6)
    added = {"judge.controls": ["mlp"], "judge.power": True, "judge.data_scaling": True}
    write_run(tmp_path / "b", "noise", leaks=0.7, settings=added)
    assert list(tables_below(tmp_path)[0]) == [f"Smiling in faces-64, {RUN_LABEL}"]


def test_runs_with_different_seeds_are_compared(tmp_path):
    write_run(tmp_path, "blur", leaks=0.6)
    write_run(tmp_path, "blur", leaks=0.62, seed=1)
    ((title, lines),) = tables_below(tmp_path)[0].items()
    assert title == "Smiling in faces-64"
    assert [line.split("  ")[0] for line in lines[2:4]] == [
        "blur epsilon-0.01 seed-1",
        "blur epsilon-0.01 seed-0",
    ]


def test_runs_with_the_same_name_have_their_folders_in_the_table(tmp_path):
    narrow = write_run(tmp_path / "width-16", "filter-entropy", leaks=0.6)
    wide = write_run(tmp_path / "width-32", "filter-entropy", leaks=0.5)
    (lines,) = tables_below(tmp_path)[0].values()
    assert str(narrow) in lines[2]
    assert str(wide) in lines[3]
