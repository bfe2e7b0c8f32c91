# SPDX-License-Identifier: Apache-2.0
"""Thousands of images: looking at them, dropping them, what one takes in memory; and how long a mount takes."""

import os
import re
import statistics
import subprocess
import time

from .opens import Scratch
from .rig import directory, run, seconds_of, wait_until
from .rows import Row, pairs, turns


def look(rig, mount, kind):
    """stat() of names that were never opened, and ls -l of what is there."""
    template = mount.warm_up()
    scratch = Scratch(rig, mount, template)
    count = 2000 if rig.quick else 10000
    name = rig.fresh()
    rig.file_ops("clone", count, scratch.directory, name, template)

    def never_looked_at(_):
        # The kernel is to have no memory of the files, as it has none of our names.
        run(["sync", "-f", mount.store])
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("2")
        return statistics.median(rig.file_ops("stat", count, scratch.directory, name)[1])

    samples = turns(5, lambda _: statistics.median(rig.file_ops("stat", count, mount.images(), rig.fresh())[1]), never_looked_at)
    rows = [pairs("stat() of an id never opened", kind, samples, "us", "of a file in the store never looked at", 3.0, scale=1e-3)]
    cached = statistics.median(rig.file_ops("stat", count, scratch.directory, name)[1])
    rows.append(Row("the same", kind, rows[0].ours, cached / 1e3, "us", "of a file in the store just looked at", None, "most",
                    rows[0].ours / (cached / 1e3)))
    rig.file_ops("unlink", count, scratch.directory, name)
    rig.file_ops("open", count, mount.images(), name)
    mount.wait_for_names(count)
    samples = turns(5 if rig.quick else 11, lambda _: seconds_of(lambda: run(["ls", "-l", mount.images()])),
                    lambda _: seconds_of(lambda: run(["ls", "-l", mount.backing()])))
    rows.append(pairs(f"ls -l of {count:,} images", kind, samples, "ms", "ls -l of them in the store", 2.0, scale=1e3))
    return rows


def unmount(rig, mount, kind):
    """With ten thousand images, against unlinking as many clones."""
    count = 2000 if rig.quick else 10000
    samples = []
    for index in range(3):
        own = rig.mount(mount.store)
        scratch = Scratch(rig, own, own.warm_up())
        scratch.ours(count, keep=True)
        name = rig.fresh()
        rig.file_ops("clone", count, scratch.directory, name, scratch.template)

        def ours():
            own.wait_for_quiet()
            return seconds_of(own.end)

        def rival():
            run(["sync", "-f", mount.store])
            return rig.file_ops("unlink", count, scratch.directory, name)[0] / 1e9

        if index % 2:
            b = rival()
            samples.append((ours(), b))
        else:
            a = ours()
            samples.append((a, rival()))
    bar = 0.05 if kind == "btrfs" else None
    return [pairs(f"unmount with {count:,} images", kind, samples, "ms", "unlinking as many clones", bar, scale=1e3)]


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return 1024 * int(re.search(r"Private_Dirty: +(\d+)", file.read())[1])


def memory(rig, mount, kind):
    """Of the daemon, for each image that exists and nobody has open."""
    count = 4000 if rig.quick else 20000
    own = rig.mount(mount.store)
    scratch = Scratch(rig, own, own.warm_up())
    scratch.ours(500, keep=True)
    own.wait_for_quiet()
    descriptors = lambda: len(os.listdir(f"/proc/{own.pid}/fd"))
    bytes_before, descriptors_before = private_bytes(own.pid), descriptors()
    scratch.ours(count, keep=True)
    own.wait_for_quiet()
    each = (private_bytes(own.pid) - bytes_before) / count
    more = descriptors() - descriptors_before
    own.end()
    return [Row(f"memory of the daemon per idle image, of {count:,}", kind, each, None, "bytes", "", 400),
            Row("descriptors of the daemon for them", kind, more, None, "", "", 0)]


def start(rig, mount, kind):
    """From the start of `templatefs mount` to an answer of the filesystem."""
    point = directory(rig.path("start"))

    def once():
        begin = time.monotonic()
        run([rig.program, "mount", "--store", mount.store, point])
        os.stat(f"{point}/btrfs")
        took = time.monotonic() - begin
        run([rig.program, "umount", point])
        return took

    rig.undo(lambda: subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL))
    once()
    took = [once() for _ in range(7 if rig.quick else 15)]
    wait_until(lambda: not os.listdir(point), "the unmount")
    return [Row("mount to the first answer", kind, 1e3 * statistics.median(took), None, "ms", "", 60)]


def complete(rig, mount, kind):
    """What a shell waits for at the tabulator: the program's start, and a look at the store."""
    mount.warm_up()
    environment = dict(os.environ, TEMPLATEFS_STORE=mount.store)

    def once(what, begun):
        begin = time.monotonic()
        pid = os.posix_spawn(rig.program, [rig.program, "__complete", what, begun, "--", "templatefs", "build"], environment,
                             file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
        os.waitpid(pid, 0)
        return 1e3 * (time.monotonic() - begin)

    rows = []
    for what, begun in (("template", "ext4/"), ("key", "ext4-")):
        once(what, begun)
        took = statistics.median(once(what, begun) for _ in range(51))
        rows.append(Row(f"completion of a {what}", kind, took, None, "ms", "", 5))
    return rows
