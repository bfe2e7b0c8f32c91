#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tests/examples/ci_test.sh PROGRAM
#
# examples/ci: the form of the two files and the shell lines in them; store-cache, from one store to another.
set -euo pipefail
. "$(dirname "$0")/example.sh"

python=/usr/bin/python3
needs zstd tar
"$python" -c 'import yaml' 2>/dev/null || skip_test "python3-yaml is not installed (scripts/install-deps --test)"
[[ $(id -u) == 0 ]] || skip_test "needs root: loop devices"

# Shell lines go to files of their own: GitHub's blocks one each, GitLab's lists as one each.
"$python" - "$repo/examples/ci" "$scratch" <<'END' || fail "the files are not what CI services take."
import pathlib, re, sys, yaml
ci, to = map(pathlib.Path, sys.argv[1:])
job = yaml.safe_load((ci / "github-actions.yml").read_text())["jobs"]["tests"]
scripts = []
for step in job["steps"]:
    assert ("uses" in step) != ("run" in step), step
    assert step.keys() <= {"name", "id", "uses", "run", "with", "if", "env"}, step
    scripts += [step["run"]] if "run" in step else []
ids = {step["id"] for step in job["steps"] if "id" in step}
assert ids == {"source", "package", "templates", "store"}, ids
# Without git a checkout is an archive; a command's failure is lost in the words of another.
order = [step.get("uses", step.get("run", "")) for step in job["steps"]]
checkout = next(at for at, what in enumerate(order) if what.startswith("actions/checkout"))
assert any(re.search("apt-get .*install .*git", what) for what in order[:checkout]), order
assert not any(re.search(r"echo .*\$\(", what) for what in order), order
job = yaml.safe_load((ci / "gitlab-ci.yml").read_text())["tests"]
assert job.keys() <= {"image", "tags", "variables", "cache", "before_script", "script", "after_script", "artifacts"}, job
for part in "before_script", "script", "after_script":
    assert all(isinstance(line, str) for line in job[part]), job[part]
    scripts.append("\n".join(job[part]) + "\n")
for number, script in enumerate(scripts):
    (to / f"{number}.sh").write_text(script)
END
for script in "$scratch"/*.sh; do bash -n "$script" || fail "bash cannot parse: $(cat "$script")"; done
mapfile -t commands < <(cat "$scratch"/*.sh | grep -oE '(^|[^/a-z_-])templatefs [a-z]+' | awk '{ print $NF }' | sort -u)
[[ ${#commands[@]} -ge 3 ]] || fail "only these commands of templatefs are in the files: ${commands[*]}"
for command in "${commands[@]}"; do
  "$templatefs" "$command" --help >/dev/null 2>&1 || fail "there is no command $command."
done

# Without QEMU, and in a small store.
cache=$repo/examples/ci/store-cache
mkdir "$scratch/bin"
printf '#!/bin/sh\ncommand=$1\nshift\ncase $command in\n  run) set -- --store-size 1G "$@" ;;\nesac\nexec %q "$command" --builder host "$@"\n' \
  "$templatefs" >"$scratch/bin/templatefs"
chmod +x "$scratch/bin/templatefs"
PATH=$scratch/bin:$PATH
in_one() { TEMPLATEFS_STORE=$scratch/one/store "$@"; }
in_other() { TEMPLATEFS_STORE=$scratch/other/store "$@"; }
mkdir "$scratch/one" "$scratch/other"
templates=(ext4/16M raw/1M)

# The same key before and after the build, in every store and order; another one for others.
expect 0 in_one "$cache" key "${templates[@]}"
key=$(cat "$output")
[[ $key =~ ^[0-9a-f]{16}$ ]] || fail "this is no key: $key"
expect 0 in_one "$cache" restore "$scratch/not-there"
expect 0 in_one templatefs build --json "${templates[@]}"
has '"built":true'
[[ $(in_one "$cache" key raw/1M ext4/16M) == "$key" ]] || fail "the key has changed."
other=$(in_one "$cache" key raw/1M)
[[ $other =~ ^[0-9a-f]{16}$ && $other != "$key" ]] || fail "the key of another template is \"$other\"."
expect 0 in_one "$cache" save "$scratch/templates.tar.zst"
[[ $(stat -c %s "$scratch/templates.tar.zst") -lt 200000 ]] || fail "the file is large: $(stat -c %s "$scratch/templates.tar.zst")"
expect 1 in_one "$cache" key raw/1M no-such-recipe/1M
has 'no-such-recipe/1M has no key'
! grep -qxE '[0-9a-f]{16}' "$output" || fail "there is a key all the same."
mkdir "$scratch/broken"
printf '#!/bin/sh\nexit 1\n' >"$scratch/broken/zstd"
chmod +x "$scratch/broken/zstd"
mkdir "$scratch/saved"
expect 2 in_one env PATH="$scratch/broken:$PATH" "$cache" save "$scratch/saved/templates.tar.zst"
[[ -z $(ls -A "$scratch/saved") ]] || fail "this is left of a failed save: $(ls -A "$scratch/saved")"

# In another store they need not be built, and are whole.
expect 0 in_other "$cache" restore "$scratch/templates.tar.zst"
expect 0 in_other templatefs build --json "${templates[@]}"
lacks '"built":true'
expect 0 in_other "$templatefs" verify

# What is pinned in a run comes out of it.
expect 0 in_other "$cache" pinned "$scratch/pinned.tar.zst"
[[ ! -e $scratch/pinned.tar.zst ]] || fail "there was nothing to take out."
expect 1 in_other templatefs run -- sh -c 'echo evidence >"$TEMPLATEFS_MNT/raw/1M/t1.img"
  setfattr -n user.templatefs.keep -v failed "$TEMPLATEFS_MNT/raw/1M/t1.img"; exit 1'
expect 0 in_other "$cache" pinned "$scratch/pinned.tar.zst"
expect 0 tar -C "$scratch" -xf "$scratch/pinned.tar.zst"
[[ $(head -n 1 "$scratch/pinned/raw/1M/t1.img") == evidence ]] || fail "the pinned image is not the test's."
say passed.
