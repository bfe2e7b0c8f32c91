# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it: words on the terminal, step times, packages, clean-up.
# Sets `repo`, the root of the source tree.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
self=$(basename "$0")

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$self" "$*" >&2; }
die() { warn "$*"; exit 1; }

# The comment block at the head of the calling script is its help.
usage() {
  awk 'NR == 1 || /SPDX-License-Identifier/ { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"
}

help_asked() {
  local arg
  for arg in "$@"; do
    case $arg in -h | --help) return 0 ;; esac
  done
  return 1
}

# Clean-up runs last in, first out, on every exit; a command that fails does not stop the rest.
cleanups=()
on_exit() { cleanups+=("$1"); }
run_cleanups() {
  local status=$? i
  set +e
  trap '' INT TERM HUP
  for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do eval "${cleanups[i]}"; done
  exit "$status"
}
trap run_cleanups EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Milliseconds of the clock that never jumps back.
now_ms() {
  local up
  read -r up _ </proc/uptime
  say "$((10#${up%.*} * 1000 + 10#${up#*.} * 10))"
}

seconds() { printf '%d.%01d s' "$(($1 / 1000))" "$(($1 % 1000 / 100))"; }

# step NAME COMMAND...: runs it, keeps the time and what it says happened (it sets `outcome`).
step_names=() step_times=() step_outcomes=()
step() {
  local name=$1 begin
  shift
  outcome=done
  begin=$(now_ms)
  say "==> $name"
  "$@"
  step_names+=("$name")
  step_times+=("$(($(now_ms) - begin))")
  step_outcomes+=("$outcome")
}

print_steps() {
  local i total=0
  for i in "${!step_names[@]}"; do
    printf '  %-12s %9s  %s\n' "${step_names[i]}" "$(seconds "${step_times[i]}")" "${step_outcomes[i]}"
    total=$((total + step_times[i]))
  done
  printf '  %-12s %9s\n' total "$(seconds "$total")"
}

# missing_packages NAME...: those that are not installed, one a line.
missing_packages() {
  local name
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || say "$name"
  done
}
have_packages() { [[ -z $(missing_packages "$@") ]]; }

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least HAVE WANT
version_at_least() { dpkg --compare-versions "$1" ge "$2"; }

need_debian() {
  have apt-get && have dpkg-query && return
  die "this is not Debian or a relative of it (no apt-get): install the packages that" \
    "\`scripts/install-deps --print\` lists, under your distribution's names, and build with cmake."
}

need_root() {
  [[ $(id -u) == 0 ]] || die "$1 needs root: run it as root, for example with sudo."
}

# Where a file system of type fuse.templatefs is mounted, one path a line, octal escapes undone.
templatefs_mounts() {
  local line
  awk '{ for (i = 7; i <= NF; i++) if ($i == "-") { if ($(i + 1) == "fuse.templatefs") print $5; break } }' \
    /proc/self/mountinfo | while read -r line; do printf '%b\n' "${line//\\/\\0}"; done
}

# The files of the source tree, one a line: what git tracks or would track, else whatever is not built.
source_files() {
  local root=$1 list
  list=$(git -C "$root" ls-files --cached --others --exclude-standard 2>/dev/null) ||
    list=$(cd "$root" && find . \( -name .git -o -name .deps -o -path ./build \) -prune -o -type f -printf '%P\n')
  while IFS= read -r file; do
    [[ ! -f $root/$file ]] || say "$file"
  done <<<"$list"
}

# jobs N at a time: how many compilers and linters this machine takes.
job_count() { nproc; }

# find_llvm_14 TOOL: the name of TOOL in version 14, the one the lints are written for.
find_llvm_14() {
  local name
  for name in "$1-14" "$1"; do
    if have "$name" && "$name" --version 2>/dev/null | grep -E 'version 14\.' >/dev/null; then
      say "$name"
      return
    fi
  done
  return 1
}

# 77 is what CTest takes for "skipped" (SKIP_RETURN_CODE).
skip_lint() {
  say "SKIPPED: $*"
  exit 77
}
