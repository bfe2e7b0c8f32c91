#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/examples/qemu_test.sh PROGRAM
#
# examples/qemu/run-vm: machines that write to their disk, trim it, and are refused a disk that is in use.
set -euo pipefail
. "$(dirname "$0")/example.sh"

needs qemu-system-x86_64 busybox cpio modprobe blkid debugfs
[[ $(id -u) == 0 ]] || skip_test "needs root: loop devices"
compgen -G '/boot/vmlinuz-*' >/dev/null || skip_test "there is no kernel in /boot for a guest"

cat >"$scratch/script" <<'END'
set -euo pipefail
disk=$TEMPLATEFS_MNT/ext4/64M/t1.img
"$1" "$disk" 'set -e; echo written >/mnt/file; dd if=/dev/urandom of=/mnt/big bs=1M count=24 2>/dev/null; echo "in the guest"'
debugfs -R 'cat /file' "$disk" 2>/dev/null
full=$(stat -c %b "$disk")
status=0
"$1" --cache writeback "$disk" 'cat /mnt/file; rm /mnt/big; sync; fstrim /mnt && exit 7' || status=$?
echo "its status is $status"
echo "trimmed $(((full - $(stat -c %b "$disk")) / 2048)) MiB"

# A machine that waits, and has the disk.
qemu-system-x86_64 -S -M q35 -accel tcg -nodefaults -display none -daemonize -pidfile "$2/pid" \
  -drive "file=$disk,format=raw,if=virtio"
status=0
"$1" --cache writethrough "$disk" 'echo two at once' || status=$?
echo "the second has $status"
kill -KILL "$(cat "$2/pid")"
while [[ -e /proc/$(cat "$2/pid") ]]; do sleep 0.1; done
"$1" --cache writethrough "$disk" 'echo alone again'
END
expect 0 run_in_mount timeout 100 bash "$scratch/script" "$repo/examples/qemu/run-vm" "$scratch"
has 'in the guest'
[[ $(grep -cxF written "$output") == 2 ]] || fail "the guest and the host do not both read what was written."
has 'its status is 7'
[[ $(sed -n 's/^trimmed \([0-9]*\) MiB$/\1/p' "$output") -ge 23 ]] || fail "what was trimmed is not given back."
has 'Failed to get "write" lock'
has 'the second has 125'
lacks 'two at once'
has 'alone again'
say passed.
