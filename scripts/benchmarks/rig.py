# SPDX-License-Identifier: Apache-2.0
"""Stores on loop devices, mounts, processes: everything that is made is undone at the end, however that comes."""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

SIZE = "ext4/256M"  # what most measures open


class Failed(Exception):
    """A sentence for whoever runs the benchmark."""


def run(command, seconds=120, **options):
    """A command's output; Failed with its last words where it fails. Waits for the end itself: subprocess' own
    timeouts look for it now and then, up to 50 ms late."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   **options)
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not installed: scripts/install-deps --bench") from None
    late = threading.Timer(seconds, process.kill)
    late.start()
    try:
        out, words = process.communicate()
    finally:
        was_late = late.finished.is_set()
        late.cancel()
        process.kill()
    if was_late:
        raise Failed(f"{command[0]} did not end within {seconds} s: {' '.join(command)}")
    if process.returncode != 0:
        last = (words.strip() or out.strip()).splitlines()
        raise Failed(f"{' '.join(command)}: exit status {process.returncode}: {last[-1] if last else 'no word of why'}")
    return out


def seconds_of(act):
    begin = time.monotonic()
    act()
    return time.monotonic() - begin


def wait_until(condition, what, seconds=30, pause=0.01):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what} did not come about within {seconds} s")
        time.sleep(pause)


class Rig:
    def __init__(self, program, sources, quick):
        self.program, self.quick, self.sources = program, quick, sources
        self._stack = contextlib.ExitStack()
        self.work = tempfile.mkdtemp(prefix="templatefs-bench.", dir=os.environ.get("TMPDIR", "/var/tmp"))
        self._stack.callback(lambda: subprocess.run(["rm", "-rf", "--one-file-system", self.work], check=False))
        os.chmod(self.work, 0o755)
        self._built = {}
        self._serial = 0
        for name in ("TEMPLATEFS_STORE", "TEMPLATEFS_STORE_SIZE", "TEMPLATEFS_CONFIG"):
            os.environ.pop(name, None)

    def close(self):
        self._stack.close()

    def undo(self, act):
        self._stack.callback(act)

    def path(self, name):
        return os.path.join(self.work, name)

    def fresh(self, prefix="n"):
        """A name that was never used in this run."""
        self._serial += 1
        return f"{prefix}{self._serial}"

    def tool(self, name, flags=()):
        """A C program beside this file, compiled once."""
        if name not in self._built:
            out = self.path(name)
            run(["gcc", "-O2", "-Wall", "-Wextra", "-o", out, os.path.join(os.path.dirname(__file__), name + ".c"), *flags])
            self._built[name] = out
        return self._built[name]

    def file_ops(self, act, count, directory, prefix, template=None, processes=1):
        """Nanoseconds: of all, and of each."""
        command = [self.tool("file_ops"), act, str(processes), str(count), directory, prefix] + ([template] if template else [])
        figures = [int(word) for word in run(command, 600).split()]
        return figures[0], figures[1:]

    def loop_filesystem(self, kind, size="20G"):
        """An empty one of that kind, where a store of ours would lie: on a loop device with direct I/O and discard."""
        name = self.fresh(kind)
        file, where = self.path(name + ".file"), self.path(name)
        os.mkdir(where)
        run(["truncate", "-s", size, file])
        run([f"mkfs.{kind}", "-q", file])
        device = run(["losetup", "-f", "--show", "--direct-io=on", file]).strip()
        self.undo(lambda: (subprocess.run(["losetup", "-d", device], check=False), os.unlink(file)))
        run(["mount", "-o", "discard", device, where])
        self.undo(lambda: subprocess.run(["umount", "-l", where], check=False))
        return where

    def mount(self, store, *options, as_user=()):
        return Mount(self, store, list(options), list(as_user))


class Mount:
    """A mount of ours on a store."""

    def __init__(self, rig, store, options, as_user):
        self.rig, self.store = rig, store
        self.point = rig.path(rig.fresh("mnt"))
        os.mkdir(self.point)
        if as_user:
            os.chown(self.point, 65534, 65534)
        self._as_user = as_user
        # Its output is not ours to wait for: the daemon keeps it.
        said = rig.path("mount.log")
        with open(said, "w", encoding="utf-8") as log:
            status = subprocess.run([*as_user, rig.program, "mount", "--store", store, *options, self.point],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60, check=False).returncode
        if status != 0:
            raise Failed(f"templatefs could not mount on {store}: {open(said, encoding='utf-8').read().strip()}")
        self._up = True
        rig.undo(self.end)

    def status(self):
        with open(f"{self.point}/.templatefs/status.json", encoding="utf-8") as file:
            return json.load(file)

    @property
    def pid(self):
        return self.status()["pid"]

    def images(self, size=SIZE):
        return f"{self.point}/{size}"

    def backing(self, size=SIZE):
        """The images' directory in the store."""
        return f"{self.store}/sessions/{self.status()['session']}/images/{size}"

    def wait_for_names(self, count, size=SIZE):
        """Files of images that were made ahead get their names in the store late."""
        wait_until(lambda: len(os.listdir(self.backing(size))) >= count, f"{count} names in the store", 120, 0.5)

    def open(self, image):
        with open(f"{self.point}/{image}", "rb") as file:
            return file.read(1)

    def warm_up(self, size=SIZE):
        """The template is there, and its first spare images; it is answered where its file is."""
        try:
            self.open(f"{size}/warm.img")
        except OSError as error:
            raise Failed(f"{size}/warm.img: {error}: {run([self.rig.program, 'why', f'{self.point}/{size}/warm.img'])}") from None
        key = os.getxattr(f"{self.point}/{size}/warm.img", "user.templatefs.template").decode()
        return f"{self.store}/templates/{key}/template.img"

    def wait_for_quiet(self):
        """Nothing is made ahead or written back any more. To be asked takes the daemon some time too."""
        pid, before = self.pid, (0, -1)

        def quiet():
            nonlocal before
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            ticks, spares = int(fields[11]) + int(fields[12]), self.status()["spares"]
            is_quiet = spares == before[1] and ticks - before[0] <= 3
            before = ticks, spares
            return is_quiet

        wait_until(quiet, "a quiet daemon", 30, 0.2)
        run(["sync", "-f", self.store])

    def end(self):
        if not self._up:
            return
        self._up = False
        try:
            run([*self._as_user, self.rig.program, "umount", self.point], 60)
        except Failed:
            subprocess.run(["umount", "-l", self.point], check=False)


class Daemon:
    """A rival's daemon: a process that is ready when `ready` says so, and ends with a signal."""

    def __init__(self, rig, command, ready, **options):
        self.log = rig.path(rig.fresh("daemon") + ".log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        rig.undo(self.end)
        wait_until(lambda: ready() or self.process.poll() is not None, f"{command[0]}")
        if self.process.poll() is not None:
            raise Failed(f"{command[0]} ended: {open(self.log, encoding='utf-8').read().strip()[-300:]}")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


def is_mounted(point):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return any(line.split()[4] == point for line in file)


def have(program):
    return shutil.which(program) is not None


def directory(path):
    os.makedirs(path, exist_ok=True)
    return path


def only(pattern):
    found = glob.glob(pattern)
    if len(found) != 1:
        raise Failed(f"{pattern} is {len(found)} files, not one")
    return found[0]
