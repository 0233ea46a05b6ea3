"""The model card of an exported mechanism shows what was measured."""

from dataclasses import replace

import pytest
from huggingface_hub import ModelCard
from sample_results import evaluation, learning_curves

from privacy_gan.reporting.model_card import render_model_card
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Measure
from privacy_gan.runs.result import Result

FACTS = {
    "mechanism": "filter_generator-entropy",
    "attribute": "Smiling",
    "epsilon": 0.005,
    "seed": 3,
    "data": "celeba-64",
    "precision": "auto",
    "made_by": "privacy_gan 0.1.0",
}
AUROC = Measure(Estimate(0.9, 0.88, 0.92), Estimate(0.95, 0.94, 0.96))


def result(*attributes):
    found = {name: evaluation(0.8, attribute=name, auroc=AUROC) for name in attributes}
    return Result("celeba-64", {}, {}, found)


def card(*attributes, with_onnx=True, **facts):
    """Return a card as the Hub's library reads it."""
    text = render_model_card(
        result(*attributes), FACTS | facts, attributes or ["Smiling"], 64, with_onnx
    )
    return ModelCard(text)


def text_of(read):
    """Return the text with line breaks as spaces."""
    return " ".join(read.text.split())


def test_the_metadata_has_the_measures_for_the_hub():
    data = card("Smiling").data
    assert (data.library_name, data.pipeline_tag) == ("privacy_gan", "image-to-image")
    assert data.model_name == "filter_generator-entropy on Smiling"
    found = {each.metric_name: each.metric_value for each in data.eval_results}
    assert found == {
        "ROC AUC, Smiling": 0.9,  # the leading metric
        "privacy loss (accuracy), Smiling": 0.8,
        "distortion, Smiling": 0.01,
    }
    assert {each.dataset_name for each in data.eval_results} == {"celeba-64"}


def test_the_card_has_what_leaks_and_the_baselines_with_intervals():
    text = card("Smiling").text
    row = (
        "| privacy loss (accuracy) | 80.0% [79.0, 81.0%] | 90.0% [89.0, 91.0%] "
        "| 50.0% [49.0, 51.0%] | 70.0% [69.0, 71.0%] |"
    )
    assert row in text.splitlines()
    assert "| Male | 80.0% [79.0, 81.0%] |" in text.splitlines()
    assert "Smiling leaks: an adversary trained on 1,000 labelled censored images" in text


def test_the_card_has_the_adversaries_and_their_training():
    text = text_of(card("Smiling"))
    assert (
        "Adversaries: resnet10, resnet18. Each was trained until it was done or others were "
        "clearly better on 1,000 labelled images censored by this mechanism, and saw 1 or 4 "
        "censored versions of each image"
    ) in text
    assert "at least" not in text
    assert "strongest on 100 validation images is reported on 100 test images" in text
    assert "as the network outputs them, not rounded as in image files" in text


@pytest.mark.parametrize(
    ("curves", "training"),
    [
        (learning_curves("max_epochs"), "Each was trained up to a limit, before all were done,"),
        ({}, "Each was trained for an unknown time"),
    ],
)
def test_the_card_of_adversaries_that_were_not_done_has_lower_bounds(curves, training):
    found = evaluation(0.8, auroc=AUROC, curves=curves)
    judged = Result("celeba-64", {}, {}, {"Smiling": found})
    card = ModelCard(render_model_card(judged, FACTS, ["Smiling"], 64, with_onnx=False))
    text = text_of(card)
    assert (
        "| privacy loss (accuracy) | at least 80.0% [79.0, 81.0%] | at least 90.0% [89.0, 91.0%] "
        "| 50.0% [49.0, 51.0%] | 70.0% [69.0, 71.0%] |"
    ) in text
    assert "| Male | 80.0% [79.0, 81.0%] |" in text  # by fixed classifiers
    assert "At least: the networks were not done learning" in text
    assert training in text
    assert {each.metric_name for each in card.data.eval_results} == {
        "ROC AUC, Smiling (lower bound)",
        "privacy loss (accuracy), Smiling (lower bound)",
        "distortion, Smiling",
    }


def test_the_card_has_the_file_format_that_adversaries_saw():
    found = evaluation(0.8, auroc=AUROC, settings={"judge.released_as": "jpeg-90"})
    judged = Result("celeba-64", {}, {}, {"Smiling": found})
    text = render_model_card(judged, FACTS, ["Smiling"], 64, with_onnx=False)
    assert "The adversaries saw images as jpeg-90 files store them." in " ".join(text.split())
    assert "model.onnx" not in text


def test_the_card_has_the_judges_warnings():
    found = replace(evaluation(0.8, auroc=AUROC), warnings=("the data are few",))
    text = render_model_card(Result("x", {}, {}, {"Smiling": found}), FACTS, ["Smiling"], 64, False)
    assert "\nWarning: the data are few\n" in text


def test_several_attributes_have_a_section_each():
    text = card("Smiling", "Male").text
    assert "hides Smiling and Male" in text
    assert [line for line in text.splitlines() if line[:4] == "### "] == ["### Smiling", "### Male"]


def test_the_card_of_a_run_that_was_not_judged_claims_nothing():
    read = card()
    assert "This mechanism was not evaluated" in read.text
    assert "%" not in read.text
    assert read.data.eval_results is None


@pytest.mark.parametrize("attributes", [(), ("Smiling",)])
def test_the_card_says_what_the_mechanism_does_not_do(attributes):
    text = text_of(card(*attributes))
    assert "is not the epsilon of differential privacy" in text
    assert "As anonymization. It hides an attribute, not a person's identity" in text


def test_the_card_has_the_license_of_celeba_and_no_other():
    of_celeba, of_drawn = card("Smiling"), card("Smiling", data="synthetic_faces-32")
    assert of_celeba.data.license_name == "celeba-non-commercial-research"
    assert "non-commercial research purposes only" in text_of(of_celeba)
    assert of_drawn.data.license is None
    assert "CelebA" not in of_drawn.text
