"""Fixtures for the tests of data sets."""

import pytest
from celeba_layouts import make_fake
from stub_source import StubSource


@pytest.fixture(scope="session")
def fake():
    return make_fake()


@pytest.fixture
def source(tmp_path):
    return StubSource(tmp_path / "log")


@pytest.fixture
def cache_dir(tmp_path):
    return tmp_path / "cache"
