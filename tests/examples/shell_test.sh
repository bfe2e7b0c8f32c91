#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/examples/shell_test.sh PROGRAM
#
# examples/shell/templatefs.sh: real loop devices, real mounts, and what is left after success, failure and SIGKILL.
set -euo pipefail
. "$(dirname "$0")/example.sh"

needs losetup findmnt blkid mkfs.ext4
[[ $(id -u) == 0 && -e /dev/loop-control ]] || skip_test "needs root and loop devices"
library=$repo/examples/shell/templatefs.sh

# script BODY: a test script as a user writes it.
script() { printf 'set -euo pipefail\n. %q\n%s\n' "$library" "$1" >"$scratch/script"; }
uses_both='templatefs_devices ext4 16M "generic/case[1]"
mkdir -p test scratch
mount "$TEST_DEV" test && mount "$SCRATCH_DEV" scratch
echo written >test/file
test ! -e scratch/file
echo "uuids $(blkid -o value -s UUID "$TEST_DEV") $(blkid -o value -s UUID "$SCRATCH_DEV")"
echo "devices $TEST_DEV $SCRATCH_DEV"
ls -d "$TEMPLATEFS_MNT/ext4/16M"/*.d
'
cd "$scratch"

# free_again: the devices that the script named are nobody's.
free_again() {
  local device i
  for device in $(sed -n 's/^devices //p' "$output"); do
    for i in {1..200}; do
      [[ ! -e /sys/block/${device#/dev/}/loop/backing_file ]] && continue 2
      sleep 0.1
    done
    fail "$device is still attached."
  done
}

script "$uses_both"
expect 0 run_in_mount bash "$scratch/script"
has '/run/templatefs/ext4/16M/generic#case%5B1%5D.d'
read -r one other < <(sed -n 's/^uuids //p' "$output")
[[ -n $one && -n $other && $one != "$other" ]] || fail "the disks have one UUID."
free_again

# Nothing is left in the mount either, and the script's own trap still runs, with its status.
script 'trap '\''echo "own trap $?"; ls "$TEMPLATEFS_MNT/ext4/16M" | wc -l'\'' EXIT
'"$uses_both"'exit 3'
expect 3 env TEMPLATEFS_KEEP=no "$templatefs" run --builder host --store "$store" --store-size 1G -- bash "$scratch/script"
grep -qxF 'own trap 3' "$output" || fail "the script's own trap did not run."
[[ $(tail -n 1 "$output") == 0 ]] || fail "the set is still there."
free_again

# Kept on failure, not on success.
script "$uses_both"'false'
expect 1 env TEMPLATEFS_KEEP=yes "$templatefs" run --builder host --store "$store" --store-size 1G -- bash "$scratch/script"
has 'templatefs.sh: pinned /run/templatefs/ext4/16M/generic#case%5B1%5D.d/SCRATCH.img'
has 'templatefs.sh: pinned /run/templatefs/ext4/16M/generic#case%5B1%5D.d/TEST.img'
free_again
expect 0 "$templatefs" ls --images --json --store "$store"
has 'exit status 1: generic/case[1]'

# Killed, the devices go with it.
script 'templatefs_devices ext4 16M killed
echo "devices $TEST_DEV $SCRATCH_DEV"
kill -KILL $$'
expect 137 run_in_mount bash "$scratch/script"
free_again

# What cannot be had is said.
script 'templatefs_image ext4 16M a'
expect 1 env TEMPLATEFS_MNT="$scratch" bash "$scratch/script"
has "no templatefs is mounted at $scratch"
script 'templatefs_devices xfs 16M small'
expect 1 run_in_mount bash "$scratch/script"
has 'xfs cannot be made in 16M'
say passed.
