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
