#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/examples/containers_test.sh PROGRAM
#
# What examples/containers says: a mount inside a container, one of the host's shared with it, and what is said where
# something is missing. Containers are made with unshare and pivot_root, as runtimes make them.
set -euo pipefail
namespaces=''
. "$(dirname "$0")/example.sh"

[[ $(id -u) == 0 && -e /dev/fuse ]] || skip_test "needs root and /dev/fuse"
needs losetup unshare setpriv pivot_root setfattr getfattr mkfs.ext4 mkfs.xfs

on_exit 'umount -l "$scratch"/{data,user,shared} || true'
# No reflink on it, whatever the machine's disk can.
mkdir "$scratch/root" "$scratch/data" "$scratch/shared" "$scratch/user"
chmod 0755 "$scratch"
for directory in data user; do mount -t tmpfs -o size=2G,mode=0755 tmpfs "$scratch/$directory"; done
mount -t tmpfs tmpfs "$scratch/shared"
mount --make-shared "$scratch/shared"
data_device=$(mountpoint -d "$scratch/data")

# enter DEVICES PROC COMMAND...: what a runtime does in the new namespaces. PROC is own, host's or none.
cat >"$scratch/enter" <<'END'
set -euo pipefail
scratch=$1 program=$2 devices=$3 proc=$4
shift 4
cd "$scratch/root"
mount -t tmpfs tmpfs .
cd "$PWD"
mkdir dev proc usr etc tmp root run data mnt old
for each in /bin /sbin /lib /lib32 /lib64 /libx32; do
  [[ ! -L $each ]] || cp -P "$each" .
  [[ -L $each || ! -d $each ]] || { mkdir ".$each"; mount --bind "$each" ".$each"; }
done
for each in usr etc; do mount --bind "/$each" "$each"; done
mount --bind "$scratch/data" data
mount --rbind "$scratch/shared" mnt
touch templatefs && mount --bind "$program" templatefs
for device in null zero full random urandom $devices; do
  number=$(stat -c '0x%t 0x%T' "/dev/$device")
  mode=c
  mknod -m 0666 "dev/$device" $mode $number
done
case $proc in
  host) mount --rbind /proc proc ;;
  *) mount -t proc proc proc ;;
