# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by test scripts: images of a mount of templatefs, and TEST_DEV and SCRATCH_DEV as xfstests want them.
#
#   . templatefs.sh
#   disk=$(templatefs_image btrfs 256M "$test_name")            # a path, made by its first open
#   templatefs_devices xfs 300M "$test_name"                    # sets and exports TEST_DEV and SCRATCH_DEV
#   mount "$TEST_DEV" /mnt/test
#
# The two devices are loop devices on the disks of one set, with UUIDs of their own. They, their mounts and the set go
# when the script exits, by a trap in front of the script's own; the devices also when it is killed. With
# TEMPLATEFS_KEEP=yes the disks of a script that failed are pinned instead, and named. The mount is at TEMPLATEFS_MNT
# (`templatefs run` sets it) or /mnt/templates. Loop devices need root.

templatefs_mount=${TEMPLATEFS_MNT:-/mnt/templates}
templatefs_set='' templatefs_test='' templatefs_earlier_trap=''
templatefs_holds=()

templatefs_complain() {
  printf 'templatefs.sh: %s\n' "$*" >&2
  return 1
}

# templatefs_image RECIPE CAPACITY NAME [TEST|SCRATCH|POOL0..POOL7]: the path of NAME's image, or of a disk of its set.
templatefs_image() {
  local id
  [[ -e $templatefs_mount/.templatefs/status.json ]] ||
    templatefs_complain "no templatefs is mounted at $templatefs_mount: run this below \`templatefs run --\`." || return
  id=$(templatefs path -- "$3") || return
  printf '%s\n' "$templatefs_mount/$1/$2/$id${4:+.d/$4}.img"
}

# templatefs_attach IMAGE: the device, in `templatefs_device`. It is marked to go with its last user, of which this
# shell, which holds it open, is one.
templatefs_attach() {
  local hold why
  if ! templatefs_device=$(losetup --find --show -- "$1"); then
    why=$(templatefs why "$1") || why=''
    templatefs_complain "no loop device on $1. $why"
    return
  fi
  exec {hold}<>"$templatefs_device"
  templatefs_holds+=("$hold")
  losetup --detach "$templatefs_device"
}

# templatefs_devices RECIPE CAPACITY NAME: once in a script.
templatefs_devices() {
  local test scratch
  [[ -z $templatefs_set ]] || templatefs_complain 'there are devices already: templatefs_cleanup first.' || return
  test=$(templatefs_image "$1" "$2" "$3" TEST) && scratch=$(templatefs_image "$1" "$2" "$3" SCRATCH) || return
  eval "set -- $(trap -p EXIT)"
  templatefs_earlier_trap=${3-}
  templatefs_set=${test%/*} templatefs_test=$(templatefs path -d -- "$(basename "$templatefs_set" .d)" 2>/dev/null) ||
    templatefs_test=${templatefs_set##*/}
  trap 'templatefs_at_exit' EXIT
  templatefs_attach "$test" && TEST_DEV=$templatefs_device || return
  templatefs_attach "$scratch" && SCRATCH_DEV=$templatefs_device || return
  export TEST_DEV SCRATCH_DEV
}

# templatefs_cleanup [STATUS]: unmounts, detaches, and removes the set, or pins it if STATUS tells of a failure.
templatefs_cleanup() {
  local status=${1:-0} device target hold
  [[ -n $templatefs_set ]] || return 0
  for device in ${TEST_DEV:-} ${SCRATCH_DEV:-}; do
    # The last mounted first: one may be mounted on the other, or at several places.
    while target=$(findmnt --noheadings --raw --output TARGET --source "$device" | tail -n 1) && [[ -n $target ]]; do
      umount -- "$(printf '%b' "$target")" || break
    done
  done
  for hold in "${templatefs_holds[@]}"; do exec {hold}>&-; done
  if [[ $status -ne 0 && ${TEMPLATEFS_KEEP:-no} == yes ]]; then
    templatefs pin --quiet --reason "exit status $status: $templatefs_test" "$templatefs_set"/*.img &&
      printf 'templatefs.sh: pinned %s\n' "$templatefs_set"/*.img >&2
  elif ! rmdir -- "$templatefs_set"; then
    templatefs_complain "$templatefs_set stays until the unmount." || true
  fi
  templatefs_set='' templatefs_holds=()
  unset TEST_DEV SCRATCH_DEV
}

templatefs_at_exit() {
  local status=$?
  templatefs_cleanup "$status" || true
  trap - EXIT
  # The earlier trap finds the status in $?, as if it were the only one.
  set +e
  (exit "$status")
  eval "$templatefs_earlier_trap"
  exit "$status"
}
