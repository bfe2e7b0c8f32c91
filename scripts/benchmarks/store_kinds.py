# SPDX-License-Identifier: Apache-2.0
"""The kinds of store beside each other, in what a store does: clone, carry a guest's disk, forget, be full. btrfs also
without checksums and copies on write (chattr +C)."""

import os
import re
import statistics
import subprocess

from .rig import Failed, directory, run, seconds_of, wait_until
from .rows import Row

SIZE_MIB = 256


def clones(rig, where, template, row):
    each, gone = [], []
    for _ in range(5):
        name = rig.fresh()
        run(["sync", "-f", where])
        each.append(rig.file_ops("clone", 500, where, name, template)[0] / 500e3)
        run(["sync", "-f", where])
        gone.append(rig.file_ops("unlink", 500, where, name)[0] / 500e3)
    row("clone of a template", statistics.median(each), "us")
    row("unlink of a clone", statistics.median(gone), "us")


def guest_disk(rig, where, template, row):
    """Requests as QEMU makes them for a guest's disk with cache=none,aio=native, eight in flight, on a clone."""
    image = f"{where}/{rig.fresh()}"
    run(["cp", "--reflink=always", template, image])
    run(["dd", "if=/dev/urandom", f"of={image}", "bs=1M", f"count={SIZE_MIB}", "conv=notrunc,fsync", "status=none"])
    for what, kib, step, count, options in (("4k writes", 4, 1032, 20000, ["-w"]), ("4k reads", 4, 1032, 20000, []),
                                            ("1M writes", 1024, 1024, 1000, ["-w"])):
        rates = []
        for _ in range(3):
            said = run(["qemu-img", "bench", "-t", "none", "-i", "native", "-n", "-f", "raw", "-d", "8", "-s", f"{kib}k",
                        "-S", f"{step}k", "-c", str(count), *options, image], 300)
            rates.append(count * kib / 1024 / float(re.search(r"Run completed in ([0-9.]+)", said)[1]))
        row(f"a guest's disk: {what}, 8 in flight", statistics.median(rates), "MB/s")
    os.unlink(image)


def room(where):
    run(["sync", "-f", where])
    fs = os.statvfs(where)
    return fs.f_bavail * fs.f_frsize


def full(rig, where, row):
    """A store whose last tenth is written until there is no room; then all of that goes."""
    before = room(where)
    hog = f"{where}/{rig.fresh()}"
    with open(hog, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, before * 9 // 10)
    victim = f"{where}/{rig.fresh()}"

    def fill():
        subprocess.run(["dd", "if=/dev/zero", f"of={victim}", "bs=1M", "conv=fsync", "status=none"], check=False,
                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    took = seconds_of(fill)
    row("the last tenth of a store, until ENOSPC", os.stat(victim).st_size / took / 1e6, "MB/s")
    os.unlink(victim)
    os.unlink(hog)
    row("room again after unlink", seconds_of(lambda: wait_until(lambda: room(where) >= before * 0.98, "the room")), "s")


def stores(rig, _):
    """Rows of one column each: the kind is in the column of the store."""
    rows = []
    for kind, filesystem in (("xfs", "xfs"), ("btrfs", "btrfs"), ("btrfs+C", "btrfs")):
        root = rig.loop_filesystem(filesystem, "4G")
        where = directory(f"{root}/bench")
        if kind == "btrfs+C":
            run(["chattr", "+C", where])
        template = f"{where}/template"
        run(["truncate", "-s", f"{SIZE_MIB}M", template])
        run(["mkfs.ext4", "-q", "-F", template])
        run(["sync", template])
        row = lambda measure, value, unit, kind=kind: rows.append(Row(measure, kind, value, None, unit, ""))
        for act in (lambda: clones(rig, where, template, row), lambda: guest_disk(rig, where, template, row),
                    lambda: full(rig, where, row)):
            try:
                act()
            except Failed as failure:
                row(str(failure)[:60], None, "")
    return sorted(rows, key=lambda each: [other.measure for other in rows].index(each.measure))
