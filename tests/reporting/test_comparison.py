"""Finished runs side by side."""

from sample_results import write_run

from privacy_gan.reporting.comparison import comparison_tables
from privacy_gan.reporting.records import all_evaluation_rows, find_runs

ALONE = "epsilon-0.01 seed-0"


def tables(folder):
    """Return the tables by title, each a list of lines, and the legend."""
    *found, legend = comparison_tables(all_evaluation_rows(find_runs(folder).finished)).split(
        "\n\n"
    )
    titles, bodies = found[::2], found[1::2]
    return {t: b.splitlines() for t, b in zip(titles, bodies, strict=True)}, legend


def test_each_attribute_has_a_table_and_who_leaks_most_comes_first(tmp_path):
    write_run(tmp_path, "blur", leaks=0.6)
    write_run(tmp_path, "stargan-10", leaks=0.85)
    write_run(tmp_path, "stack", leaks={"Smiling": 0.55, "Male": 0.7})
    write_run(tmp_path, "filter-entropy", leaks=None)  # was not judged
    found, legend = tables(tmp_path)
    assert list(found) == [f"{name} in faces-64, {ALONE}" for name in ("Smiling", "Male")]
    smiling = found[f"Smiling in faces-64, {ALONE}"]
    assert [line.split("  ")[0] for line in smiling[2:]] == [
        "stargan-10",
        "blur",
        "stack (Smiling and Male)",
        "(original)",
        "(floor)",
        "(prior)",
    ]
    assert "85.0% [84.0, 86.0%]" in smiling[2]
    assert "70.0%" in "".join(found[f"Male in faces-64, {ALONE}"])
    assert len({len(line) for line in smiling}) == 1
    assert "over test images" in legend


def test_the_papers_own_measure_has_a_column(tmp_path):
    write_run(tmp_path, "blur", leaks=0.6)
    (lines,) = tables(tmp_path)[0].values()
    assert "the paper's way" in lines[0]
    assert "60.0% [59.0, 61.0%]" in lines[2]
    assert "58.0%" in lines[2]
    assert "88.0%" in lines[3]  # the same adversary on original images


def test_other_images_are_another_table_with_bounds_of_their_own(tmp_path):
    write_run(tmp_path / "a", "blur", leaks=0.6, data="celeba-64")
    write_run(tmp_path / "b", "blur", leaks=0.7, data="celeba-128")
    found, _ = tables(tmp_path)
    assert list(found) == [f"Smiling in celeba-{size}, {ALONE}" for size in (64, 128)]
    assert "60.0%" in found[f"Smiling in celeba-64, {ALONE}"][2]
    assert "70.0%" in found[f"Smiling in celeba-128, {ALONE}"][2]


def test_images_of_one_name_that_are_others_are_told_apart(tmp_path):
    write_run(tmp_path / "a", "blur", leaks=0.6)
    write_run(tmp_path / "b", "blur", leaks=0.7, key="fedcba9876543210")
    assert list(tables(tmp_path)[0]) == [
        f"Smiling in faces-64 (01234567), {ALONE}",
        f"Smiling in faces-64 (fedcba98), {ALONE}",
    ]


def test_another_judge_is_another_table_and_what_differs_is_said(tmp_path):
    write_run(tmp_path / "a", "blur", leaks=0.6)
    write_run(tmp_path / "b", "noise", leaks=0.7, settings={"judge.epochs": 2})
    assert list(tables(tmp_path)[0]) == [
        f"Smiling in faces-64, judged with judge.epochs=5, {ALONE}",
        f"Smiling in faces-64, judged with judge.epochs=2, {ALONE}",
    ]


def test_seeds_are_compared(tmp_path):
    write_run(tmp_path, "blur", leaks=0.6)
    write_run(tmp_path, "blur", leaks=0.62, seed=1)
    ((title, lines),) = tables(tmp_path)[0].items()
    assert title == "Smiling in faces-64"
    assert [line.split("  ")[0] for line in lines[2:4]] == [
        "blur epsilon-0.01 seed-1",
        "blur epsilon-0.01 seed-0",
    ]


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    narrow = write_run(tmp_path / "width-16", "filter-entropy", leaks=0.6)
    wide = write_run(tmp_path / "width-32", "filter-entropy", leaks=0.5)
    (lines,) = tables(tmp_path)[0].values()
    assert str(narrow) in lines[2]
    assert str(wide) in lines[3]
