#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: tests/examples/configurations_test.py PROGRAM

Configurations in examples/ of programs that are not run here: that they are well-formed, have no key that the program
does not know and lack none, of the documented types, and name images that templatefs knows.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

examples = pathlib.Path(__file__).resolve().parent.parent.parent / "examples"
program = sys.argv[1]

# Of the documented schemas (Firecracker's swagger, Cloud Hypervisor's openapi) what is at each place that the examples use:
# the type of each key, or its values; what is required is marked. A type that is no schema's is not looked into.
REQUIRED = "required"
ANY = object
KNOWN = {
    "firecracker/vm.json": {
        "": {"boot-source": (dict, REQUIRED), "drives": (list, REQUIRED), "machine-config": dict, "network-interfaces": list,
             "vsock": dict, "logger": dict, "metrics": dict, "balloon": dict, "mmds-config": dict, "entropy": dict,
             "cpu-config": ANY},
        "boot-source": {"kernel_image_path": (str, REQUIRED), "initrd_path": str, "boot_args": str},
        # The last two are required of a drive that is no vhost-user device.
        "drives": {"drive_id": (str, REQUIRED), "is_root_device": (bool, REQUIRED), "path_on_host": (str, REQUIRED),
                   "is_read_only": (bool, REQUIRED), "partuuid": str, "cache_type": {"Unsafe", "Writeback"},
                   "rate_limiter": dict, "io_engine": {"Sync", "Async"}, "socket": str},
        "machine-config": {"vcpu_count": (range(1, 33), REQUIRED), "mem_size_mib": (int, REQUIRED), "smt": bool,
                           "cpu_template": str, "track_dirty_pages": bool, "huge_pages": {"None", "2M"}},
    },
    "cloud-hypervisor/vm.json": {
        "": {"payload": (dict, REQUIRED), "cpus": dict, "memory": dict, "rate_limit_groups": list, "disks": list,
             "net": list, "rng": dict, "balloon": dict, "fs": list, "pmem": list, "serial": dict, "console": dict,
             "debug_console": dict, "devices": list, "vdpa": list, "vsock": dict, "numa": list, "iommu": bool,
             "watchdog": bool, "pvpanic": bool, "pci_segments": list, "platform": dict, "tpm": dict,
             "landlock_enable": bool, "landlock_rules": list},
        "cpus": {"boot_vcpus": (int, REQUIRED), "max_vcpus": (int, REQUIRED), "topology": dict, "kvm_hyperv": bool,
                 "max_phys_bits": int, "affinity": list, "features": dict},
        "memory": {"size": (int, REQUIRED), "mergeable": bool, "shared": bool, "hugepages": bool, "hugepage_size": int,
                   "prefault": bool, "thp": bool, "zones": list},
        "payload": {"firmware": str, "kernel": str, "cmdline": str, "initramfs": str, "igvm": str, "host_data": str},
        "disks": {"path": str, "readonly": bool, "direct": bool, "iommu": bool, "num_queues": int, "queue_size": int,
                  "vhost_user": bool, "vhost_socket": str, "rate_limiter_config": dict, "pci_segment": int, "id": str,
                  "serial": str, "rate_limit_group": str, "queue_affinity": list},
        "serial": {"mode": ({"Off", "Pty", "Tty", "File", "Socket", "Null"}, REQUIRED), "file": str, "socket": str},
        "console": {"mode": ({"Off", "Pty", "Tty", "File", "Socket", "Null"}, REQUIRED), "file": str, "socket": str,
                    "iommu": bool, "id": str},
    },
}
images = []


def is_of(kind, value):
    if isinstance(kind, type):
        return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    return not isinstance(value, bool) and value in kind


def faults(document, places):
    """What is unknown, missing or of another type."""
    found = []
    parts = [("", document)] + [(place, each) for place, value in document.items() if place in places
                                for each in (value if isinstance(value, list) else [value])]
    for place, part in parts:
        if not isinstance(part, dict):
            continue  # its type is wrong where it is a value
        known = {key: kind if isinstance(kind, tuple) else (kind, "") for key, kind in places[place].items()}
        found += [f"{place}: {key} is unknown" for key in part.keys() - known.keys()]
        found += [f"{place}: {key} is missing" for key, kind in known.items() if kind[1] and key not in part]
        found += [f"{place}: {key} is {part[key]!r}" for key in part.keys() & known.keys() if not is_of(known[key][0], part[key])]
    return found


def check_json(name):
    document = json.loads((examples / name).read_text())
    assert faults(document, KNOWN[name]) == [], (name, faults(document, KNOWN[name]))
    for drive in document.get("drives", []) + document.get("disks", []):
        images.extend(drive[key] for key in ("path", "path_on_host") if key in drive)
    # Whatever is left out that is required, or of another type, is seen.
    for place, keys in KNOWN[name].items():
        for key, kind in keys.items():
            broken = json.loads(json.dumps(document))
            part = broken[place] if place else broken
            part = part[0] if isinstance(part, list) else part
            if key in part and isinstance(kind, tuple):
                del part[key]
                assert faults(broken, KNOWN[name]) == [f"{place}: {key} is missing"], (name, place, key)
            part[key] = None
            assert kind is ANY or f"{place}: {key} is None" in faults(broken, KNOWN[name]), (name, place, key)
    # Programs that run elsewhere resolve a relative path elsewhere.
    start = document.get("boot-source") or document["payload"]
    paths = [value for key, value in start.items() if key in ("kernel", "initramfs", "kernel_image_path", "initrd_path")]
    assert len(paths) == 2 and all(os.path.isabs(path) for path in paths), (name, paths)


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
