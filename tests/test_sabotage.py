"""What sabotage.py would break is still there, and so are the tests that it expects to fail."""

import re

import pytest
from breakages import BREAKAGES
from sabotage import ROOT, is_of

TESTS = re.compile(r"^ *def (test_\w+)", re.MULTILINE)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_breakage_can_be_made_and_noticed(breakage):
    text = (ROOT / "privacy_gan" / breakage.file).read_text()
    assert text.count(breakage.old) == 1
    for test in breakage.red:
        file, _, name = test.partition("::")
        assert name in TESTS.findall((ROOT / "tests" / file).read_text())


def test_every_room_has_one():
    rooms = {path.parent.name for path in (ROOT / "privacy_gan").glob("*/__init__.py")}
    assert rooms <= {breakage.file.partition("/")[0] for breakage in BREAKAGES}


def test_a_case_counts_for_its_test():
    assert is_of("tests/a/test_b.py::test_c[x::y-1]", "a/test_b.py::test_c")
    assert not is_of("tests/a/test_b.py::test_c_d", "a/test_b.py::test_c")
