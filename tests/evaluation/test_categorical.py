"""A categorical attribute, from the command line to the table."""

import pytest
import torch
from presets import JUDGED, TINY

from privacy_gan.commands.evaluate import evaluate
from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.evaluation.metrics.bootstrap import compute_on_all
from privacy_gan.evaluation.metrics.privacy import auroc, balanced_accuracy
from privacy_gan.evaluation.metrics.samples import cramers_v
from privacy_gan.reporting.run_summary import full_summary

COUNTS = ["data.num_train=64", "data.num_valid=48", "data.num_test=48"]
GROUP = ["attribute=[age,Male]", "group_rule=other"]
ALL = "judge.attributes=[Smiling,Male,Young,Heavy_Makeup]"


@pytest.fixture
def judged(tiny, tmp_path):
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    return lambda *overrides: tiny(where, *overrides, preset=[*TINY, *JUDGED, *COUNTS])


def test_a_run_on_a_categorical_attribute_has_all_measures(judged):
    config = judged(*GROUP, ALL)
    run, record = train(config)
    name = "Young+Male-other"
    assert run.path.parts[-3] == name
    found = record.evaluations[name]
    assert found.classes == ("Young", "Male", "other")
    measures = found.measures
    # its members reveal it, so they are not utility attributes or part of the baseline
    assert [key for key in measures if key.startswith("utility/")] == [
        "utility/Smiling",
        "utility/Heavy_Makeup",
    ]
    assert [key for key in measures if "/Smiling" in key] == [
        "utility/Smiling",
        "retrained_utility/Smiling",
        "attained_utility/Smiling",
        "association/Smiling",
    ]
    assert measures["privacy_loss"].correlation_baseline.value < 0.95
    assert "association with Smiling" in full_summary(run, record)
    filters = torch.load(run.checkpoint, weights_only=True)["state_dict"]
    assert filters["filter.discriminator.head.bias"].shape == (3,)
    assert filters["generator.discriminator.head.bias"].shape == (4,)  # with fake
    assert evaluate(config)[1] == record


def test_a_group_can_be_given_as_one_name_or_as_a_list(judged):
    words = judged("attribute=Young+Male", "group_rule=other", "evaluate=false", ALL)
    listed = judged(*GROUP, "evaluate=false", ALL)
    assert train(words)[0] == train(listed)[0]


def test_a_member_that_the_data_lack_raises_an_error(judged):
    with pytest.raises(UserError, match="no attribute 'Bald'"):
        train(judged("attribute=[Male,Bald]", "group_rule=other"))


def test_dropped_images_are_in_no_split(judged):
    _, record = train(judged("attribute=[Young,Male]", "group_rule=drop", ALL))
    (found,) = record.evaluations.values()
    assert found.classes == ("Young", "Male")
    assert 0 < found.images["train"] < 64
    assert "correlation/Smiling" in found.measures  # two classes have one


def test_an_empirical_distribution_has_the_training_frequencies(judged):
    empirical = ["synthetic=empirical", "evaluate=false"]
    run, _ = train(judged(*GROUP, *empirical))
    state = torch.load(run.checkpoint, weights_only=True)["state_dict"]
    probabilities = state["generator.synthetic.probabilities"] * 64
    assert probabilities.sum() == pytest.approx(64)
    assert torch.allclose(probabilities, probabilities.round(), atol=1e-4)
    assert len(set(probabilities.tolist())) > 1


def test_scores_take_the_mean_over_the_classes_that_occur():
    frequencies = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    probabilities = torch.tensor(
        [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]], dtype=torch.float64
    )
    labels = torch.tensor([0, 0, 1, 1])  # class 2 is absent
    # relative to the frequencies: predicted 0, 1, 0, 2 (0.6 / 0.5 > 0.3 / 0.3); recalls 1/2 and 0
    assert compute_on_all(balanced_accuracy, probabilities, labels, frequencies) == pytest.approx(
        0.25
    )
    # class 0 orders 0.8, 0.2 above 0.6, 0.1: pairs (1 + 1 + 0 + 1) / 4; class 1: 0.3, 0.1 above
    # 0.1, 0.7: (1 + 0 + 1/2 + 0) / 4
    assert compute_on_all(auroc, probabilities, labels, frequencies) == pytest.approx(
        (0.75 + 0.375) / 2
    )


def test_association_of_binary_attributes_is_their_absolute_correlation():
    one = torch.tensor([0, 0, 0, 1, 1, 1])
    other = torch.tensor([1, 1, 0, 0, 0, 1])
    # 2 x 2 table [[1, 2], [2, 1]]: phi = (1 * 1 - 2 * 2) / 9
    assert compute_on_all(cramers_v, one, other) == pytest.approx(1 / 3)
    same = torch.tensor([0, 1, 2] * 4)
    assert compute_on_all(cramers_v, same, same) == pytest.approx(1)


def test_association_ignores_classes_that_do_not_occur():
    one = torch.tensor([0, 0, 1, 1, 4, 4] * 5)
    other = torch.tensor([0, 0, 1, 1, 1, 0] * 5)
    relabelled = torch.where(one == 4, 2, one)
    assert compute_on_all(cramers_v, one, other) == pytest.approx(
        compute_on_all(cramers_v, relabelled, other)
    )
    # chi squared of the table [[10, 0], [0, 10], [5, 5]] is 20, of 30 images
    assert compute_on_all(cramers_v, one, other) == pytest.approx((20 / 30) ** 0.5)
