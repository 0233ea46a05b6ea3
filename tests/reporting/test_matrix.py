"""Differences of many mechanisms as a matrix."""

from made_up import measure, write_run

from privacy_gan.reporting.difference import Difference
from privacy_gan.reporting.matrix import is_many, matrices
from privacy_gan.reporting.report import make_report


def difference(one, other, value, reach=0.01):
    names = (one, other)
    return Difference("privacy_loss", 0.01, names, value, value - reach, value + reach, 1, None)


def test_rows_less_columns_are_signed_and_what_is_more_than_chance_is_marked():
    some = [difference("a", "b", 0.05), difference("a", "c", -0.004), difference("b", "c", -0.054)]
    (matrix,) = matrices(some)
    assert matrix.names == ("a", "b", "c")
    assert matrix.cells == (
        ("", "+5.0*", "-0.4"),
        ("-5.0*", "", "-5.4*"),
        ("+0.4", "+5.4*", ""),
    )
    assert matrix.lines()[0].startswith("privacy loss at epsilon 0.01: row less column")
    assert matrix.lines()[3].split() == ["1", "a", "+5.0*", "-0.4"]
    assert not is_many(some)  # three pairs are told in sentences


def test_a_report_of_many_mechanisms_has_no_list_of_sentences(tmp_path):
    for place, name in enumerate(("blur", "noise", "pixelate", "transport")):
        write_run(tmp_path, name, leaks=0.6 + place / 20, auroc=measure(0.7 + place / 20, 0.95))
    report = make_report(tmp_path, tmp_path / "report", with_faces=False)
    assert "privacy loss at epsilon 0.01: row less column" in report.text
    assert "leaks more than" not in report.text
    assert "Least leaks: Smiling, hidden by blur (epsilon-0.01 seed-0)" in report.text
    assert "Most leaks: Smiling, hidden by transport" in report.text
    assert "most by ROC AUC" in report.text
    assert "most leaks by ROC AUC" in (tmp_path / "report" / "figure1.svg").read_text()
