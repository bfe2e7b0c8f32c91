// SPDX-License-Identifier: Apache-2.0
#include "tests/churn/churned_store.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/layout.h"
#include "tests/mount/observe.h"
#include "tests/mount/verify_store.h"
#include "tests/support/leak_check.h"
#include "tests/support/wait_until.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

namespace layout = cache::layout;

/// The third group of such a filesystem holds nothing that mkfs wrote.
constexpr char kFilling[] = R"("$real" "$@" && for disk; do :; done &&
  dd if=/dev/urandom of="$disk" bs=1M count=4 seek=17 conv=notrunc status=none)";

/// Room for five templates of eight, and for a build of which nothing is known yet.
constexpr char kConfig[] = R"([recipe.plain]
filesystem = "ext4"
mkfs_args = ["-O", "^has_journal"]
[store]
max_size = "24M"
)";

/// A template in use holds a lock and its image; requests come and go.
constexpr std::size_t kDescriptorsInUse = 32;

std::vector<std::string> entries(std::string const& directory) {
  std::vector<std::string> names;
  for_each_entry(AT_FDCWD, directory, [&](std::string const& name) { names.push_back(name); });
  return names;
}

/// Those over a file of this process's.
std::size_t loop_devices() {
  std::size_t count = 0;
  std::string const ours = "/templatefs-test-" + std::to_string(::getpid()) + "-";
  for_each_entry(AT_FDCWD, "/sys/block", [&](std::string const& name) {
    try {
      count +=
          read_file(AT_FDCWD, "/sys/block/" + name + "/loop/backing_file").find(ours) != std::string::npos;
    } catch (Error const&) {
      // It is over nothing.
    }
  });
  return count;
}

}  // namespace

ChurnedStore::ChurnedStore(std::string const& filesystem)
    : filesystem_(filesystem), loops_(loop_devices()), formatter_("mkfs.ext4", kFilling) {
  replace_file(AT_FDCWD, config(), kConfig, 0600, false);
  for (unsigned each = 0; each < kMounts; ++each) start(each, false);
}

void ChurnedStore::start(unsigned which, bool recover) {
  auto& mount = mounts_.at(which);
  mount.daemon.reset();
  std::vector<std::string> options{"--builder", "host", "--config", config()};
  if (recover) options.emplace_back("--recover");
  mount.daemon = std::make_unique<Daemon>(path(), options, mount.dir / "mnt");
  mount.descriptors = descriptors_of(mount.daemon->pid());
}

void ChurnedStore::kill(unsigned which) {
  mount(which).kill(true);
}

bool ChurnedStore::end(unsigned which) {
  mount(which).signal(SIGTERM);
  auto const status = mount(which).wait_for_end();
  return status && status->success();
}

std::multiset<std::string> ChurnedStore::mounts_of_all() const {
  std::multiset<std::string> all{filesystem_.path()};
  for (auto const& mount : mounts_) all.insert(mount.dir / "mnt");
  return all;
}

std::vector<std::string> ChurnedStore::debris() const {
  auto found = temporaries(path());
  for (auto const* const empty : {layout::kQuarantine, layout::kPinned})
    if (auto const names = entries(path() + "/" + empty); !names.empty())
      found.push_back(format("{}/{}", empty, names.front()));
  auto const sessions = entries(path() + "/" + layout::kSessions);
  if (sessions.size() != kMounts) found.push_back(format("{} sessions", sessions.size()));
  for (auto const& session : sessions)
    for (auto const& name : entries(path() + "/" + layout::session_staging(session)))
      found.push_back(layout::session_staging(session) + "/" + name);
  return found;
}

std::vector<std::string> ChurnedStore::leaks() const {
  std::vector<std::string> found;
  auto const look = [&] {
    found = debris();
    std::vector<pid_t> daemons;
    for (auto const& mount : mounts_) {
      daemons.push_back(mount.daemon->pid());
      if (auto const now = descriptors_of(daemons.back()); now > mount.descriptors + kDescriptorsInUse)
        found.push_back(format("{} descriptors, {} at its start", now, mount.descriptors));
    }
    for (auto const& process : processes_mentioning(path(), daemons)) found.push_back(process);
    auto const held = Holdings::now();
    if (held.mounts != mounts_of_all()) found.push_back(format("{} mounts", held.mounts.size()));
    if (auto const now = loop_devices(); now != loops_) found.push_back(format("{} loop devices", now));
    return found.empty();
  };
  // Daemons finish what an end, or a release, begins.
  wait_until(look, std::chrono::seconds(10));
  return found;
}

}  // namespace templatefs::test
