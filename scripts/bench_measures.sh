# SPDX-License-Identifier: Apache-2.0
# Sourced by scripts/bench: the measures. Each compares with a rival in the same run, turn by turn, and adds a line
# to $work/table: measure, store, ours, rival, ratio, bar, sense (most or least), unit, who the rival is.

median() { sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
divide() { awk -v a="$1" -v b="$2" 'BEGIN { if (b + 0 == 0) exit 1; printf "%.3f\n", a / b }'; }
add_row() { (IFS=$'\t'; printf '%s\n' "$*") >>"$work/table"; }

# mount_at_store STORE: a mount of ours on it at $mnt.
mount_at_store() {
  "$program" mount --store "$1" "$mnt" || die "templatefs could not mount at $mnt: the line above says why."
  mount_is_up=true
}
unmount() {
  ! $mount_is_up || "$program" umount "$mnt" || umount -l "$mnt" || true
  mount_is_up=false
}

the_template() { # STORE
  local found
  found=$(ls -d "$1"/templates/ext4-256m-*/template.img 2>/dev/null | head -n 1) || true
  [[ -n $found ]] || die "the store $1 holds no ext4-256m template after an image was opened: templatefs why $mnt/$where/warm.img."
  say "$found"
}

warm_up() {
  head -c 1 "$mnt/$where/warm.img" >/dev/null && return
  "$program" why "$mnt/$where/warm.img" >&2 || true
  die "$mnt/$where/warm.img could not be opened: the lines above say why."
}

measure_open() { # STORE KIND
  local store=$1 kind=$2 numbers
  mkdir -p "$store/bench"
  numbers=$("$work/bench_open" "$open_count" "$mnt/$where" "$(the_template "$store")" "$store/bench") ||
    die "the open() measure failed: see the line above."
  read -r ours rival ours_tail rival_tail <<<"$numbers"
  add_row "open() of a new id, median" "$kind" "$(divide "$ours" 1000)" "$(divide "$rival" 1000)" "$(divide "$ours" "$rival")" 2.0 most us \
    "open(O_EXCL) and FICLONE"
  add_row "open() of a new id, p99" "$kind" "$(divide "$ours_tail" 1000)" "$(divide "$rival_tail" 1000)" \
    "$(divide "$ours_tail" "$rival_tail")" - most us "open(O_EXCL) and FICLONE"
}

# process_us COMMAND...: how long it takes, in microseconds.
process_us() {
  local begin=${EPOCHREALTIME/./}
  "$@" >"$work/process.log" 2>&1 || die "$1 failed: $(tail -n 1 "$work/process.log")."
  say $((${EPOCHREALTIME/./} - begin))
}

# What a new disk takes where there is no such filesystem: an overlay of qcow2, or mkfs each time. A program's start is
# part of these, as it is of every test that calls them.
measure_ready() { # STORE KIND
  local store=$1 kind=$2 round numbers ours base
  mkdir -p "$store/bench"
  base=$(the_template "$store")
  : >"$work/ours"; : >"$work/overlay"; : >"$work/mkfs"
  for ((round = 1; round <= ready_rounds; round++)); do
    numbers=$("$work/bench_open" 10 "$mnt/$where" "$base" "$store/bench") || die "the open() measure failed: see the line above."
    read -r ours _ <<<"$numbers"
    divide "$ours" 1000 >>"$work/ours"
    process_us qemu-img create -q -f qcow2 -F raw -b "$base" "$store/bench/overlay.qcow2" >>"$work/overlay"
    truncate -s 256M "$store/bench/mkfs.img"
    process_us mkfs.ext4 -q "$store/bench/mkfs.img" >>"$work/mkfs"
    rm "$store"/bench/{overlay.qcow2,mkfs.img}
  done
  ours=$(median <"$work/ours")
  add_row "a new disk for a VM" "$kind" "$ours" "$(median <"$work/overlay")" \
    "$(divide "$ours" "$(median <"$work/overlay")")" - most us "qemu-img create -b"
  add_row "a new, formatted disk" "$kind" "$ours" "$(median <"$work/mkfs")" \
    "$(divide "$ours" "$(median <"$work/mkfs")")" - most us "mkfs.ext4 each time"
}

# fio_once FILE RW BLOCK DIRECT: MB/s. A file in the page cache needs --invalidate=0: dropping it works on the
# native file and not on a passed-through one.
fio_once() {
  local line error reads writes
  line=$(fio --name=bench --filename="$1" --rw="$2" --bs="$3" --direct="$4" --invalidate=0 --ioengine=psync --size=256M \
    --runtime="$fio_seconds" --time_based --allow_file_create=0 --overwrite=1 --randrepeat=1 --norandommap \
    --output-format=terse --terse-version=3 2>"$work/fio.log" | grep '^3;') ||
    die "fio failed on $1 ($2, $3, direct=$4): $(tail -n 1 "$work/fio.log")."
  IFS=';' read -r error reads writes < <(cut -d ';' -f 5,7,48 <<<"$line")
  [[ $error == 0 ]] || die "fio failed on $1 ($2, $3, direct=$4) with error $error: $(tail -n 1 "$work/fio.log")."
  divide "$((reads + writes))" 1000
}

measure_fio() { # STORE KIND
  local store=$1 kind=$2 ours=$mnt/$where/fio.img rival direct mode rw block round a b
  # Every block written: what is measured is the way to the file, not its allocation.
  dd if=/dev/urandom of="$ours" bs=1M count=256 conv=notrunc,fsync status=none || die "$ours could not be filled."
  # The very same file and the same pages of its cache, reached through the store's own mount.
  rival=$(find "$store/sessions" -path "*/images/*/fio.img" | head -n 1)
  [[ -f $rival ]] || die "the store $store has no image fio.img below sessions/, though $ours was opened."
  for direct in 0 1; do
    mode=buffered
    [[ $direct == 0 ]] || mode=direct
    for rw in randread randwrite read write; do
      block=4k
      [[ $rw == rand* ]] || block=1M
      : >"$work/ours"; : >"$work/rival"; : >"$work/ratio"
      for ((round = 1; round <= fio_rounds; round++)); do
        sync -f "$store"
        if ((round % 2)); then
          a=$(fio_once "$ours" "$rw" $block $direct); sync -f "$store"; b=$(fio_once "$rival" "$rw" $block $direct)
        else
          b=$(fio_once "$rival" "$rw" $block $direct); sync -f "$store"; a=$(fio_once "$ours" "$rw" $block $direct)
        fi
        say "$a" >>"$work/ours"; say "$b" >>"$work/rival"; divide "$a" "$b" >>"$work/ratio"
      done
      add_row "fio $rw $block $mode" "$kind" "$(median <"$work/ours")" "$(median <"$work/rival")" "$(median <"$work/ratio")" 0.90 least MB/s \
        "the same file in the store"
    done
  done
  rm -f "$ours"
}

guestfish_once() {
  rm -f "$work/guestfish.img"
  guestfish -- sparse "$work/guestfish.img" 256M : run : mkfs ext4 /dev/sda : mount /dev/sda / : umount / >"$work/guestfish.log" 2>&1 ||
    die "guestfish failed: $(tail -n 1 "$work/guestfish.log") (libguestfs-test-tool tells more)."
}

# A mount holds a template for a while after use, so each round has a mount of its own.
measure_cold() { # STORE KIND
  local store=$1 kind=$2 round begin ours rival
  : >"$work/ours"; : >"$work/rival"; : >"$work/ratio"
  guestfish_once
  unmount
  for ((round = 1; round <= cold_rounds; round++)); do
    "$program" clean --store "$store" >/dev/null || die "templatefs clean failed on $store: see the line above."
    [[ -z $(ls "$store/templates" 2>/dev/null) ]] || die "templatefs clean left templates in $store: they are in use by somebody."
    mount_at_store "$store"
    begin=$(now_ms)
    warm_up
    ours=$(($(now_ms) - begin))
    begin=$(now_ms)
    guestfish_once
    rival=$(($(now_ms) - begin))
    unmount
    say "$ours" >>"$work/ours"; say "$rival" >>"$work/rival"; divide "$ours" "$rival" >>"$work/ratio"
  done
  add_row "the first open() of ext4/256M, on TCG" "$kind" "$(divide "$(median <"$work/ours")" 1000)" \
    "$(divide "$(median <"$work/rival")" 1000)" "$(median <"$work/ratio")" 0.5 most s "guestfish: mkfs"
}
