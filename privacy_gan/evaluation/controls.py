"""Controls of the judge: adversaries must find nothing in permuted labels, but planted leaks.

In both controls, the labels of s are permuted, so that they say nothing about the images. If an
adversary finds something in the first control, the judge is broken. In the second, a leak of known
size is planted; the share of such leaks that are found is the judge's power. Both use images that
are censored once, and cheap adversaries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial

from torch import Tensor

from privacy_gan.data.table_data_module import SPLITS
from privacy_gan.evaluation.attack import Attack
from privacy_gan.evaluation.censored_once import CensoredOnce, censor_once, permute_labels
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.metrics.metric import LEAKED_BITS
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE, accuracy, leaked_bits
from privacy_gan.evaluation.observations import class_frequencies
from privacy_gan.evaluation.permutation_test import permutation_p_value, prediction_gains
from privacy_gan.evaluation.planting import informative_share, plant_leak
from privacy_gan.evaluation.predictions import AdversaryPredictions, predict_all, select_strongest
from privacy_gan.evaluation.source import FolderSource
from privacy_gan.models.calibration import clamped_log
from privacy_gan.randomness import Purpose, keyed_seed
from privacy_gan.runs.artifacts import Content, ResumeCheckpoint
from privacy_gan.runs.controls import Controls, PermutedLabels, PlantedLeaks
from privacy_gan.runs.estimate import Estimate

MAX_IMAGES = 20_000  # of each split, so that a control is cheap
SIZES = (0.02, 0.05, 0.1)  # of the planted leaks, in accuracy
REPETITIONS = 10  # of each size
SCORES = {ACCURACY_SCORE: accuracy, LEAKED_BITS: leaked_bits}

# Returns an artifact by name; computes it if it is not saved.
GetArtifact = Callable[[str, Callable[[ResumeCheckpoint | None], Content]], Content]


def measure_controls(
    attack: Attack,
    adversaries: Sequence[str],
    power: bool,
    bootstrap: Bootstrap,
    get: GetArtifact = lambda _, make: make(None),
) -> Controls | None:
    """Run the controls of an attack, on all ranks.

    Args:
        attack: the attack on the censored images.
        adversaries: names of the adversaries to use; those that the attack lacks are skipped.
        power: whether to plant leaks, too.
        bootstrap: computes the intervals, over images.
        get: returns saved results; by default, nothing is saved.

    Returns:
        None without adversaries, or if all of them diverge.

    Raises:
        UserError: a censored image is not finite.
        Interrupted: a signal asked to stop. The same call resumes from what ``get`` has saved.
    """
    names = tuple(name for name in adversaries if name in attack.factories)
    if not names:
        return None
    trial = ControlTrials(attack, names, bootstrap)
    controls = Controls.from_json(get("permuted-labels", trial.permute_labels))
    if not controls.permuted or not power:
        return controls if controls.permuted else None
    repetitions = [
        get(f"planted-leaks-{number}", partial(trial.plant_leaks, number=number))["found"]
        for number in range(REPETITIONS)
    ]
    planted = tuple(
        PlantedLeaks(size, sum(found[index] for found in repetitions), REPETITIONS)
        for index, size in enumerate(trial.sizes)
    )
    return replace(controls, planted=planted)


@dataclass(frozen=True)
class ControlTrials:
    """Attacks on permuted labels, with and without planted leaks.

    Attributes:
        attack: the attack on the censored images.
        names: names of the adversaries.
        bootstrap: computes the intervals.
    """

    attack: Attack
    names: tuple[str, ...]
    bootstrap: Bootstrap

    @cached_property
    def images(self) -> CensoredOnce:
        """The censored images with their true labels."""
        return censor_once(self.attack.source, MAX_IMAGES, self.attack.seed)

    @property
    def sizes(self) -> tuple[float, ...]:
        """Sizes of the leaks that are possible with the frequencies of the classes."""
        return tuple(size for size in SIZES if informative_share(size, self.majority) is not None)

    @property
    def majority(self) -> float:
        """Frequency of the most frequent class in the training split."""
        datamodule = self.attack.source.datamodule
        labels = datamodule.labels("train")[:, datamodule.column(self.attack.attribute)]
        return float(class_frequencies(labels).max())

    def permute_labels(self, resume: ResumeCheckpoint | None) -> Content:
        """Return what adversaries find in permuted labels, see ``Controls.from_json``."""
        seed = keyed_seed(self.attack.seed, Purpose.JUDGE_CONTROL, 0)
        data = permute_labels(self.images, self.attack.attribute, seed)
        records = [
            asdict(self.score(each, data, seed)) for each in self.predict(data, seed, resume)
        ]
        images = {split: len(data.rows(split)) for split in SPLITS}
        return {"images": images, "permuted": records, "planted": []}

    def plant_leaks(self, resume: ResumeCheckpoint | None, number: int) -> Content:
        """Return in a repetition whether a leak of each size was found."""
        del resume  # each attack is short
        seed = keyed_seed(self.attack.seed, Purpose.JUDGE_CONTROL, 1 + number)
        attribute = self.attack.attribute
        permuted = permute_labels(self.images, attribute, seed)
        found = []
        for size in self.sizes:
            share = informative_share(size, self.majority)
            assert share is not None
            data = plant_leak(permuted, attribute, share, seed)
            found.append(self.is_found(self.predict(data, seed, None), data))
        return {"found": found}

    def predict(
        self, data: CensoredOnce, seed: int, resume: ResumeCheckpoint | None
    ) -> list[AdversaryPredictions]:
        """Train the adversaries and return the predictions of those that did not diverge."""
        compute = self.attack.source.compute
        attack = replace(
            self.attack,
            source=FolderSource(data, None, compute),
            seed=seed,
            queries=[1],
            label="controls",
        )
        outcomes = attack.run_on_all_ranks(self.names, resume)
        probabilities = {
            name: each.probabilities for name, each in outcomes.items() if each.probabilities
        }
        frequencies = self.frequencies(data)
        return predict_all(probabilities, self.labels(data, "valid"), frequencies, [1], SCORES)

    def score(self, each: AdversaryPredictions, data: CensoredOnce, seed: int) -> PermutedLabels:
        """Return what an adversary finds in permuted labels."""
        labels = self.labels(data, "test")
        gains = prediction_gains(
            each.by_score[ACCURACY_SCORE].test.argmax(dim=1),
            clamped_log(each.by_score[LEAKED_BITS].test),
        )
        return PermutedLabels(
            each.adversary,
            self.estimate(ACCURACY_SCORE, each, data),
            self.estimate(LEAKED_BITS, each, data),
            self.majority_baseline(data),
            permutation_p_value(gains, labels, seed),
        )

    def is_found(self, predictions: Sequence[AdversaryPredictions], data: CensoredOnce) -> bool:
        """Return whether the interval of a score of the strongest adversary is above guessing."""
        guesses = {ACCURACY_SCORE: self.majority_baseline(data), LEAKED_BITS: 0.0}
        return any(
            self.estimate(score, select_strongest(predictions, score), data).low > guess
            for score, guess in guesses.items()
            if predictions
        )

    def estimate(self, score: str, each: AdversaryPredictions, data: CensoredOnce) -> Estimate:
        """Return a score of an adversary on the test images."""
        statistic = partial(SCORES[score], frequencies=self.frequencies(data))
        labels = self.labels(data, "test")
        estimate = self.bootstrap.percentile(statistic, each.by_score[score].test, labels)
        assert estimate is not None  # accuracy and bits are always defined
        return estimate

    def majority_baseline(self, data: CensoredOnce) -> float:
        """Return the accuracy of the most frequent class in training on the test images."""
        return float((self.labels(data, "test") == self.frequencies(data).argmax()).double().mean())

    def frequencies(self, data: CensoredOnce) -> Tensor:
        """Return the frequencies of the classes in training, [C]."""
        classes = data.classes(self.attack.attribute)
        return class_frequencies(self.labels(data, "train"), len(classes))

    def labels(self, data: CensoredOnce, split: str) -> Tensor:
        """Return the labels of a split, [N]."""
        return data.labels(split)[:, data.column(self.attack.attribute)]