esac
pivot_root . old
umount -l old
[[ $proc != none ]] || umount -l proc
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp "$@"
END
container() { timeout 240 unshare --mount --propagation slave --pid --fork --kill-child bash "$scratch/enter" "$scratch" "$templatefs" "$@"; }
options='--builder host --store /data/store --store-size 1G'
# in_mount SCRIPT: in a container that has a mount at /run/t; what it says last is that it has ended in order.
in_mount() { printf '%s' "set -e; mkdir -p /run/t; /templatefs mount $options /run/t; $1
/templatefs umount /run/t; ! grep -q templatefs /proc/self/mountinfo; echo unmounted"; }
is_empty() { [[ -z $(ls -A "$1") ]]; }
nothing_is_left() {
  is_empty "$scratch/data/store/sessions" || fail "a session is left."
  eventually 40 no_loop_device
}
# What a device is on is told as whoever attached it saw it, so that no path tells: its filesystem does.
no_loop_device() {
  ! losetup --noheadings --list --output NAME,BACK-MAJ:MIN,BACK-FILE | grep -E " $data_device( |$)"
}

# What is missing is said, and no store is made that would be less than what the place could have.
expect 1 container '' own /templatefs mount $options /run/t
has 'there is no /dev/fuse'
has 'start a container with --device /dev/fuse --cap-add SYS_ADMIN'
expect 1 container fuse own setpriv --bounding-set -sys_admin /templatefs mount $options /run/t
has 'CAP_SYS_ADMIN is missing'
has 'Start it with --device /dev/fuse --cap-add SYS_ADMIN'
expect 1 container fuse none /templatefs mount $options /run/t
has 'there is no /proc'
is_empty "$scratch/data" || fail "a store was made."

# Without the capability, `run` makes a user namespace.
expect 0 container fuse own setpriv --bounding-set -sys_admin /templatefs run $options -- \
  sh -c 'echo mine >$TEMPLATEFS_MNT/ext4/16M/a.img; head -n 1 $TEMPLATEFS_MNT/ext4/16M/a.img'
has 'no filesystem of our own'
grep -qx mine "$output" || fail "the image does not hold what was written."
rm -r "$scratch/data/store"

# With both, as on the host; without loop devices images are sparse copies, which is said.
passthrough=$(run_in_mount sh -c 'getfattr --absolute-names --only-values -n user.templatefs.passthrough "$TEMPLATEFS_MNT"')
expect 0 container fuse own sh -c "$(in_mount 'echo mine >/run/t/ext4/16M/a.img
  head -n 1 /run/t/ext4/16M/a.img; ls -l /run/t/ext4/16M')"
has "tmpfs"
has 'no filesystem of our own: /dev/loop-control: No such file or directory; images are sparse copies'
has "fan-out copy, passthrough $passthrough"
grep -qx mine "$output" || fail "the image does not hold what was written."
has unmounted
nothing_is_left
rm -r "$scratch/data/store"
expect 0 container 'fuse loop-control' own sh -c "$(in_mount 'head -c 1 /run/t/ext4/16M/a.img >/dev/null')"
has 'on a filesystem of its own, fan-out reflink'
has unmounted
eventually 40 no_loop_device
rm -r "$scratch/data"/store*

# A store in the container's own overlay.
mkdir "$scratch/data"/{lower,upper,work,merged}
mount -t overlay -o "lowerdir=$scratch/data/lower,upperdir=$scratch/data/upper,workdir=$scratch/data/work" overlay "$scratch/data/merged"
mount --bind "$scratch/data/merged" "$scratch/data"
expect 0 container fuse own sh -c "$(in_mount 'head -c 1 /run/t/ext4/16M/a.img >/dev/null')"
has 'overlay'
has 'images are sparse copies'
has unmounted
rm -r "$scratch/data/store"
umount "$scratch/data" "$scratch/data/merged"

# /proc of another pid namespace, in which the numbers of processes are others'.
expect 0 container fuse host /templatefs run $options -- sh -c 'head -c 1 $TEMPLATEFS_MNT/ext4/16M/a.img >/dev/null; echo ran'
has ran
nothing_is_left

# Nothing outlives the container's first process.
container fuse own sh -c "$(in_mount 'exec 3<>/run/t/raw/1M/a.img; : >/data/ready; exec sleep 1000')" >"$output" 2>&1 &
eventually 120 test -e "$scratch/data/ready"
running=$(pgrep -cf "^/templatefs mount") || true
kill -KILL "$(pgrep -P "$(pgrep -nx unshare)")"
wait $! || true
[[ $running -ge 1 ]] || fail "it was not running."
eventually 40 bash -c '! pgrep -f "^/templatefs mount"'
expect 0 container fuse own /templatefs clean --debris --store /data/store
nothing_is_left

# In a user namespace, as an unprivileged container's root.
cp "$templatefs" "$scratch/user"
chown -R 1234:1234 "$scratch/user"
as_container() { setpriv --reuid 1234 --regid 1234 --clear-groups -- unshare --user --map-root-user --mount -- "$@"; }
expect 0 as_container sh -c "cd '$scratch/user' && mkdir mnt && ./templatefs mount --builder host --store '$scratch/user/store' mnt &&
  echo mine >mnt/ext4/16M/a.img && head -n 1 mnt/ext4/16M/a.img && stat -c 'owner %u' mnt/ext4/16M/a.img && ./templatefs umount mnt"
has 'passthrough no: registering a backing file needs CAP_SYS_ADMIN in the initial user namespace'
has 'no filesystem of our own: a user namespace may not mount one; images are sparse copies'
grep -qx mine "$output" || fail "the image does not hold what was written."
has 'owner 0'
is_empty "$scratch/user/store/sessions" || fail "a session is left."

# Mounts of the host in a container that has neither the device nor the program: one from before, one made later.
host_mount() { "$templatefs" mount --builder host --store "$store" --store-size 1G "$@"; }
shared=$scratch/shared
mkdir "$shared/one" "$shared/two"
on_exit 'for each in one two; do "$templatefs" umount "$shared/$each"; done >/dev/null 2>&1 || true'
host_mount "$shared/one" >/dev/null
container '' own sh -c 'set -e
  head -c 1 /mnt/one/raw/1M/a.img >/dev/null; : >/data/first
  until [ -e /mnt/two/.templatefs/status.json ]; do sleep 0.1; done
  echo evidence >/mnt/two/raw/1M/b.img
  setfattr -n user.templatefs.keep -v "from a container" /mnt/two/raw/1M/b.img
  cat /mnt/two/ext4/1G/no.such 2>&1 || cat /mnt/two/.templatefs/why/xfs/16M/a.img' >"$scratch/said" 2>&1 &
eventually 120 test -e "$scratch/data/first"
host_mount -o allow_other "$shared/two" >/dev/null
wait $! || { cp "$scratch/said" "$output"; fail "the container failed."; }
expect 0 "$templatefs" ls --images --json --store "$store"
has 'from a container'
expect 1 as_container head -c 1 "$shared/one/raw/1M/c.img"
has 'Permission denied'
expect 0 as_container sh -c "head -c 1 '$shared/two/raw/1M/c.img' >/dev/null && stat -c 'owner %u' '$shared/two/raw/1M/c.img'"
has 'owner 0'
[[ $(stat -c %u "$shared/two/raw/1M/c.img") == 1234 ]] || fail "it does not belong to the container's user."
for each in one two; do expect 0 "$templatefs" umount "$shared/$each"; done
say passed.
