# SPDX-License-Identifier: Apache-2.0
"""The first open() of a kind, which builds its template in a guest without KVM; guestfish making the same."""

import os
import threading
import time

from .rig import Failed, directory, have, run, seconds_of
from .rows import absent, pairs, turns

FILESYSTEMS = (("ext4", 256), ("btrfs", 256), ("xfs", 512))


def guestfish(rig, cache, filesystem, mib):
    """As its users do it: a sparse file, an appliance that formats and mounts it."""
    image = rig.path("guestfish.img")
    environment = dict(os.environ, LIBGUESTFS_BACKEND="direct", LIBGUESTFS_BACKEND_SETTINGS="force_tcg",
                       LIBGUESTFS_CACHEDIR=cache)
    run(["guestfish", "--", "sparse", image, f"{mib}M", ":", "run", ":", "mkfs", filesystem, "/dev/sda", ":",
         "mount", "/dev/sda", "/", ":", "umount", "/"], 300, env=environment)
    os.unlink(image)


class NewSizes:
    """Sizes that nobody asked for yet: their templates are not there, the saved guest is."""

    def __init__(self):
        self._next = {}

    def take(self, filesystem, mib):
        self._next[filesystem] = self._next.get(filesystem, mib) + 1
        return f"{filesystem}/{self._next[filesystem]}M"


def open_time(mount, size):
    return seconds_of(lambda: mount.open(f"{size}/a.img"))


def saved(rig, store):
    """With the saved guest, and guestfish with its appliance."""
    rows, sizes, cache = [], NewSizes(), directory(rig.path("appliance"))
    mount = rig.mount(store)
    for filesystem, mib in FILESYSTEMS:
        measure = f"first open() of {filesystem} {mib}M, saved guest"
        if not have("guestfish"):
            rows.append(absent(measure, "xfs", "guestfish, cached appliance", "guestfish is not installed", 0.10))
            continue
        try:
            guestfish(rig, cache, filesystem, mib)
        except Failed as error:
            rows.append(absent(measure, "xfs", "guestfish, cached appliance", str(error), 0.10))
            continue
        open_time(mount, sizes.take(filesystem, mib))
        samples = turns(3 if rig.quick else 5, lambda _: open_time(mount, sizes.take(filesystem, mib)),
                        lambda _: seconds_of(lambda: guestfish(rig, cache, filesystem, mib)))
        rows.append(pairs(measure, "xfs", samples, "s", "guestfish, cached appliance", 0.10))
    mount.end()
    return rows


def nothing(rig, store):
    """In a store that has nothing yet, and guestfish without its appliance."""
    rows = []
    for filesystem, mib in FILESYSTEMS[:1] if rig.quick else FILESYSTEMS:
        measure = f"first open() of {filesystem} {mib}M, nothing cached"
        if not have("guestfish"):
            rows.append(absent(measure, "xfs", "guestfish, nothing cached", "guestfish is not installed", 0.40))
            continue

        def ours(_):
            mount = rig.mount(f"{store}-{rig.fresh()}")
            try:
                return open_time(mount, f"{filesystem}/{mib}M")
            finally:
                mount.end()

        samples = turns(2 if rig.quick else 3, ours,
                        lambda _: seconds_of(lambda: guestfish(rig, directory(rig.path(rig.fresh("cache"))), filesystem, mib)))
        rows.append(pairs(measure, "xfs", samples, "s", "guestfish, nothing cached", 0.40))
    return rows


def stampede(rig, store):
    """200 processes want images of one kind that is not there yet: when the last has its own."""
    sizes, mount = NewSizes(), rig.mount(store)
    open_time(mount, sizes.take("ext4", 1024))

    def all_at_once(_):
        return rig.file_ops("open", 1, mount.images(sizes.take("ext4", 1024)), "s", processes=200)[0] / 1e9

    samples = turns(3 if rig.quick else 7, all_at_once, lambda _: open_time(mount, sizes.take("ext4", 1024)))
    mount.end()
    return [pairs("200 first open()s of one kind, the last", "xfs", samples, "s", "one first open()", 1.2)]


def at_once(mount, sizes):
    """How long until the images of all these sizes are open."""
    failures = []

    def one(size):
        try:
            mount.open(f"{size}/a.img")
        except OSError as error:
            failures.append(f"{size}: {error}")

    threads = [threading.Thread(target=one, args=(size,)) for size in sizes]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed("; ".join(failures))
    return time.monotonic() - begin


def keys(rig, store):
    """Eight kinds that are not there yet."""
    sizes, mount = NewSizes(), rig.mount(store)
    open_time(mount, sizes.take("ext4", 2048))
    eight = lambda: [sizes.take("ext4", 2048) for _ in range(8)]
    samples = turns(2 if rig.quick else 5, lambda _: at_once(mount, eight()),
                    lambda _: sum(open_time(mount, size) for size in eight()))
    mount.end()
    return [pairs("8 first open()s of 8 kinds at once", "xfs", samples, "s", "the same in a row", 0.6)]
