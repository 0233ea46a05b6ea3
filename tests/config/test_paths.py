"""Names of files and folders may contain any characters."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from privacy_gan.config.paths import quote_paths, resolve_paths, unquote
from privacy_gan.errors import UserError

NAMES = [
    *("/home/jürgen/faces", "My Faces (64x64)", "a=b", "R&D", "it's", 'say "hi"', "f[1]", "a,b"),
    *("$x#%", "{y}", r"b\c", "-x", "trailing/", "new\nline", "'q", "back\\", r"\'", "null "),
]


def parse(argument):
    """Return the value that Hydra parses."""
    return OverridesParser.create().parse_override(argument).value()


@pytest.mark.parametrize("name", NAMES)
def test_hydra_reads_a_path_as_typed(name):
    (quoted,) = quote_paths([f"data.root={name}"], ["data.root"])
    assert parse(quoted) == name
    (again,) = quote_paths([quoted], ["data.root"])  # config.yaml stores quoted overrides
    assert again == quoted
    assert unquote(quoted.removeprefix("data.root=")) == name


def test_tilde_is_expanded():
    (quoted,) = quote_paths(["+data.root=~/faces"], ["data.root"])
    assert parse(quoted) == str(Path.home() / "faces")
    config = OmegaConf.create({"data": {"root": "~/faces"}, "output_dir": "${data.root}/x"})
    resolve_paths(config, ["data.root", "output_dir", "run_dir"])
    assert config.output_dir == str(Path.home() / "faces" / "x")
    with pytest.raises(UserError, match="no such user"):
        quote_paths(["folder=~no-such-user-here/x"], ["folder"])


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_path_is_refused(name):
    with pytest.raises(UserError, match=r"folder=.* is empty"):
        quote_paths([f"folder={name}"], ["folder"])
    with pytest.raises(UserError, match="output_dir= is empty"):
        resolve_paths(OmegaConf.create({"output_dir": name}), ["output_dir"])


def test_paths_in_a_list_are_quoted_one_by_one():
    (quoted,) = quote_paths(["privatizer.runs=[a b/c=1,'d,e']"], [])
    assert parse(quoted) == ["a b/c=1", "d,e"]


def test_references_and_other_values_are_not_quoted():
    words = ["run_dir=${output_dir}/${seed}", "run_dir=null", "epsilon=0.1,0.2", "run_dir='a','b'"]
    assert quote_paths(words, ["run_dir"]) == words
