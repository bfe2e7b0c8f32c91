# SPDX-License-Identifier: Apache-2.0
# Sourced after lib.sh: packages of another Debian suite, from the mirror that this machine already uses, through an
# apt state of its own. The system's apt is not touched, apt verifies the signatures, and none of it needs root.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The URI of the Debian archive as this machine's apt knows it; before the first `apt-get update` apt
# tells nothing, then the source files themselves are read.
mirror_of_apt() {
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 == "Debian" && $3 == "Debian" && $4 == "main" { print $1; exit }'
}
mirror_of_files() {
  local code
  code=$(. /etc/os-release && say "${VERSION_CODENAME:-none}")
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk -v code="$code" '
    function flush() { if (types ~ /(^| )deb( |$)/ && (" " suites " ") ~ (" " code " ")) print uri; uri = suites = types = "" }
    /^[ \t]*$/ { flush() } tolower($1) == "uris:" { uri = $2 }
    tolower($1) == "suites:" { $1 = ""; suites = $0 " " } tolower($1) == "types:" { $1 = ""; types = $0 } END { flush() }'
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed 's/\[[^]]*\]//' |
    awk -v code="$code" '$1 == "deb" && $3 == code && / main/ { print $2 }'
}

# find_mirror WHAT: sets `mirror`, or ends with a sentence about WHAT.
find_mirror() {
  [[ -f $keyring ]] || die "$keyring is missing: install the package debian-archive-keyring."
  mirror=$(mirror_of_apt || true)
  [[ -n $mirror ]] || mirror=$(mirror_of_files | head -n 1 || true)
  [[ -n $mirror ]] || die "apt knows no Debian archive to fetch $1 from: add one to /etc/apt/sources.list."
}

# open_private_apt DIR TYPE SUITE: the state below DIR, with the lists of SUITE (TYPE: deb or deb-src); needs `mirror`
# and writes DIR/log.
open_private_apt() {
  private_apt_dir=$1
  mkdir -p "$1"/apt/{state/lists/partial,cache/archives/partial,etc}
  say "$2 [signed-by=$keyring] $mirror $3 main" >"$1/apt/etc/sources.list"
  private_apt update >"$1/log" 2>&1 && return
  if grep -qE 'NO_PUBKEY|EXPKEYSIG|signatures were invalid' "$1/log"; then
    die "this system's debian-archive-keyring cannot verify $3: upgrade the package" \
      "(apt-get install --only-upgrade debian-archive-keyring) and run this again."
  fi
  die "the package lists of $3 could not be fetched: check the network and apt's configuration."
}

private_apt() { private_apt_tool apt-get -q "$@"; }
private_apt_tool() {
  local tool=$1 at=$private_apt_dir/apt
  shift
  timeout 600 "$tool" -o Acquire::http::Timeout=60 -o Dir::State="$at/state" -o Dir::State::status=/dev/null -o Dir::Cache="$at/cache" \
    -o Dir::Etc::sourcelist="$at/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o APT::Get::List-Cleanup=false \
    -o APT::Update::Error-Mode=any -o Acquire::Retries=3 "$@" 9>&-
}
