# SPDX-License-Identifier: Apache-2.0
"""Where the time of reads and writes goes that the way through the mount takes longer: the functions of the kernel that
perf sees there, and not with the same file in the store. And who has the processors while new ids are opened."""

import glob
import os
import re
import signal
import subprocess
import threading

from .data_path import describe, fill, fio
from .opens import Scratch
from .rig import Failed, have, run
from .rows import Row

CASES = [("buffered", "randread", "4k", 1), ("buffered", "randread", "4k", 8), ("buffered", "randwrite", "4k", 1),
         ("direct", "randread", "4k", 1), ("direct", "randwrite", "4k", 8)]
SEEN, UNSEEN = 0.15, 0.04  # percent of the samples
OF_THE_WAY = re.compile("fuse|backing_file|vfs_iter|iter_readv|rwsem")


def shares(rig, path, case):
    """Percent of the processors' time, by function; what nobody used is not among it."""
    data = rig.path("perf.data")
    # The clock: virtual machines often have no counters.
    with subprocess.Popen(["perf", "record", "-q", "-a", "-e", "cpu-clock", "-F", "4999", "-o", data, "sleep", "2"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recorder:
        fio(path, *case, 2500)
    if recorder.returncode != 0:
        raise Failed("perf could not record: run it by hand to see why")
    text = run(["perf", "report", "-i", data, "--stdio", "--comm", "fio", "-F", "overhead,symbol"])
    return {name: float(share) for share, name in re.findall(r"^ +([0-9.]+)% +\[k\] (\S+)", text, re.MULTILINE)}


def waits(path, case):
    """Percent of the looks at fio's threads, that do not run, at which one waits in FUSE itself: for the inode's lock."""
    found, over = [], threading.Event()

    def look():
        while not over.wait(0.03):
            for stack in glob.glob("/proc/[0-9]*/task/[0-9]*/stack"):
                try:
                    with open(os.path.join(os.path.dirname(stack), "comm"), encoding="ascii") as comm:
                        is_fio = comm.read() == "fio\n"
                    with open(stack, encoding="ascii") as file:
                        frames = file.read() if is_fio else ""
                except OSError:  # it ended
                    continue
                if "pwrite64" in frames:
                    found.append("fuse_passthrough_write_iter" in frames.split("\n")[0])

    looker = threading.Thread(target=look)
    looker.start()
    try:
        fio(path, *case, 2000)
    finally:
        over.set()
        looker.join()
    return 100 * sum(found) / max(1, len(found))


def kernel_threads(rig, act):
    """Percent of the processors' time that they take while it lasts, and that nobody does."""
    data = rig.path("perf.data")
    with subprocess.Popen(["perf", "record", "-q", "-a", "-e", "cpu-clock", "-F", "999", "-o", data], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recorder:
        try:
            act()
        finally:
            recorder.send_signal(signal.SIGINT)
    text = run(["perf", "report", "-i", data, "--stdio", "--sort", "comm"])
    shares_of = [(float(share), name) for share, name in re.findall(r"^ +([0-9.]+)% +(\S+)", text, re.MULTILINE)]
    return (sum(share for share, name in shares_of if name.startswith("kworker")),
            sum(share for share, name in shares_of if name == "swapper"))


def new_ids(rig, mount, kind):
    """Beside the clones themselves: what the store does with them on threads of its own."""
    scratch = Scratch(rig, mount, mount.warm_up())
    rows = []
    for name, way in (("10,000 new ids in a row", scratch.ours), ("10,000 clones in a row", scratch.rival)):
        mount.wait_for_quiet()
        threads, idle = kernel_threads(rig, lambda way=way: way(10000, keep=True))
        rows.append(Row(f"{name}: the kernel's threads", kind, threads, None, "%", f"of the processors' time; {idle:.0f} idle"))
    return rows


def profile(rig, mount, kind):
    if not have("perf"):
        raise Failed("perf is not installed: scripts/install-deps --bench")
    new = new_ids(rig, mount, kind)
    ours, rival = f"{mount.images()}/fio.img", f"{mount.backing()}/fio.img"
    fill(ours)
    rows = new
    for case in CASES:
        here, there = shares(rig, ours, case), shares(rig, rival, case)
        only = {name: share for name, share in here.items() if share >= SEEN and there.get(name, 0) <= UNSEEN
                and OF_THE_WAY.search(name)}
        names = ", ".join(f"{name} {share:.1f}" for name, share in sorted(only.items(), key=lambda each: -each[1])[:6])
        rows.append(Row(f"{describe(case)}: only through the mount", kind, sum(only.values()), None, "%", names))
    case = CASES[-1]
    rows.append(Row(f"{describe(case)}: waiting in fuse_passthrough_write_iter", kind, waits(ours, case), waits(rival, case),
                    "%", "of the looks at writers"))
    os.unlink(ours)
    return rows
