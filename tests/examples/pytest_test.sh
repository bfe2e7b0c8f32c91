#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/examples/pytest_test.sh PROGRAM
#
# pytest with the plugin of examples/pytest-templatefs, found by its entry point, in mounts of their own.
set -euo pipefail
. "$(dirname "$0")/example.sh"

python=/usr/bin/python3
"$python" -c 'import pytest, xdist, tomllib' 2>/dev/null ||
  skip_test "python3-pytest or python3-pytest-xdist is not installed (scripts/install-deps --test)"
[[ $(id -u) == 0 ]] || skip_test "needs root: loop devices"

# Installed as pip would: the module, and the entry point that pyproject.toml names.
site=$scratch/site
mkdir -p "$site/pytest_templatefs-0.1.0.dist-info" "$scratch/tests"
cp "$repo/examples/pytest-templatefs/pytest_templatefs.py" "$site"
cp "$repo/tests/examples/test_sample.py" "$scratch/tests"
"$python" - "$repo/examples/pytest-templatefs/pyproject.toml" "$site/pytest_templatefs-0.1.0.dist-info" <<'END'
import pathlib, sys, tomllib
project = tomllib.loads(pathlib.Path(sys.argv[1]).read_text())["project"]
to = pathlib.Path(sys.argv[2])
to.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
points = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["pytest11"].items())
to.joinpath("entry_points.txt").write_text("[pytest11]\n" + points)
END
export PYTHONPATH=$site PYTHONDONTWRITEBYTECODE=1
cd "$scratch/tests"
pytest_here=("$python" -m pytest --rootdir . --basetemp "$scratch/base" -p no:cacheprovider -rA)

# The same ids as the program's, for every byte and around the 200 bytes where they are shortened.
"$python" - "$templatefs" <<'END' || fail "the plugin's ids are not those of \`templatefs path\`."
import os, subprocess, sys
from pytest_templatefs import image_id
names = [os.fsdecode(bytes([byte, 97, byte])) for byte in range(1, 256) if byte != ord("-")]
names += ["tests/test_a.py::test_b[x/y-1.5]@gw0", "ä~%#", ".a", "x" * 200, "x" * 201, "/" * 5000, "ä" * 67, "%" * 66]
ids = subprocess.run([sys.argv[1], "path", "--", *names, "-a"], check=True, capture_output=True).stdout.split()
assert [image_id(name).encode() for name in names + ["-a"]] == ids, (ids, [image_id(n) for n in names])
END

# Where nothing is mounted, a sentence.
expect 1 "${pytest_here[@]}" --templatefs-mount "$scratch" -k test_those
has "No templatefs is mounted at $scratch: run the tests below \`templatefs run -- pytest\`"

# Failed ones have a section; nothing is kept unasked, and what passed leaves no image.
expect 1 run_in_mount "${pytest_here[@]}"
has '3 failed, 6 passed, 1 error'
has 'image /run/templatefs/ext4/16M/test_sample.py::test_private%5B3%5D.img'
has '- templatefs -'
has '/raw/1M/test_sample.py::test_its_disk_is_there.img'
grep -qE 'state: (idle|open)$' "$output" || fail "no state."   # its close may be on its way
has '/raw/3M/test_sample.py::test_stuck.img could not be removed: '
has 'xfs/16M/test_sample.py::test_too_small.img: EINVAL: xfs cannot be made in 16M'
lacks pinned
expect 0 "$templatefs" ls --images --json --store "$store"
lacks test_sample

# Beside each other, and asked by the ini file: what failed is pinned, after its teardown too.
printf '[pytest]\ntemplatefs_keep = true\n' >pytest.ini
expect 1 run_in_mount "${pytest_here[@]}" -n 2
grep -qE 'image /run/templatefs/ext4/16M/test_sample.py::test_private%5B0%5D@gw[01].img' "$output" || fail "no id names its worker."
has '= templatefs: images pinned; `templatefs unpin` or rm lets them go ='
has '= templatefs: what could not be done ='
grep -qE 'test_stuck@gw[01].img could not be pinned: ' "$output" || fail "a failure to pin is not said."
grep -qE '^/run/templatefs/raw/1M/test_sample.py::test_its_disk_is_there@gw[01].img$' "$output" || fail "no path of a pinned image."
grep -qE '^/run/templatefs/raw/2M/test_sample.py::test_teardown@gw[01].img$' "$output" || fail "a teardown's image is not pinned."
rm pytest.ini

# They are in the next mount, and a test of that name gets another.
mkdir "$scratch/mnt"
"$templatefs" mount --builder host --store "$store" "$scratch/mnt" >"$output"
on_exit '"$templatefs" umount "$scratch/mnt" >/dev/null'
expect 0 getfattr --absolute-names --only-values -n user.templatefs.keep "$scratch"/mnt/raw/1M/*its_disk*
has test_sample.py::test_its_disk_is_there
for round in 1 2; do
  expect 1 "${pytest_here[@]}" --templatefs-mount "$scratch/mnt" --templatefs-keep -k test_its_disk
done
has "$scratch/mnt/raw/1M/test_sample.py::test_its_disk_is_there.2.img (pinned)"
[[ $(head -c 8 "$scratch/mnt/raw/1M/test_sample.py::test_its_disk_is_there.img") == evidence ]] || fail "its content is gone."

# Processes that look for a free name at the same time get different ones; another user's is not free.
umount "$scratch/mnt"
chmod 0755 "$scratch"
"$templatefs" mount --builder host --store "$store" -o allow_other "$scratch/mnt" >"$output"
timeout 240 "$python" - "$scratch/mnt" <<'END' || fail "two tests have one image."
import multiprocessing, pathlib, sys
from pytest_templatefs import Images
def some(worker):
    images = Images(pathlib.Path(sys.argv[1]), "same")
    return [str(images.make("raw", "1M")) for _ in range(12)]
with multiprocessing.get_context("fork").Pool(4) as pool:
    paths = sum(pool.map(some, range(4), chunksize=1), [])
assert len(paths) == len(set(paths)) == 48, sorted(paths)
END
as_other() { setpriv --reuid "$1" --regid "$1" --clear-groups -- "${@:2}"; }
as_other 1234 head -c 1 "$scratch/mnt/raw/1M/another.img" >/dev/null
expect 0 as_other 1235 "$python" -c "import pathlib, pytest_templatefs as it
print(it.Images(pathlib.Path('$scratch/mnt'), 'another').make('raw', '1M'))"
has "$scratch/mnt/raw/1M/another.2.img"
say passed.
