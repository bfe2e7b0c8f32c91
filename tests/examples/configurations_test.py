#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: tests/examples/configurations_test.py PROGRAM

Configurations in examples/ of programs that are not run here: that they are well-formed, have no key that the program
does not know, and name images that templatefs knows.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

examples = pathlib.Path(__file__).resolve().parent.parent.parent / "examples"
program = sys.argv[1]

# Of the documented schemas: what is known at each place that the examples use.
KNOWN = {
    "firecracker/vm.json": {
        "": {"boot-source", "drives", "machine-config", "network-interfaces", "vsock", "logger", "metrics", "balloon",
             "mmds-config", "entropy", "cpu-config"},
        "boot-source": {"kernel_image_path", "initrd_path", "boot_args"},
        "drives": {"drive_id", "partuuid", "is_root_device", "cache_type", "is_read_only", "path_on_host",
                   "rate_limiter", "io_engine", "socket"},
        "machine-config": {"cpu_template", "smt", "mem_size_mib", "track_dirty_pages", "vcpu_count", "huge_pages"},
    },
    "cloud-hypervisor/vm.json": {
        "": {"cpus", "memory", "payload", "rate_limit_groups", "disks", "net", "rng", "balloon", "fs", "pmem", "serial",
             "console", "debug_console", "devices", "vsock", "numa", "iommu", "watchdog", "platform", "tpm"},
        "cpus": {"boot_vcpus", "max_vcpus", "topology", "affinity", "features", "max_phys_bits"},
        "memory": {"size", "mergeable", "shared", "hugepages", "prefault", "thp", "zones"},
        "payload": {"firmware", "kernel", "cmdline", "initramfs", "igvm", "host_data"},
        "disks": {"path", "readonly", "direct", "iommu", "num_queues", "queue_size", "id", "serial", "pci_segment",
                  "rate_limiter_config", "rate_limit_group", "queue_affinity"},
        "serial": {"file", "socket", "mode"},
        "console": {"file", "socket", "mode", "iommu", "id"},
    },
}
images = []


def check_json(name):
    document = json.loads((examples / name).read_text())
    places = KNOWN[name]
    assert document.keys() <= places[""], (name, document.keys() - places[""])
    for place, value in document.items():
        for each in value if isinstance(value, list) else [value]:
            assert each.keys() <= places[place], (name, place, each.keys() - places[place])
            images.extend(each[key] for key in ("path", "path_on_host") if key in each)


def check_virtme():
    """The script, with a stand-in that prints what it is called with."""
    with tempfile.TemporaryDirectory() as directory:
        stand_in = pathlib.Path(directory) / "vng"
        stand_in.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
        stand_in.chmod(0o755)
        path = os.pathsep.join([directory, os.path.dirname(program), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "TEMPLATEFS_MNT": "/mnt/templates"}
        words = subprocess.run([examples / "virtme-ng/run-vng", "btrfs/001[a]", "true"], env=environment, check=True,
                               capture_output=True, text=True).stdout.splitlines()
    assert words[words.index("--exec") + 1] == "true", words
    images.append(words[words.index("--disk") + 1])
    assert images[-1].endswith("/btrfs#001%5Ba%5D.img"), words


for name in KNOWN:
    check_json(name)
check_virtme()
for image in images:
    mount, recipe, capacity, file = image.rsplit("/", 3)
    assert mount == "/mnt/templates" and file.endswith(".img"), image
    said = subprocess.run([program, "why", "--builder", "host", "--store", "/nonexistent/store", f"{recipe}/{capacity}"],
                          capture_output=True, text=True)
    assert "its template: " in said.stdout, (image, said.stdout, said.stderr)
assert len(images) == 3, images
print(f"{len(images)} images in {len(KNOWN) + 1} configurations: passed.")
