# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests beside it, which CTest calls with the program: a directory and a store that go with the test,
# and a few ways to say what is expected.
#
# A test that sets `namespaces` before, to words of unshare(1), runs in mount and pid namespaces of its own, which end
# with it: no mount or process of it is ever left.
if [[ -v namespaces && -z ${in_namespaces-} && $(id -u) == 0 ]]; then
  in_namespaces=yes exec unshare --mount --pid --fork --kill-child --mount-proc $namespaces -- "$0" "$@"
fi
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

[[ $# -eq 1 && -x $1 ]] || die "name the program templatefs."
templatefs=$1
PATH=$(dirname "$templatefs"):$PATH
# What other programs say is looked at as well.
export LC_ALL=C.UTF-8
unset TEMPLATEFS_MNT TEMPLATEFS_STORE TEMPLATEFS_CONFIG

skip_test() { skip_lint "$@"; }
needs() {
  local name
  for name in "$@"; do have "$name" || skip_test "$name is not installed (scripts/install-deps --test)"; done
}

scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/templatefs-example.XXXXXX")
on_exit 'rm -rf --one-file-system "$scratch"'
store=$scratch/store

# run_in_mount COMMAND...: below a mount of its own.
run_in_mount() { "$templatefs" run --builder host --store "$store" --store-size 1G -- "$@"; }

# output FILE: what is looked at by `has` and `lacks`.
output=$scratch/output
fail() {
  warn "$*"
  [[ ! -s $output ]] || sed 's/^/  | /' "$output" >&2
  exit 1
}
has() { grep -qF -- "$1" "$output" || fail "this is missing in the output: $1"; }
lacks() { ! grep -qF -- "$1" "$output" || fail "this is in the output: $1"; }

# expect STATUS COMMAND...: its output is in $output afterwards.
expect() {
  local want=$1 status=0
  shift
  "$@" >"$output" 2>&1 </dev/null || status=$?
  [[ $status -eq $want ]] || fail "exit status $status instead of $want: $*"
}

# eventually SECONDS COMMAND...: tries until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >"$output" 2>&1 </dev/null; do
    [[ $SECONDS -lt $deadline ]] || fail "this did not succeed in time: $*"
    sleep 0.1
  done
}
