"""The judge: measures what adversaries learn from censored images and how useful the images are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch

from privacy_gan import distributed
from privacy_gan.attributes import find_attribute
from privacy_gan.data.release_format import FLOAT, ReleaseFormat
from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.attack import PAPER, Attack, require_any_adversary
from privacy_gan.evaluation.cached_attack import (
    JudgingCache,
    attack_censored,
    network_groups,
    run_and_pack,
)
from privacy_gan.evaluation.classifiers import (
    FixedClassifier,
    FixedClassifiers,
    require_all_classes,
    require_known,
)
from privacy_gan.evaluation.controls import measure_controls
from privacy_gan.evaluation.data_scaling import train_on_subsets
from privacy_gan.evaluation.halving import Limits
from privacy_gan.evaluation.judge_settings import require_adversaries, require_numbers
from privacy_gan.evaluation.judgement import Found, Judgement, measure
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.outcomes import Outcome, probabilities_of, unpack_outcomes
from privacy_gan.evaluation.outputs import load_inception
from privacy_gan.evaluation.persons import persons_key
from privacy_gan.evaluation.planting import require_plantable
from privacy_gan.evaluation.pretrained import lacks_weights
from privacy_gan.evaluation.source import CensoredSource, apply_file_format, original_images
from privacy_gan.evaluation.variants import Variant, variants_of_best
from privacy_gan.models.pretrained import load_pretrained
from privacy_gan.runs.controls import Controls
from privacy_gan.runs.evaluation import RETRAINED


class Judge:
    """Judges any source of censored images.

    Args:
        classifiers: the fixed classifiers.
        reference_settings: for "panel", ``RETRAINED`` and ``PAPER``, everything that affects the
            predictions of these networks for original images, in any form that changes with it.
        attributes: the attributes to measure; all but the sensitive one are utility attributes.
        adversaries: functions that create the adversaries, by name, see evaluation/adversaries.py;
            None disables one.
        seed: seed of the adversaries' weights, of the order of batches and of all noise.
        max_epochs: epochs after which training ends even if adversaries still learn.
        max_minutes: minutes after which each training ends in any case, or None.
        batch_size: images per training batch.
        queries: numbers of censored versions of an image that adversaries see.
        resamples: number of bootstrap samples.
        inception_weights: file of torch-fidelity's InceptionV3 weights for the FID, or None.
        released_as: format in which adversaries get the images: "float", as the mechanism computes
            them, or as read from files, "png" or "jpeg-QUALITY".
        weights: file of the weights that the adversary "pretrained" starts from; None leaves such
            adversaries out.
        paper: creates the paper's adversary, which is trained for five epochs; None disables it.
        retrained: creates the classifier of the utility attributes that is trained on censored
            images, see evaluation/retrained.py; None disables it.
        data_scaling: whether the strongest adversary is also trained on a quarter and a half of the
            images, see evaluation/data_scaling.py.
        controls: names of the adversaries that are also trained on permuted labels, see
            evaluation/controls.py; those that are disabled are skipped.
        power: whether these are also trained on planted leaks of known size.
        variants: changes of the training recipe, by name, with which the two best adversaries are
            trained again, see evaluation/variants.py.

    Raises:
        UserError: there are no adversaries or no queries, or a setting is invalid.
    """

    def __init__(
        self,
        classifiers: FixedClassifiers,
        reference_settings: Mapping[str, str],
        attributes: Sequence[str],
        adversaries: Mapping[str, Callable[..., Learner] | None],
        seed: int,
        max_epochs: int,
        batch_size: int,
        queries: Sequence[int],
        resamples: int,
        max_minutes: float | None = None,
        inception_weights: str | Path | None = None,
        weights: str | Path | None = None,
        paper: Callable[..., Learner] | None = None,
        retrained: Callable[..., Learner] | None = None,
        released_as: str = FLOAT,
        data_scaling: bool = False,
        controls: Sequence[str] = (),
        power: bool = False,
        variants: Mapping[str, Variant] = MappingProxyType({}),
    ) -> None:
        self.classifiers = classifiers
        self.reference_settings = reference_settings
        self.attributes = attributes
        self.factories = {
            name: factory
            for name, factory in adversaries.items()
            if factory is not None and not lacks_weights(factory)
        }
        self.seed = seed
        self.limits = Limits(max_epochs, max_minutes)
        self.batch_size = batch_size
        self.queries = sorted(queries)
        self.bootstrap = Bootstrap(resamples, seed)
        self.inception_weights = inception_weights
        self.weights = weights
        self.paper = paper
        self.retrained = retrained
        self.released_as = released_as
        self.data_scaling = data_scaling
        self.controls = [
            name for name in controls if name in self.factories or name not in adversaries
        ]
        self.power = power
        self.variants = variants
        require_adversaries(self.factories, self.controls, power)
        require_numbers(self.queries, self.limits, batch_size, resamples)
        if released_as != FLOAT:
            ReleaseFormat.parse(released_as)  # raises an error for unknown formats

    def check(self, datamodule: TableDataModule, attribute: str) -> list[str]:
        """Return the utility attributes; raise errors now that ``judge`` would raise later.

        Raises:
            UserError: see ``judge``.
        """
        if self.released_as != FLOAT and not datamodule.viewable:
            raise UserError(
                f"judge.released_as={self.released_as} needs images, and "
                f"{datamodule.data_name} is not image data: set it to {FLOAT}"
            )
        if self.power:
            require_plantable(datamodule, attribute)
        measured = [find_attribute(name, datamodule.attribute_names) for name in self.attributes]
        for split in SPLITS:
            for name in dict.fromkeys((attribute, *measured)):
                require_all_classes(datamodule, split, name)
            require_known(datamodule, split, attribute)
            datamodule.persons(split)
        load_inception(self.inception_weights, torch.device("cpu"))
        if self.weights is not None:
            load_pretrained(Path(self.weights), len(datamodule.classes(attribute)))
        group = datamodule.group
        hidden = group.members if group and attribute == group.name else (attribute,)
        return [name for name in measured if name not in hidden]

    def judge(
        self,
        source: CensoredSource,
        attribute: str,
        epsilon: float | None,
        epsilon_batch_size: int,
        discriminator_loss: float | None = None,
        cache: JudgingCache | None = None,
    ) -> Judgement:
        """Attack censored images and measure the result.

        Several processes share the training of the adversaries; rank 0 computes the metrics.

        Args:
            source: source of the censored images: a mechanism, or images that another tool
                censored.
            attribute: the sensitive attribute.
            epsilon: the distortion budget, or None.
            epsilon_batch_size: number of images over which the budget bounds the mean distortion.
            discriminator_loss: cross-entropy of the filter's discriminator on validation images, in
                nats, or None.
            cache: where to save the progress; None saves nothing.

        Raises:
            UserError: the data lack an attribute, or one of its classes in some split; a fixed
                classifier is damaged; or all adversaries diverge.
            Interrupted: a signal asked to stop. With a cache, the same call resumes.
        """
        source = apply_file_format(source, self.released_as)
        utilities = self.check(source.datamodule, attribute)
        fixed: Mapping[str, FixedClassifier] = {}
        if source.has_originals:
            measured = [attribute, *utilities]
            fixed = self.classifiers.get(measured, source.datamodule, source.compute)
        attack = self.build_attack(source, attribute, utilities, fixed)
        censored = attack_censored(attack, cache)
        require_any_adversary(censored, self.factories, "the censored images")
        contenders = attack
        if self.variants:
            varied = variants_of_best(attack, censored, self.variants)
            censored |= attack_censored(varied, cache, "variants")
            contenders = replace(attack, factories={**attack.factories, **varied.factories})
        originals = self.attack_originals(attack) if source.has_originals else None
        smaller = None
        if self.data_scaling:
            key = "" if cache is None else cache.key
            smaller = train_on_subsets(contenders, probabilities_of(censored), cache, key)
        found = Found(censored, originals, smaller, self.run_controls(attack, cache))
        return distributed.broadcast_from_rank_zero(
            lambda: measure(
                attack,
                found,
                bootstrap=self.bootstrap,
                inception=load_inception(self.inception_weights, source.compute.device),
                epsilon=epsilon,
                epsilon_batch_size=epsilon_batch_size,
                discriminator_loss=discriminator_loss,
            )
        )

    def build_attack(
        self,
        source: CensoredSource,
        attribute: str,
        utilities: Sequence[str],
        fixed: Mapping[str, FixedClassifier],
    ) -> Attack:
        """Return the attack by all adversaries and, if configured, the retrained classifier.

        Args:
            source: source of the images.
            attribute: the sensitive attribute.
            utilities: the utility attributes.
            fixed: fixed classifiers of all these attributes; empty without original images.
        """
        factories = dict(self.factories)
        if self.paper is not None:
            factories[PAPER] = self.paper
        if self.retrained is not None and utilities:
            factories[RETRAINED] = self.retrained
        queries = [1] if source.deterministic else self.queries
        settings = (self.seed, self.limits, self.batch_size, queries)
        return Attack(source, attribute, utilities, fixed, factories, *settings)

    def attack_originals(self, attack: Attack) -> dict[str, Outcome]:
        """Return the outcomes of the same networks trained on original images.

        These references are trained once for each data set, attribute and training setup, and
        cached next to the fixed classifiers. They use the classifiers' seed.
        """
        datamodule = attack.source.datamodule
        attack = replace(
            attack,
            source=original_images(datamodule, attack.source.compute),
            seed=self.classifiers.seed,
            queries=[1],
            label="references",
        )
        what = f"reference adversaries of {attack.attribute}"
        cache = self.classifiers.cache(datamodule.split_name(), what)
        outcomes: dict[str, Outcome] = {}
        for name, networks in network_groups(attack, {RETRAINED}).items():
            settings = self.reference_settings[name] + persons_key(datamodule)
            path = cache.path(f"{attack.attribute}-{name}", settings)
            make = partial(run_and_pack, attack, networks)
            outcomes |= unpack_outcomes(cache.get_joint(path, make))
        require_any_adversary(outcomes, self.factories, "the original images")
        return outcomes

    def run_controls(self, attack: Attack, cache: JudgingCache | None) -> Controls | None:
        """Return what adversaries find in permuted labels and, if configured, in planted leaks.

        Args:
            attack: the attack on the censored images.
            cache: cache of the judgement; None saves nothing.
        """
        settings = (attack, self.controls, self.power, self.bootstrap)
        if cache is None:
            return measure_controls(*settings)
        return measure_controls(
            *settings,
            lambda name, make: cache.get_joint(cache.outcomes_path(attack.attribute, name), make),
        )
