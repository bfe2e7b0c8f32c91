# SPDX-License-Identifier: Apache-2.0
# Sourced by scripts/test: counts single cases out of the XML files, and finds what a run left on the machine.
# `results` is the directory of the run; results/cases gets a line per case: verdict, preset, name, reason.

add_result() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}" >>"$results/cases"; }

# GoogleTest's XML: one line per case, <failure> and <skipped> on lines of their own below it.
gtest_cases() { # PRESET BINARY XML
  awk -v preset="$1" -v binary="$2" '
    function attribute(name,   text) {
      if (!match($0, " " name "=\"[^\"]*\"")) return ""
      text = substr($0, RSTART, RLENGTH)
      sub(/^[^"]*"/, "", text); sub(/"$/, "", text)
      return text
    }
    function plain(text) {
      gsub(/&#x0?A;/, " ", text); gsub(/&#x0?9;/, " ", text); gsub(/&quot;/, "\"", text); gsub(/&apos;/, "'\''", text)
      gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&amp;/, "\\&", text)
      return text
    }
    function flush() { if (name != "") printf "%s\t%s\t%s\t%s\n", verdict, preset, name, plain(reason); name = "" }
    /^ *<testcase / {
      flush()
      name = binary ": " attribute("classname") "." attribute("name"); verdict = "pass"; reason = ""
      if (attribute("result") == "suppressed") { verdict = "skip"; reason = "disabled in the source" }
      if (attribute("result") == "skipped") verdict = "skip"
    }
    /^ *<failure / { verdict = "fail"; if (reason == "") reason = substr(attribute("message"), 1, 300) }
    /^ *<skipped / && verdict != "fail" { verdict = "skip"; reason = attribute("message"); sub(/^[^ ]*:[0-9]+&#x0?A;/, "", reason) }
    END { flush() }' "$3"
}

# CTest's JUnit file: test, verdict, reason of a skip (the line "SKIPPED: reason" of its output).
junit_tests() {
  awk '
    function flush() { if (name != "") printf "%s\t%s\t%s\n", name, verdict, reason; name = "" }
    /<testcase / {
      flush()
      name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name)
      verdict = "fail"; reason = ""
      if ($0 ~ / status="run"/) verdict = "pass"
      if ($0 ~ / status="(notrun|disabled)"/) verdict = "skip"
    }
    /SKIPPED: / { reason = $0; sub(/.*SKIPPED: /, "", reason); sub(/<\/system-out>.*/, "", reason) }
    /<skipped message=/ && reason == "" { reason = $0; sub(/.*message="/, "", reason); sub(/".*/, "", reason) }
    END { flush() }' "$1"
}

# collect_results PRESET DIR LINT-NAMES: a lint is one case; a test binary has as many as its XML tells, and one
# failed one more where it ended badly without a failed case: a crash, a timeout, a leak found at its end.
collect_results() {
  local preset=$1 dir=$2 lints=$3 name verdict reason xml
  if [[ ! -s $dir/ctest.xml ]]; then
    add_result fail "$preset" ctest "it wrote no results"
    return
  fi
  for xml in "$dir"/gtest/*.xml; do
    [[ ! -f $xml ]] || gtest_cases "$preset" "$(basename "$xml" .xml)" "$xml" >>"$results/cases"
  done
  while IFS=$'\t' read -r name verdict reason; do
    xml=$dir/gtest/$name.xml
    if grep -qxF -- "$name" <<<"$lints"; then
      add_result "$verdict" "$preset" "$name" "$reason"
    elif [[ $verdict == skip ]]; then
      add_result skip "$preset" "$name" "${reason:-not run}"
    elif [[ $verdict == fail ]] && ! grep -qs '<failure ' "$xml"; then
      add_result fail "$preset" "$name" "it crashed, took too long, or leaked: no single case failed"
    elif [[ $verdict == pass && ! -f $xml ]]; then
      add_result pass "$preset" "$name"
    fi
  done < <(junit_tests "$dir/ctest.xml")
}

list_loops() {
  local file
  for file in /sys/block/loop*/loop/backing_file; do
    [[ ! -r $file ]] || say "/dev/$(basename "${file%/loop/backing_file}") on $(cat "$file" 2>/dev/null)"
  done | sort
}

# Processes of the kinds we start: with this run's mark in the environment, or orphaned.
list_processes() {
  local dir comm parent
  for dir in /proc/[0-9]*; do
    read -r comm 2>/dev/null <"$dir/comm" || continue
    case $comm in qemu-system* | templatefs*) ;; *) continue ;; esac
    parent=$(awk '$1 == "PPid:" { print $2 }' "$dir/status" 2>/dev/null) || continue
    if [[ $parent == 1 ]] || grep -qzxF "TEMPLATEFS_TEST_RUN=$TEMPLATEFS_TEST_RUN" "$dir/environ" 2>/dev/null; then
      say "process ${dir#/proc/} ($comm)"
    fi
  done | sort
}

list_machine() {
  templatefs_mounts | sort | sed 's/^/mount /'
  list_loops
  list_processes
}

remember_machine() { list_machine | sort >"$results/machine.before"; }

# What came and did not go is a failed test; five seconds are granted to what is on its way out.
check_machine() {
  local i left name
  for i in {1..10}; do
    list_machine | sort >"$results/machine.after"
    left=$(comm -13 "$results/machine.before" "$results/machine.after")
    [[ -n $left ]] || break
    sleep 0.5
  done
  left+=$(find "$playground" -mindepth 1 -maxdepth 1 -printf '\nfile %p')
  left=$(sed '/^$/d' <<<"$left")
  if [[ -n $left ]]; then
    add_result fail all "nothing left behind" "$(wc -l <<<"$left") things: $(head -n 10 <<<"$left" | paste -sd ';')"
  elif [[ -s $results/cases ]]; then
    add_result pass all "nothing left behind"
  fi
}

print_results() {
  awk -F '\t' '
    { count[$1]++ }
    $1 == "skip" { skipped = skipped sprintf("SKIPPED %s %s: %s\n", $2, $3, $4) }
    $1 == "fail" { failed = failed sprintf("FAILED  %s %s%s\n", $2, $3, $4 == "" ? "" : ": " $4) }
    END {
      if (NR == 0) print "No test ran: does the filter match one?"
      printf "%s%s%d passed, %d failed, %d skipped\n", skipped, failed, count["pass"], count["fail"], count["skip"]
      exit !(count["fail"] == 0 && count["pass"] > 0)
    }' "$results/cases"
}
