#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/examples/libvirt_test.sh PROGRAM
#
# examples/libvirt with a real libvirtd: the domain on an image that is given to QEMU's user and back, and the pool.
# libvirtd keeps to the system's directories, so it has empty ones here, in namespaces that end with the test.
set -euo pipefail
namespaces=--net
. "$(dirname "$0")/example.sh"

[[ $(id -u) == 0 ]] || skip_test "needs root: libvirtd for the system"
needs libvirtd virsh qemu-system-x86_64 qemu-io mkfs.btrfs busybox cpio modprobe blkid setpriv
compgen -G '/boot/vmlinuz-*' >/dev/null || skip_test "there is no kernel in /boot for a guest"
hidden=(/mnt /run /etc/libvirt /var/cache /var/lib /var/log)
for directory in "${hidden[@]}"; do
  for mine in "$scratch" "$repo" "$templatefs"; do
    [[ $mine/ != "$directory"/* ]] || skip_test "$mine is where the test hides everything"
  done
done
for directory in "${hidden[@]}"; do mount -t tmpfs tmpfs "$directory"; done

# Debian's package of the system's service makes the user; here it need not be installed.
for file in passwd group; do cp "/etc/$file" /run; done
getent passwd libvirt-qemu >/dev/null || echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >>/run/passwd
for group in libvirt-qemu kvm; do getent group "$group" >/dev/null || echo "$group:x:64055:" >>/run/group; done
for file in passwd group; do mount --bind "/run/$file" "/etc/$file"; done
echo 'log_outputs = "3:stderr"
auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
echo 'dynamic_ownership = 1
remember_owner = 1
cgroup_controllers = []
stdio_handler = "file"' >/etc/libvirt/qemu.conf

cd "$repo"
mount=/mnt/templates image=$mount/btrfs/256M/vm1.img owner=1234
mkdir "$mount"
"$templatefs" mount -o allow_other --builder host --store "$store" --store-size 1G "$mount" >"$output" 2>&1 || fail "no mount"
on_exit '"$templatefs" umount "$mount" >/dev/null 2>&1'
libvirtd >"$scratch/libvirtd.log" 2>&1 </dev/null &
libvirtd=$!
on_exit 'kill "$libvirtd" && wait "$libvirtd" || true
  [[ $status -eq 0 ]] || tail -n 20 "$scratch/libvirtd.log" >&2'
on_exit 'virsh destroy vm1 >/dev/null 2>&1 || true'
eventually 120 virsh list

# The guest stays up until it is told a word.
setpriv --reuid $owner --regid $owner --clear-groups -- head -c 1 "$image" >/dev/null
expect 0 examples/qemu/run-vm --prepare /var/lib/vms "$image" 'cat /mnt/file && echo "kept"
echo written >/mnt/file
sync
until read -r -t 1 word; do echo "up"; done
echo "told $word"'
sed -e 's/type="kvm"/type="qemu"/' \
  -e 's|^  <features>|  <cpu mode="maximum"><feature policy="disable" name="cx16"/></cpu>\n&|' examples/libvirt/domain.xml >"$scratch/domain.xml"
expect 0 virsh define "$scratch/domain.xml"

belongs_to() { [[ $(stat -c '%u %g %a' "$image") == "$*" ]] || fail "the image is $(stat -c '%u %g %a' "$image"), not $*."; }
state_is() { [[ $(virsh domstate vm1) == "$*" ]]; }
start() {
  [[ ! -v console ]] || exec {console}>&-
  expect 0 virsh start vm1
  exec {console}<>"$(virsh ttyconsole vm1)"
}
# said WORD: reads what the guest says up to that line.
said() {
  local line=''
  while read -r -t 240 -u "$console" line; do
    printf '%s\n' "${line%$'\r'}"
    [[ ${line%$'\r'} != "$1" ]] || return 0
  done >"$output"
  fail "the guest never said $1."
}

belongs_to $owner $owner 600
start
said up
lacks kept
user=$(getent passwd libvirt-qemu | cut -d : -f 3)
belongs_to "$user" "$(stat -c %g "/proc/$(cat /run/libvirt/qemu/vm1.pid)")" 600
[[ $(stat -c %u "/proc/$(cat /run/libvirt/qemu/vm1.pid)") == "$user" ]] || fail "QEMU is not libvirt's user."
expect 1 qemu-io -f raw -c 'read 0 512' "$image"
has 'Failed to get "write" lock'
echo over >&"$console"
said 'told over'
eventually 120 state_is shut off
belongs_to $owner $owner 600

# Another start finds what was written; what is pulled is given back as well.
start
said up
has kept
expect 0 virsh destroy vm1
belongs_to $owner $owner 600

# What AppArmor would let QEMU have.
helper=$(compgen -G '/usr/lib*/libvirt/virt-aa-helper' || true)
if [[ -n $helper ]]; then
  virsh dumpxml vm1 >"$scratch/domain.xml"
  expect 0 bash -c '"$0" --dryrun --create -u "libvirt-$1" <"$2"' "$helper" "$(virsh domuuid vm1)" "$scratch/domain.xml"
  has "\"$image\" rwk,"
fi
expect 0 virsh undefine vm1

pool=templates-btrfs-256M
volumes() { virsh -q vol-list "$pool" | awk '{ print $1 }' | paste -s -d ' '; }
expect 0 virsh pool-create examples/libvirt/pool.xml
[[ $(volumes) == vm1.img ]] || fail "the pool has: $(volumes)"
expect 0 virsh vol-info --pool "$pool" vm1.img
has 'Capacity:       256.00 MiB'
head -c 1 "$mount/btrfs/256M/vm2.img" >/dev/null
expect 0 virsh pool-refresh "$pool"
[[ $(volumes) == 'vm1.img vm2.img' ]] || fail "the pool has: $(volumes)"
expect 1 virsh vol-create-as "$pool" vm3.img 256M --format raw
has "'$mount/btrfs/256M/vm3.img' already exists"
expect 1 virsh vol-create-as "$pool" vm3.qcow2 256M --format raw
has 'No such file or directory'
expect 0 virsh vol-delete --pool "$pool" vm1.img
[[ $(ls "$mount/btrfs/256M") == vm2.img ]] || fail "there is still: $(ls "$mount/btrfs/256M")"
expect 0 virsh pool-destroy "$pool"
expect 0 "$templatefs" umount "$mount"
say passed.
