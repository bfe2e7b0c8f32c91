# SPDX-License-Identifier: Apache-2.0
"""The open() of a new id on a warm template, again of an old one, and what else makes a disk."""

import os
import statistics
import time

from .rig import SIZE, Daemon, directory, is_mounted, run, seconds_of
from .rows import Row, pairs, turns

CLONE = "open(O_EXCL), FICLONE, close"
# What is cloned: a template, which we lay out in fewer extents, or what a script of one's own would have.
OF_MKFS = "FICLONE of mkfs.ext4's image"
OF_TEMPLATE = "FICLONE of our template"


class Scratch:
    """New images on our side, clones by hand on the rival's, removed in between and outside the clock."""

    def __init__(self, rig, mount, template, size=SIZE):
        self.rig, self.mount, self.template, self.size = rig, mount, template, size
        self.directory = directory(f"{mount.store}/bench")

    def ours(self, count, processes=1, keep=False):
        name = self.rig.fresh()
        figures = self.rig.file_ops("open", count, self.mount.images(self.size), name, processes=processes)
        if not keep:
            self.rig.file_ops("unlink", count, self.mount.images(self.size), name, processes=processes)
        return figures

    def rival(self, count, processes=1, keep=False, image=None):
        name = self.rig.fresh()
        figures = self.rig.file_ops("clone", count, self.directory, name, image or self.template, processes)
        if not keep:
            self.rig.file_ops("unlink", count, self.directory, name, processes=processes)
        return figures


    def image_of_mkfs(self):
        """Of the measured size, on the store."""
        image = f"{self.directory}/mkfs.img"
        run(["truncate", "-s", self.size.split("/")[1], image])
        run(["mkfs.ext4", "-q", "-F", image])
        run(["sync", image])
        return image


def against_clones(scratch, measure, kind, rounds, act, bar, scale):
    """act(way, **what) measures one way to many images."""
    image = scratch.image_of_mkfs()
    samples = turns(rounds, lambda _: act(scratch.ours), lambda _: act(scratch.rival, image=image),
                    lambda _: act(scratch.rival))
    os.unlink(image)
    return [pairs(measure, kind, [(ours, rival[index]) for ours, *rival in samples], "us", against, bar, scale=scale)
            for index, against in enumerate((OF_MKFS, OF_TEMPLATE))]


def burst(rig, mount, kind):
    """64 in a row after a pause of a quarter of a second."""
    scratch = Scratch(rig, mount, mount.warm_up())
    scratch.ours(64)

    def after_pause(way, **what):
        time.sleep(0.25)
        return way(64, **what)[0]

    return against_clones(scratch, "open() of a new id, bursts of 64, each", kind, 12 if rig.quick else 42, after_pause, 0.8,
                          1 / 64e3)


def sustained(rig, mount, kind):
    """Thousands without a pause."""
    scratch = Scratch(rig, mount, mount.warm_up())
    count = 2000 if rig.quick else 10000
    tails = []

    def quiet(way, **what):
        mount.wait_for_quiet()
        took, each = way(count, **what)
        if way == scratch.ours:
            tails.append(sorted(each)[len(each) * 99 // 100])
        return took

    rows = against_clones(scratch, f"open() of a new id, {count:,} in a row, each", kind, 3 if rig.quick else 6, quiet, 1.3,
                          1e-3 / count)
    return [*rows, Row("the same, p99", kind, statistics.median(tails) / 1e3, None, "us", "")]


def crowd(rig, mount, kind):
    """From 16 processes at once."""
    scratch = Scratch(rig, mount, mount.warm_up())
    count = 200 if rig.quick else 600

    def quiet(way, **what):
        mount.wait_for_quiet()
        return way(count, processes=16, **what)[0]

    return against_clones(scratch, "open() of a new id, 16 processes, each", kind, 3 if rig.quick else 15, quiet, 1.3,
                          1e-3 / 16 / count)


def again(rig, mount, kind):
    """An existing, idle image; a file of the store and a request to a daemon that has nothing to do."""
    scratch = Scratch(rig, mount, mount.warm_up())
    count = 1000
    name = rig.fresh()
    rig.file_ops("open", count, mount.images(), name)
    mount.wait_for_names(count)
    flags = fuse_flags(rig)
    point = directory(rig.path(rig.fresh("empty")))
    daemon = Daemon(rig, [rig.tool("empty_fs", flags), point], lambda: is_mounted(point))

    rig.file_ops("open", count, point, name)

    def rival(_):
        return sum(statistics.median(rig.file_ops("open", count, where, name)[1]) for where in (mount.backing(), point))

    samples = turns(9, lambda _: statistics.median(rig.file_ops("open", count, mount.images(), name)[1]), rival)
    daemon.end()
    rig.file_ops("unlink", count, scratch.mount.images(), name)
    return [pairs("open() of an existing image", kind, samples, "us", "the same in the store, and an empty FUSE filesystem's",
                  1.3, scale=1e-3)]


def fuse_flags(rig):
    environment = dict(os.environ, PKG_CONFIG_PATH=f"{rig.sources}/.deps/fuse3/lib/pkgconfig")
    return run(["pkg-config", "--static", "--cflags", "--libs", "fuse3"], env=environment).split()


def ready(rig, mount, kind):
    """What a test waits for before it can start its machine; the start of the program is a part of qemu-img's."""
    template = mount.warm_up()
    scratch = Scratch(rig, mount, template)
    overlay = f"{scratch.directory}/overlay.qcow2"

    def ours(_):
        time.sleep(0.05)
        return statistics.median(scratch.ours(9)[1]) / 1e3

    samples = turns(9 if rig.quick else 25, ours, lambda _: 1e6 * seconds_of(
        lambda: run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", template, overlay])))
    disk = f"{scratch.directory}/mkfs.img"
    run(["truncate", "-s", "256M", disk])
    formatted = [1e6 * seconds_of(lambda: run(["mkfs.ext4", "-q", "-F", disk])) for _ in samples]
    run(["rm", overlay, disk])
    return [pairs("a new disk for a VM", kind, samples, "us", "qemu-img create -b", 0.02),
            pairs("a new, formatted disk", kind, [(a, b) for (a, _), b in zip(samples, formatted)], "us", "mkfs.ext4 each time")]
