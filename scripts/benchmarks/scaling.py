# SPDX-License-Identifier: Apache-2.0
"""How the open() of a new id behaves as there is more of something; a curve each, with the bare clone beside it."""

import os
import statistics

from .cold import NewSizes, at_once, open_time
from .opens import CLONE, Scratch
from .rig import run
from .rows import Curve


def percentile(each, percent):
    return sorted(each)[min(len(each) - 1, len(each) * percent // 100)]


def add_point(curve, x, scratch, count=300):
    scratch.ours(count)  # so many that as many are made ahead as will be
    scratch.mount.wait_for_quiet()
    _, ours = scratch.ours(count)
    _, rival = scratch.rival(count)
    curve.points.append((x, statistics.median(ours) / 1e3, percentile(ours, 99) / 1e3, statistics.median(rival) / 1e3))


def live_images(rig, store):
    """The images stay; so do as many clones."""
    curve = Curve("live-images", "open() of a new id while so many images exist", "images", "us", CLONE)
    mount = rig.mount(store)
    scratch = Scratch(rig, mount, mount.warm_up())
    there = 1
    for wanted in (1, 10, 100, 1000, 10000) if rig.quick else (1, 10, 100, 1000, 10000, 100000):
        if wanted > there:
            scratch.ours(wanted - there, keep=True)
            there = wanted
        add_point(curve, wanted, scratch)
    mount.end()
    return curve


def templates(rig, store):
    """Of `raw`, which take no guest; the one that is measured is ext4."""
    curve = Curve("templates", "open() of a new id while so many templates are published", "templates", "us", CLONE)
    mount = rig.mount(store)
    scratch = Scratch(rig, mount, mount.warm_up())
    there = 1
    for wanted in (1, 10, 100) if rig.quick else (1, 10, 100, 1000):
        for index in range(there, wanted):
            open_time(mount, f"raw/{index}M")
        there = wanted
        mount.warm_up()
        add_point(curve, wanted, scratch)
    mount.end()
    return curve


def sizes(rig, store):
    curve = Curve("template-size", "open() of a new id of an ext4 template of that size", "MiB", "us", CLONE)
    mount = rig.mount(store)
    for mib in (64, 1024) if rig.quick else (64, 256, 1024, 4096, 16384, 65536, 262144, 1048576):
        name = f"{mib // 1048576}T" if mib % 1048576 == 0 else f"{mib // 1024}G" if mib % 1024 == 0 else f"{mib}M"
        size = f"ext4/{name}"
        add_point(curve, mib, Scratch(rig, mount, mount.warm_up(size), size))
    mount.end()
    return curve


def extents(rig, store):
    """Of images with every other block of 4k written, which are baked."""
    curve = Curve("extents", "open() of a new id of a template of so many extents", "extents", "us", CLONE)
    mount = rig.mount(store)
    for count in (1, 10, 100) if rig.quick else (1, 10, 100, 1000, 10000):
        image = f"{mount.point}/raw/256M/{rig.fresh('e')}.img"
        with open(image, "r+b") as file:
            for index in range(count):
                os.pwrite(file.fileno(), os.urandom(4096), index * 8192)
                if count <= 1000:
                    os.fsync(file.fileno())
            os.fsync(file.fileno())
        name = rig.fresh("baked")
        run([rig.program, "bake", image, "--name", name])
        size = f"{name}/native"
        add_point(curve, count, Scratch(rig, mount, mount.warm_up(size), size), 60 if count > 1000 else 300)
    mount.end()
    return curve


def openers(rig, store):
    """Microseconds of wall time for each image, of all processes together."""
    curve = Curve("openers", "new images by so many processes at once, time for each image", "processes", "us", CLONE)
    mount = rig.mount(store)
    scratch = Scratch(rig, mount, mount.warm_up())
    for processes in (1, 2, 4, 16) if rig.quick else (1, 2, 4, 8, 16, 32, 64):
        count = max(20, 2000 // processes)
        figures = []
        for act in (scratch.ours, scratch.rival):
            mount.wait_for_quiet()
            figures.append(statistics.median(act(count, processes)[0] for _ in range(3)) / processes / count / 1e3)
        curve.points.append((processes, figures[0], None, figures[1]))
    mount.end()
    return curve


def builds(rig, store):
    """Seconds until the images of so many kinds are open that were not there; the same one after the other."""
    curve = Curve("builds", "first open()s of so many kinds at once", "kinds", "s", "one after the other", False)
    mount, new = rig.mount(store), NewSizes()
    open_time(mount, new.take("ext4", 4096))
    for count in (1, 2, 4) if rig.quick else (1, 2, 3, 4, 6, 8):
        together = statistics.median(at_once(mount, [new.take("ext4", 4096) for _ in range(count)]) for _ in range(3))
        in_a_row = statistics.median(sum(open_time(mount, new.take("ext4", 4096)) for _ in range(count)) for _ in range(3))
        curve.points.append((count, together, None, in_a_row))
    mount.end()
    return curve


CURVES = (live_images, templates, sizes, extents, openers, builds)
