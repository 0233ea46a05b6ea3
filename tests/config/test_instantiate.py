"""Mechanisms get the arguments ``seed`` and ``attribute_index`` that their constructors declare."""

import pytest
from omegaconf import OmegaConf

from privacy_gan.config import instantiate_mechanism
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Censored, Privatizer


class Bare(Privatizer):
    def forward(self, images, draws):
        return Censored(images, None)


class Seeded(Bare):
    def __init__(self, seed):
        super().__init__()
        self.context = {"seed": seed}


class Both(Bare):
    def __init__(self, attribute_index, seed):
        super().__init__()
        self.context = {"attribute_index": attribute_index, "seed": seed}


class AnyKeyword(Bare):
    def __init__(self, **context):
        super().__init__()
        self.context = context


class Stack(Bare):
    def __init__(self, parts):
        super().__init__()
        self.context = [part["privatizer"].context for part in parts]


def create(name, **arguments):
    node = OmegaConf.create({"_target_": f"test_instantiate.{name}", **arguments})
    return instantiate_mechanism(node, seed=3, attribute_index=1)


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("Seeded", {"seed": 3}),
        ("Both", {"attribute_index": 1, "seed": 3}),
        ("AnyKeyword", {"attribute_index": 1, "seed": 3}),
    ],
)
def test_a_mechanism_gets_the_context_arguments_that_it_declares(name, context):
    assert create(name).context == context


def test_a_mechanism_that_declares_none_gets_none():
    assert isinstance(create("Bare"), Bare)


def test_parts_of_a_stack_keep_their_own_context_arguments():
    parts = [
        {"privatizer": {"_target_": f"test_instantiate.{name}", "attribute_index": 0, "seed": 5}}
        for name in ("Seeded", "AnyKeyword")
    ]
    assert create("Stack", parts=parts).context == [{"seed": 5}, {"attribute_index": 0, "seed": 5}]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Other", r"test_instantiate\.Other cannot be set up"),
        ("Bare", r"Bare cannot be set up.*side"),
    ],
)
def test_a_failed_instantiation_gives_its_reason_once(name, message, caplog):
    with pytest.raises(UserError, match=message):
        create(name, side=3)
    assert not caplog.records


@pytest.mark.parametrize("node", [{"_target_": None}, {"_target_": "Bare"}, {"a": "${nowhere}"}])
def test_an_invalid_node_is_a_user_error(node):
    with pytest.raises(UserError):
        instantiate_mechanism(
            OmegaConf.create({"_target_": "test_instantiate.Bare", **node}), seed=0
        )
