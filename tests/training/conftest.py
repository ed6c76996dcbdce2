"""The world that a residual can learn."""

import pytest

from tests.bag_tower import World


@pytest.fixture
def world() -> World:
    return World()
