#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/examples/qemu_test.sh PROGRAM
#
# examples/qemu/run-vm: machines that write to their disk, trim it, and are refused a disk that is in use.
set -euo pipefail
. "$(dirname "$0")/example.sh"

needs qemu-system-x86_64 busybox cpio modprobe blkid debugfs mkfs.btrfs
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

# What the script prints stays as it is, a last line without an end and one that looks like a status too.
"$1" "$disk" 'echo "run-vm: status 5"; printf "no end"; exit 9' >"$2/printed" 2>&1 || status=$?
echo "its status is $status"

# Checksums whose modules only the driver's wishes name.
mkfs.btrfs -q --csum xxhash "$TEMPLATEFS_MNT/raw/128M/checksums.img"
"$1" "$TEMPLATEFS_MNT/raw/128M/checksums.img" 'mount | grep -o "/mnt type btrfs"'

# A disk that no kernel takes is no reason to write into the guest's memory, unless the script looks after it.
broken=$TEMPLATEFS_MNT/ext4/16M/broken.img
debugfs -w -R 'set_super_value inodes_count 3' "$broken" 2>/dev/null
status=0
"$1" "$broken" 'echo lost >/mnt/file; echo "not to be said"' || status=$?
echo "without a mount $status"
"$1" --no-mount "$broken" 'mount | grep -q /mnt || echo "for the script to see to"'

# Elsewhere: what is prepared has the drivers of both of virtio's ways, and a kernel may be named by a relative path.
kernel=$(ls -v /boot/vmlinuz-* | tail -n 1)
(cd /boot && "$1" --prepare "$2/prepared" --kernel "${kernel##*/}" "$disk" 'cat /mnt/file')
cmp "$kernel" "$2/prepared/vmlinuz"
cpio --quiet -it <"$2/prepared/initramfs"
END
expect 0 run_in_mount timeout 500 bash "$scratch/script" "$repo/examples/qemu/run-vm" "$scratch"
has 'in the guest'
[[ $(grep -cxF written "$output") == 2 ]] || fail "the guest and the host do not both read what was written."
has 'its status is 7'
[[ $(sed -n 's/^trimmed \([0-9]*\) MiB$/\1/p' "$output") -ge 23 ]] || fail "what was trimmed is not given back."
has 'Failed to get "write" lock'
has 'the second has 125'
lacks 'two at once'
has 'alone again'
has 'its status is 9'
grep -qxF 'run-vm: status 5' "$scratch/printed" || fail "a line is missing: $(cat "$scratch/printed")"
grep -q '^no end' "$scratch/printed" || fail "what the script printed last is missing: $(cat "$scratch/printed")"
has '/mnt type btrfs'
has 'run-vm: /dev/vda could not be mounted: the disk has ext4'
has 'without a mount 125'
lacks 'not to be said'
has 'for the script to see to'
has modules/virtio_pci.ko
has modules/virtio_mmio.ko
say passed.
