# SPDX-License-Identifier: Apache-2.0
# Usage: unshare -m sh sick_machine.sh PROGRAM DIR PREPARE
#
# Runs `PROGRAM doctor --json` in place of itself, after the shell commands PREPARE have made something wrong with the
# machine, as this mount namespace of root's sees it. DIR becomes a tmpfs, which goes with the namespace; no store in it
# can reflink. PREPARE sets $store, $options and $as, and calls what is below.
set -eu
program=$1 dir=$2 as='' options='--builder host'
mount -t tmpfs -o size=2G,mode=755 none "$dir"
store=$dir/store

file_of() { readlink -f "$(command -v "$1")"; }
# As if it were not installed.
hide() { for each; do mount --bind /dev/null "$(file_of "$each")"; done; }
# The program $1 is the shell script $2.
replace() {
  printf '#!/bin/sh\n%s\n' "$2" >"$dir/$1"
  chmod 755 "$dir/$1"
  mount --bind "$dir/$1" "$(file_of "$1")"
}
as_user() {
  mkdir "$dir/user"
  cp "$program" "$dir/user/templatefs"
  chown -R 65534:65534 "$dir/user"
  program=$dir/user/templatefs store=$dir/user/store HOME=$dir/user
  as='setpriv --reuid 65534 --regid 65534 --clear-groups --'
}
# The store on a filesystem of that type.
on() { mkdir "$dir/fs"; mount -t "$1" -o "$2" none "$dir/fs"; store=$dir/fs/store; }
make_store() { mkdir "$store"; echo 'templatefs store 1' >"$store/FORMAT"; }
build() { "$program" build --builder host --fanout copy --store "$store" "$1" >&2; }
# All of its filesystem, to the last page.
fill() { head -c 1G /dev/zero >"${store%/*}/other" 2>/dev/null || [ "$(stat -f -c %a "${store%/*}")" = 0 ]; }
# A /dev without a loop device, in which nobody makes their nodes.
bare_dev() {
  mount -t tmpfs none /dev
  for node in null:1:3 urandom:1:9 zero:1:5 fuse:10:229 loop-control:10:237; do
    # shellcheck disable=SC2046
    mknod "/dev/${node%%:*}" c $(echo "${node#*:}" | tr : ' ')
  done
}
# What doctor says.
# shellcheck disable=SC2086
examine() { $as "$program" doctor --json --store "$store" $options 2>/dev/null || [ $? = 7 ]; }
# Does as root what it advises against the finding $1; that has the words $2.
mend() {
  command=$(examine | sed -n '\|"finding": "'"$1"'"|,/"remedy"/s/.*or as root: \(.*\)"$/\1/p')
  case $command in *"$2"*) ;; *) exit 1 ;; esac
  templatefs() { "$program" "$@" >&2; }
  eval "$command"
}
configure() { printf '%b\n' "$1" >"$dir/config.toml"; options="$options --config $dir/config.toml"; }
# A guest's kernel with only those modules.
kernel_with() {
  image=$(ls /boot/vmlinuz-* | tail -n 1)
  version=${image#/boot/vmlinuz-}
  modules=$dir/lib/modules/$version
  mkdir -p "$dir/boot" "$modules"
  cp "$image" "$dir/boot/"
  (cd "/lib/modules/$version" && cp modules.builtin* modules.order "$modules/" &&
    find . -name "$1.ko*" -exec cp --parents {} "$modules" \;)
  depmod -b "$dir" "$version"
  options="--accel tcg --kernel $dir/boot/vmlinuz-$version"
}

eval "$3"
# What it logs is no JSON.
# shellcheck disable=SC2086
exec $as "$program" doctor --json --store "$store" $options 2>/dev/null
