// SPDX-License-Identifier: Apache-2.0
#include "cache/session.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/noatime_view.h"
#include "base/random_name.h"
#include "cache/late_names.h"
#include "cache/layout.h"
#include "cache/pins.h"
#include "cache/subvolume.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

using namespace std::chrono_literals;

/// A session is visible before its lock is held, for an instant. Creators hold the sessions directory shared
/// during it, sweepers hold it exclusively while they look: a session without a held lock is then never a
/// newborn.
Fd lock_sessions_directory(int store_dir, int operation) {
  Fd fd = open_at(store_dir, layout::kSessions, O_RDONLY | O_DIRECTORY);
  while (::flock(fd.get(), operation) != 0)
    if (errno != EINTR) throw_errno("lock", layout::kSessions);
  return fd;
}

struct Debris {
  std::string name;
  std::optional<FileLock> lock;  // none where the process died before it made its lock file
};

std::vector<Debris> collect_debris(int store_dir) {
  Fd const held = lock_sessions_directory(store_dir, LOCK_EX);
  std::vector<Debris> debris;
  for_each_entry(store_dir, layout::kSessions, [&](std::string const& name) {
    std::string const lock_path = layout::session_dir(name) + "/" + layout::kSessionLock;
    struct stat st {};
    if (::fstatat(store_dir, lock_path.c_str(), &st, 0) != 0) {
      debris.push_back({name, std::nullopt});
      return;
    }
    try {
      if (auto lock = FileLock::try_lock(store_dir, lock_path, FileLock::Mode::exclusive))
        debris.push_back({name, std::move(lock)});
    } catch (Error const& error) {
      // Removed by its owner in this instant, or not ours to open: leave it.
      if (error.err() != ENOENT) spdlog::warn("sweep skips session {}: {}", name, error.sentence());
    }
  });
  return debris;
}

/// What its process wrote into it; empty fields where it did not get that far.
SessionEntry describe_session(int store_dir, std::string const& name) {
  SessionEntry entry{name, {}, {}, {}, false};
  try {
    auto const info = nlohmann::json::parse(
        read_file(store_dir, layout::session_dir(name) + "/" + layout::kSessionInfo, 65536));
    entry.kind = info.value("kind", "");
    entry.what = info.value("what", "");
    entry.started = info.value("started", "");
  } catch (std::exception const&) {
    // It is only for people.
  }
  return entry;
}

/// The last of the dead that did the same: it, or nothing.
std::optional<Debris> find_predecessor(int store_dir, std::string_view kind, std::string_view what) {
  std::optional<Debris> found;
  std::string started;
  for (auto& each : collect_debris(store_dir)) {
    auto const entry = describe_session(store_dir, each.name);
    if (entry.kind != kind || entry.what != what || (found && entry.started < started)) continue;
    started = entry.started;
    found.emplace(std::move(each));
  }
  return found;
}

/// Images that are there already instead of a new directory for them. False where there are none.
bool take_over_images(int store_dir, Session const& session, std::string const& predecessor) {
  if (open_at_if_exists(store_dir, layout::session_has_pins(predecessor), O_RDONLY)) session.note_pins();
  if (::renameat(store_dir, layout::session_images(predecessor).c_str(), store_dir,
                 layout::session_images(session.name()).c_str()) == 0) {
    Fd const images = open_at(store_dir, layout::session_images(session.name()), O_RDONLY | O_DIRECTORY);
    give_late_names(images.get());
    remove_tree(images.get(), layout::kSpares);
    remove_tree(images.get(), layout::kLateNames);
    return true;
  }
  if (errno != ENOENT) throw_errno("take over the images of", predecessor);
  return false;
}

}  // namespace

Session Session::create(int store_dir, std::string_view kind, std::string_view what, bool recover) {
  auto const predecessor = recover ? find_predecessor(store_dir, kind, what) : std::nullopt;
  std::string const name = std::string(kind) + "-" + random_hex(8);
  std::string const dir = layout::session_dir(name);
  Fd const held = lock_sessions_directory(store_dir, LOCK_SH);
  check(::mkdirat(store_dir, dir.c_str(), 0700), "make directory", dir);
  auto lock = FileLock::try_lock(store_dir, dir + "/" + layout::kSessionLock, FileLock::Mode::exclusive);
  if (!lock) throw Error(EBUSY, "lock the new session " + name);

  Session session(Fd(check(::fcntl(store_dir, F_DUPFD_CLOEXEC, 3), "duplicate", "the store")), name,
                  std::move(*lock));
  Fd const own = open_at(store_dir, dir, O_RDONLY | O_DIRECTORY);
  check(::mkdirat(own.get(), layout::kStaging, 0700), "make directory", layout::kStaging);
  if (!predecessor || !take_over_images(store_dir, session, predecessor->name))
    make_subvolume_or_directory(own.get(), layout::kImages);
  session.staging_ = open_at(own.get(), layout::kStaging, O_RDONLY | O_DIRECTORY);
  Fd images = open_at(own.get(), layout::kImages, O_RDONLY | O_DIRECTORY);
  session.images_ = open_noatime_view(images.get());
  if (!session.images_) session.images_ = std::move(images);
  // For people and `templatefs ls`; never a proof of life.
  nlohmann::ordered_json const info = {
      {"kind", kind}, {"what", what}, {"pid", ::getpid()}, {"started", rfc3339(epoch_ms_now())}};
  replace_file(own.get(), layout::kSessionInfo, info.dump() + "\n", 0600, false);
  return session;
}

std::string Session::staging_path(std::string const& store_path) const {
  return store_path + "/" + layout::session_dir(name_) + "/" + layout::kStaging;
}

void Session::note_pins() const {
  (void)open_at(store_.get(), layout::session_has_pins(name_), O_WRONLY | O_CREAT, 0600);
}

void Session::drop() {
  if (std::exchange(dropped_, true) || !store_) return;
  staging_.reset();
  images_.reset();
  remove_session(store_.get(), name_);
}

Session::~Session() {
  if (!store_ || dropped_) return;
  try {
    drop();
  } catch (std::exception const& error) {
    spdlog::warn("session {} is left to the next sweep: {}", name_, error.what());
  }
}

void remove_session(int store_dir, std::string const& name) {
  std::string const path = layout::session_dir(name);
  Fd const dir = open_at_if_exists(store_dir, path, O_RDONLY | O_DIRECTORY);
  if (!dir) return;
  keep_pinned(store_dir, name);
  remove_subvolume_or_directory(dir.get(), layout::kImages);
  remove_tree(dir.get(), layout::kStaging);
  remove_tree(dir.get(), layout::kSessionInfo);
  remove_tree(store_dir, path);
}

std::vector<SessionEntry> list_sessions(int store_dir) {
  std::set<std::string> dead;
  for (auto const& debris : collect_debris(store_dir)) dead.insert(debris.name);
  std::vector<SessionEntry> sessions;
  for_each_entry(store_dir, layout::kSessions, [&](std::string const& name) {
    sessions.push_back(describe_session(store_dir, name));
    sessions.back().alive = !dead.contains(name);
  });
  std::sort(sessions.begin(), sessions.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
  return sessions;
}

unsigned sweep(int store_dir) {
  unsigned removed = 0;
  for (auto const& [name, lock] : collect_debris(store_dir)) {
    try {
      remove_session(store_dir, name);
      ++removed;
    } catch (Error const& error) {
      spdlog::warn("sweep could not remove session {}: {}", name, error.sentence());
    }
  }
  return removed;
}

}  // namespace templatefs::cache
