"""Overrides for runs that take seconds."""

from __future__ import annotations

# The discriminators of TINY. With the shipped ones, ResNets, a checkpoint has 193 MB.
SMALL_DISCRIMINATORS = [
    "networks.filter_discriminator._target_=small_networks.classifier",
    "networks.generator_discriminator._target_=small_networks.classifier",
]

# For a filter in a subspace: add to TINY.
SUBSPACE = [
    "networks=subspace",
    "networks.filter_discriminator._target_=privacy_gan.models.subspace_filter.subspace_classifier",
]
# For experiment=subspace: add to TINY.
SUBSPACE_PRESET = [SUBSPACE[1], "game.generator_stride=2"]

# For most tests: drawn faces of 16 pixels, four batches per epoch, reproducible arithmetic.
TINY = [
    "trainer=cpu",
    "trainer.precision=32-true",
    "trainer.max_epochs=2",
    "evaluate=false",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
    "image_size=16",
    "width=2",
    "data.batch_size=8",
    "data.num_train=32",
    "data.num_valid=16",
    "data.num_test=8",
    "data.num_workers=0",
    *SMALL_DISCRIMINATORS,
]

# For runs that are judged: add to TINY. The adversaries have the names of the shipped ones.
JUDGED = [
    "evaluate=true",
    "classifiers=quick",
    "classifiers.network._target_=small_networks.classifier",
    "judge=quick",
    "judge.adversaries.fixed_classifier=null",
    "judge.adversaries.pca_mlp=null",
    "judge.adversaries.kernel_ridge=null",
    "judge.adversaries.resnet10.network._target_=small_networks.classifier",
    "judge.adversaries.inversion.network._target_=small_networks.classifier",
    "judge.paper.network._target_=small_networks.classifier",
    "judge.retrained.network._target_=small_networks.classifier",
    "judge.attributes=[Smiling,Male]",
    "classifiers.epochs=1",
    "classifiers.batch_size=8",
    "judge.max_epochs=1",
    "judge.batch_size=16",
    "judge.queries=[1,2]",
    "judge.resamples=50",
]

# For tests of the shipped networks: add to TINY, or to TINY and JUDGED.
SHIPPED_DISCRIMINATORS = [
    "networks.filter_discriminator._target_=privacy_gan.models.resnet.resnet18",
    "networks.generator_discriminator._target_=privacy_gan.models.resnet.resnet10",
]
SHIPPED_JUDGE = [
    f"{name}.network._target_=privacy_gan.models.resnet.resnet10"
    for name in (
        "classifiers",
        "judge.adversaries.resnet10",
        "judge.adversaries.inversion",
        "judge.paper",
        "judge.retrained",
    )
]

# For tests that need no images: a run on scalars, judged unless evaluate=false.
NUMBERS = [
    "data=gaussian",
    "trainer=cpu",
    "trainer.precision=32-true",
    "trainer.max_epochs=2",
    "trainer.enable_progress_bar=false",
    "trainer.log_every_n_steps=1",
    "width=8",
    "data.num_train=64",
    "data.num_valid=16",
    "data.num_test=64",
    "data.batch_size=16",
    "classifiers.epochs=1",
    "judge.max_epochs=2",
    "judge.batch_size=32",
    "judge.queries=[1,2]",
    "judge.resamples=50",
]
