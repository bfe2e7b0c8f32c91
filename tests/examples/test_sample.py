# SPDX-License-Identifier: Apache-2.0
"""What pytest_test.sh lets pytest run; the tests that fail are to fail."""
import os
import subprocess

import pytest


def read(path, size):
    with open(path, "rb") as file:
        return file.read(size)


@pytest.mark.parametrize("round", range(4))
def test_private(template, round):
    one, other = template("ext4", "16M"), template("ext4", "16M")
    print(f"image {one}")
    assert one != other and template("raw", "1M").stat().st_size == 1 << 20
    fresh = read(other, 1 << 16)
    with open(one, "r+b") as file:
        file.write(b"x" * (1 << 16))
    assert read(one, 1) == b"x" and read(other, 1 << 16) == fresh


def test_those_before_are_gone(template):
    mine = os.environ.get("PYTEST_XDIST_WORKER", "")
    there = os.listdir(template("ext4", "16M").parent)
    assert there and [name for name in there if "test_private" in name and mine in name] == []


def test_its_disk_is_there(template):
    with open(template("raw", "1M"), "r+b") as file:
        file.write(b"evidence")
    pytest.fail("on purpose")


@pytest.fixture
def late_failure(template):
    template("raw", "2M")
    yield
    pytest.fail("after the test")


def test_teardown(late_failure):
    pass


def test_stuck(template):
    """As a disk that is mounted somewhere still: it can be neither kept nor removed."""
    disk = template("raw", "3M")
    subprocess.run(["mount", "--bind", "/proc/version", disk], check=True)
    pytest.fail("on purpose")


def test_too_small(template):
    template("xfs", "16M")
