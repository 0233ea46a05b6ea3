"""Mechanisms are told of their run what their constructors declare, and nothing else."""

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
        self.told = {"seed": seed}


class Both(Bare):
    def __init__(self, attribute_index, seed):
        super().__init__()
        self.told = {"attribute_index": attribute_index, "seed": seed}


class Whatever(Bare):
    def __init__(self, **context):
        super().__init__()
        self.told = context


class Several(Bare):
    """A mechanism of others, as a stack is."""

    def __init__(self, parts):
        super().__init__()
        self.told = [part["privatizer"].told for part in parts]


def built(kind, **arguments):
    node = OmegaConf.create({"_target_": f"test_instantiate.{kind}", **arguments})
    return instantiate_mechanism(node, seed=3, attribute_index=1)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Seeded", {"seed": 3}),
        ("Both", {"attribute_index": 1, "seed": 3}),
        ("Whatever", {"attribute_index": 1, "seed": 3}),
    ],
)
def test_a_mechanism_gets_the_context_arguments_that_it_declares(kind, told):
    assert built(kind).told == told


def test_a_mechanism_that_declares_none_gets_none():
    assert isinstance(built("Bare"), Bare)


def test_parts_of_a_stack_keep_their_own_context_arguments():
    parts = [
        {"privatizer": {"_target_": f"test_instantiate.{kind}", "attribute_index": 0, "seed": 5}}
        for kind in ("Seeded", "Whatever")
    ]
    assert built("Several", parts=parts).told == [{"seed": 5}, {"attribute_index": 0, "seed": 5}]


@pytest.mark.parametrize(
    ("kind", "said"),
    [("Other", r"test_instantiate\.Other cannot be set up"), ("Bare", r"Bare cannot be set up.*side")],
)
def test_a_failed_instantiation_gives_its_reason_once(kind, said, caplog):
    with pytest.raises(UserError, match=said):
        built(kind, side=3)
    assert not caplog.records


@pytest.mark.parametrize("node", [{"_target_": None}, {"_target_": "Bare"}, {"a": "${nowhere}"}])
def test_an_invalid_node_is_a_user_error(node):
    with pytest.raises(UserError):
        instantiate_mechanism(OmegaConf.create({"_target_": "test_instantiate.Bare", **node}), seed=0)
