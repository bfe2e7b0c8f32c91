# SPDX-License-Identifier: Apache-2.0
"""Disk images from a mount of templatefs: `template("btrfs", "256M")` is the path of one that is the test's alone."""
from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import string
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Generator, Iterator, Optional

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter  # pytest 8 exports it, 7 does not

KEEP = "user.templatefs.keep"
FACTS = ("state", "template", "created", "opener", "exclusive_bytes", "snapshots", "keep", "error")
LOCK_SECONDS = 900  # above a build's limit and the wait for another process's
AS_THEY_ARE = frozenset((string.ascii_letters + string.digits + "._+@=:,-").encode())


def image_id(name: str) -> str:
    """What `templatefs path NAME` prints: '/' is '#', other bytes %XX; above 200 bytes the middle is a hash."""
    raw = name.encode("utf-8", "surrogateescape")
    if not raw:
        raise ValueError("an empty name has no image id")
    text = ""
    for at, byte in enumerate(raw):
        if byte == ord("/"):
            text += "#"
        elif byte in AS_THEY_ARE and not (at == 0 and byte in b".-"):
            text += chr(byte)
        else:
            text += f"%{byte:02X}"
    if len(text) <= 200:
        return text
    return f"{text[:83]}~{hashlib.sha256(raw).hexdigest()[:32]}~{text[-83:]}"


def attribute(path: Path, name: str) -> Optional[str]:
    try:
        return os.getxattr(path, "user.templatefs." + name).decode("utf-8", "replace").strip()
    except OSError:
        return None


def is_free(path: Path) -> bool:
    """Nobody has opened that name. Where nothing can be said, the open will give the reason."""
    try:
        return os.getxattr(path, "user.templatefs.state").strip() == b"name"
    except PermissionError:
        return False
    except OSError:
        return True


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Alone with the names of a directory: another run of the same tests looks for a free one as well. An image itself
    is not held open, so that the test can revert it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OSError(errno.EBUSY, f"somebody has held a flock on it for {LOCK_SECONDS} s", str(directory)) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


class Images:
    """A test's images, from their first open to the end of its teardown."""

    def __init__(self, mount: Path, node: str) -> None:
        self.mount = mount
        self.node = node
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        self.name = f"{node}@{worker}" if worker else node
        self.paths: list[Path] = []
        self.refused: list[Path] = []
        self.kept: list[Path] = []
        self.troubles: list[str] = []

    def make(self, recipe: str, capacity: str) -> Path:
        """The next free name is opened here, so that a template that cannot be built fails with its reason."""
        __tracebackhide__ = True
        directory = self.mount / recipe / capacity
        path, count = directory, 0
        try:
            with locked(directory):
                while True:
                    count += 1
                    path = directory / f"{image_id(self.name if count == 1 else f'{self.name}.{count}')}.img"
                    # An earlier call's, or one that another run or user has, left or pinned: not ours to write to.
                    if path in self.paths or not is_free(path):
                        continue
                    try:
                        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
                    except PermissionError:
                        # Another user's since the look, who has no need of the lock.
                        if is_free(path):
                            raise
                        continue
                    self.paths.append(path)
                    return path
        except OSError as error:
            self.refused.append(path)
            raise OSError(error.errno, self.why(path) or error.strerror, str(path)) from None

    def why(self, path: Path) -> str:
        try:
            return (self.mount / ".templatefs/why" / path.relative_to(self.mount)).read_text(errors="replace").strip()
        except OSError:
            return ""

    def keep(self) -> None:
        for path in [path for path in self.paths if path not in self.kept]:
            try:
                os.setxattr(path, KEEP, self.node.encode("utf-8", "replace")[:1024])
                self.kept.append(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                self.troubles.append(f"{path} could not be pinned: {error.strerror}")

    def drop(self) -> None:
        while self.paths:
            path = self.paths.pop()
            if path not in self.kept:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    self.troubles.append(f"{path} could not be removed: {error.strerror}")

    def describe(self) -> str:
        lines = []
        for path in self.paths:
            lines.append(f"{path}{' (pinned)' if path in self.kept else ''}")
            lines += [f"  {name}: {value}" for name in FACTS if (value := attribute(path, name))]
        for path in self.refused:
            lines.append(f"{path}\n  why: {self.why(path)}")
        return "\n".join(lines)


class Plugin:
    def __init__(self, config: pytest.Config) -> None:
        option, ini = config.getoption("templatefs_mount"), config.getini("templatefs_mount")
        self.mount = Path(option or os.environ.get("TEMPLATEFS_MNT") or ini or "/mnt/templates")
        self.keeps = bool(config.getoption("templatefs_keep") or config.getini("templatefs_keep"))
        self.alive: dict[str, Images] = {}

    def images_of(self, node: str) -> Images:
        if not (self.mount / ".templatefs/status.json").is_file():
            pytest.fail(f"No templatefs is mounted at {self.mount}: run the tests below `templatefs run -- pytest`, or "
                        f"`templatefs mount {self.mount}` first; --templatefs-mount, $TEMPLATEFS_MNT and the ini option "
                        "templatefs_mount name another place.", pytrace=False)
        return self.alive.setdefault(node, Images(self.mount, node))

    @pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, object, None]:
        """Not the fixture's end but the teardown's: what fails after that is still in time to keep its images."""
        report = (yield).get_result()  # type: ignore[attr-defined]
        images = self.alive.get(item.nodeid)
        if images is None:
            return
        if report.failed:
            if self.keeps:
                images.keep()
                report.user_properties += [("templatefs-kept", str(path)) for path in images.kept]
            if images.paths or images.refused:
                report.sections.append(("templatefs", images.describe()))
        if call.when == "teardown":
            del self.alive[item.nodeid]
            images.drop()
        if images.troubles:
            report.sections.append(("templatefs", "\n".join(images.troubles)))
            report.user_properties += [("templatefs-trouble", trouble) for trouble in images.troubles]
            images.troubles = []

    def pytest_sessionfinish(self) -> None:
        """After an interrupt, which skips the report."""
        while self.alive:
            self.alive.popitem()[1].drop()

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        said = {pair for each in terminalreporter.stats.values() for report in each
                for pair in getattr(report, "user_properties", ())}
        for kind, title in (("templatefs-kept", "images pinned; `templatefs unpin` or rm lets them go"),
                            ("templatefs-trouble", "what could not be done")):
            lines = sorted(text for name, text in said if name == kind)
            if lines:
                terminalreporter.section(f"templatefs: {title}")
            for line in lines:
                terminalreporter.line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("templatefs")
    group.addoption("--templatefs-mount", metavar="DIR", help="where it is mounted (default: $TEMPLATEFS_MNT, "
                    "templatefs_mount of the ini file, /mnt/templates)")
    group.addoption("--templatefs-keep", action="store_true", help="pin the images of tests that fail")
    parser.addini("templatefs_mount", "where templatefs is mounted, unless an option or $TEMPLATEFS_MNT says")
    parser.addini("templatefs_keep", "pin the images of tests that fail", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Plugin(config), "templatefs-images")


@pytest.fixture
def template(request: pytest.FixtureRequest) -> Callable[[str, str], Path]:
    """`template("btrfs", "256M")`: a new image's path. Every call gives another; they go when the test passed."""
    plugin = request.config.pluginmanager.get_plugin("templatefs-images")
    images: Images = plugin.images_of(request.node.nodeid)
    return images.make
