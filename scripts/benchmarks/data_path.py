# SPDX-License-Identifier: Apache-2.0
"""Reads and writes of an image: the same file without templatefs, and other ways to serve a file by FUSE."""

import os
import subprocess

from .rig import SIZE, Daemon, Failed, directory, have, is_mounted, only, run
from .rows import absent, pairs, turns

CASES = [(how, way, block, jobs) for how in ("buffered", "direct") for way, block in
         (("randread", "4k"), ("randwrite", "4k"), ("read", "1M"), ("write", "1M")) for jobs in (1, 8)]
MAPPED = [("mmap", way, "4k", jobs) for way in ("randread", "randwrite") for jobs in (1, 8)]
# As QEMU with cache=none,aio=native: one that asks, and does not wait.
IN_FLIGHT = [("in flight", way, block, 8) for way, block in (("randread", "4k"), ("randwrite", "4k"), ("write", "1M"))]


def describe(case):
    how, way, block, jobs = case
    if how == "in flight":
        return f"{way} {block} direct, {jobs} in flight"
    return f"{way} {block} {how}, {jobs} job{'' if jobs == 1 else 's'}"


def fio(path, how, way, block, jobs, milliseconds, as_user=()):
    """MB/s. A file in the page cache needs --invalidate=0: dropping it works on the native file and not on a
    passed-through one."""
    engine = {"mmap": "mmap", "in flight": "libaio"}.get(how, "psync")
    depth, jobs = (jobs, 1) if how == "in flight" else (1, jobs)
    line = run([*as_user, "fio", "--name=bench", f"--filename={path}", f"--rw={way}", f"--bs={block}",
                f"--direct={int(how in ('direct', 'in flight'))}", "--invalidate=0", f"--ioengine={engine}",
                f"--iodepth={depth}", "--size=256M",
                f"--runtime={milliseconds}ms",
                "--time_based", "--allow_file_create=0", "--overwrite=1", "--randrepeat=1", "--norandommap", "--thread",
                f"--numjobs={jobs}", "--group_reporting", "--output-format=terse", "--terse-version=3"], 60).splitlines()
    fields = next(line for line in line if line.startswith("3;")).split(";")
    if fields[4] != "0":
        raise Failed(f"fio on {path} ({how} {way}): error {fields[4]}")
    return (int(fields[6]) + int(fields[47])) / 1000


def fill(path):
    """Every block written: what is measured is the way to the file, not its allocation."""
    run(["dd", "if=/dev/urandom", f"of={path}", "bs=1M", "count=256", "conv=notrunc,fsync", "status=none"])


def passthrough(rig, mount, kind):
    mount.warm_up()
    ours = f"{mount.images()}/fio.img"
    fill(ours)
    rival = f"{mount.backing()}/fio.img"
    rounds = 3 if rig.quick else 12
    rows = []

    def turn(path, case):
        run(["sync", "-f", mount.store])
        return fio(path, *case, 400)

    for case in CASES + IN_FLIGHT + MAPPED:
        samples = turns(rounds, lambda _: turn(ours, case), lambda _: turn(rival, case))
        rows.append(pairs(describe(case), kind, samples, "MB/s", "the same file in the store", 0.97, "least"))
    os.unlink(ours)
    return rows


def other_servers(rig, mount, kind):
    """Random reads of 4k that are in the page cache."""
    mount.warm_up()
    case = ("buffered", "randread", "4k", 1)
    ours = f"{mount.images()}/fio.img"
    fill(ours)
    rows = []
    for name, bar, serve in (("nbdfuse over nbdkit", 5, nbdfuse), ("qemu-storage-daemon's FUSE export", 2, storage_daemon)):
        measure = "randread 4k buffered"
        file = f"{directory(mount.store + '/bench')}/served.img"
        run(["truncate", "-s", "256M", file])
        fill(file)
        try:
            daemon, rival = serve(rig, file)
        except Failed as error:
            rows.append(absent(measure, kind, name, str(error), bar, "least"))
            continue
        for path in (ours, rival):
            fio(path, *case, 1000)
        samples = turns(3 if rig.quick else 5, lambda _: fio(ours, *case, 1000), lambda _: fio(rival, *case, 1000))
        daemon.end()
        rows.append(pairs(measure, kind, samples, "MB/s", name, bar, "least"))
    os.unlink(ours)
    return rows


def nbdfuse(rig, file):
    if not have("nbdfuse") or not have("nbdkit"):
        raise Failed("nbdfuse or nbdkit is not installed: scripts/install-deps --bench")
    point = directory(rig.path(rig.fresh("nbd")))
    rig.undo(lambda: subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL))
    daemon = Daemon(rig, ["nbdfuse", point, "--command", "nbdkit", "-s", "--exit-with-parent", "file", file],
                    lambda: is_mounted(point) and os.path.exists(f"{point}/nbd"))
    return daemon, f"{point}/nbd"


def storage_daemon(rig, file):
    if not have("qemu-storage-daemon"):
        raise Failed("qemu-storage-daemon is not installed: scripts/install-deps --bench")
    point = rig.path(rig.fresh("export"))
    open(point, "w", encoding="ascii").close()
    rig.undo(lambda: subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL))
    daemon = Daemon(rig, ["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=file,filename={file}", "--export",
                          f"type=fuse,id=export,node-name=file,mountpoint={point},writable=on,growable=off"],
                    lambda: is_mounted(point))
    return daemon, point


def unprivileged(rig, store_filesystem, kind):
    """Through the daemon, as an ordinary user; libfuse's example of a passthrough filesystem, with passthrough off."""
    example = f"{rig.sources}/.deps/fuse3/bin/passthrough_hp"
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    against = "libfuse's passthrough_hp, passthrough off"
    if not os.path.exists(example):
        return [absent("reads and writes without passthrough", kind, against,
                       "passthrough_hp was not built: scripts/build-libfuse --examples", 1.0, "least")]
    store = directory(f"{store_filesystem}/unprivileged")
    os.chown(store, 65534, 65534)
    mount = rig.mount(f"{store}/store", "--builder", "host", as_user=[*user, "env", f"HOME={store}"])
    ours = f"{mount.images()}/fio.img"
    run([*user, "head", "-c", "1", ours])
    run([*user, "dd", "if=/dev/urandom", f"of={ours}", "bs=1M", "count=256", "conv=notrunc,fsync", "status=none"])
    source, point = directory(f"{store}/source"), directory(rig.path(rig.fresh("hp")))
    rival = f"{source}/fio.img"
    run(["cp", "--reflink=never", only(f"{store}/store/sessions/mount-*/images/{SIZE}/fio.img"), rival])
    for path in (source, point, rival):
        os.chown(path, 65534, 65534)
    rig.undo(lambda: subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL))
    daemon = Daemon(rig, [*user, example, "--foreground", "--nopassthrough", source, point], lambda: is_mounted(point))
    rows = []
    for case in [case for case in CASES if case[3] == 1]:
        samples = turns(3 if rig.quick else 7, lambda _: fio(ours, *case, 1000, user),
                        lambda _: fio(f"{point}/fio.img", *case, 1000, user))
        rows.append(pairs("{1} {2} {0}, no passthrough".format(*case), kind, samples, "MB/s", against, 1.0, "least"))
    mount.end()
    daemon.end()
    return rows
