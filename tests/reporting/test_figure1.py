"""Figure 1 distinguishes lower bounds from values of adversaries that were done."""

from matplotlib.figure import Figure
from sample_results import learning_curves, write_run

from privacy_gan.reporting.figure1 import HOLLOW, NOT_DONE, draw_panel
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.results import make_panels


def draw(folder):
    """Return the axes with the panel of all runs below a folder."""
    (panel,) = make_panels(all_evaluation_rows(find_runs(folder).finished))
    axes = Figure().subplots()
    draw_panel(panel, ACCURACY, axes)
    return axes


def hollow_points(axes):
    """Return the horizontal positions of hollow markers, in percent."""
    lines = [line for line in axes.get_lines() if line.get_markerfacecolor() == HOLLOW]
    return [float(x) for line in lines for x in line.get_xdata()]


def test_points_are_hollow_where_an_adversary_of_any_seed_was_not_done(tmp_path):
    for epsilon, seed, leak, ending in (
        (0.001, 0, 0.85, "done"),
        (0.001, 1, 0.85, "done"),
        (0.01, 0, 0.7, "done"),
        (0.01, 1, 0.7, "max_epochs"),
    ):
        curves = learning_curves(ending, original="done")
        write_run(tmp_path, epsilon=epsilon, seed=seed, leaks=leak, curves=curves)
    axes = draw(tmp_path)
    assert hollow_points(axes) == [70]
    assert NOT_DONE in axes.get_legend_handles_labels()[1]


def test_without_lower_bounds_no_marker_is_hollow_and_the_legend_does_not_mention_them(tmp_path):
    write_run(tmp_path)
    axes = draw(tmp_path)
    assert hollow_points(axes) == []
    assert NOT_DONE not in axes.get_legend_handles_labels()[1]


def test_original_images_are_hollow_if_their_adversaries_were_not_done(tmp_path):
    write_run(tmp_path, curves=learning_curves("done", original="max_minutes"))
    assert hollow_points(draw(tmp_path)) == [90]
