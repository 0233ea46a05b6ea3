"""The code that sabotage.py would break exists, and so do the tests that should catch it."""

import re

import pytest
from breakages import BREAKAGES
from sabotage import ROOT, is_case_of

TESTS = re.compile(r"^ *def (test_\w+)", re.MULTILINE)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_breakages_code_and_tests_exist(breakage):
    text = (ROOT / "privacy_gan" / breakage.file).read_text()
    assert text.count(breakage.old) == 1
    for test in breakage.caught_by:
        file, _, name = test.partition("::")
        assert name in TESTS.findall((ROOT / "tests" / file).read_text())


def test_every_package_has_a_breakage():
    packages = {path.parent.name for path in (ROOT / "privacy_gan").glob("*/__init__.py")}
    assert packages <= {breakage.file.partition("/")[0] for breakage in BREAKAGES}


def test_a_case_counts_for_its_test():
    assert is_case_of("tests/a/test_b.py::test_c[x::y-1]", "a/test_b.py::test_c")
    assert not is_case_of("tests/a/test_b.py::test_c_d", "a/test_b.py::test_c")
