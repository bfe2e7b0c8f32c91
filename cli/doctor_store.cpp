// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mount_table.h"
#include "cache/gc.h"
#include "cache/layout.h"
#include "cache/loop_store.h"
#include "cache/quarantine.h"
#include "cache/session.h"
#include "cache/stock.h"
#include "cli/doctor_checks.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

constexpr std::int64_t kFull = std::int64_t{16} << 20;
constexpr std::int64_t kNearlyFull = std::int64_t{1} << 30;

Finding check_space(std::string const& path) {
  struct statvfs fs {};
  check(::statvfs(path.c_str(), &fs), "statfs", path);
  auto const free = static_cast<std::int64_t>(fs.f_bavail) * static_cast<std::int64_t>(fs.f_frsize);
  auto const found = human_size(free) + " free in " + path;
  constexpr char kRemedy[] = "Run `templatefs clean`, or give another --store.";
  // As many files as there may be, where a filesystem counts them.
  if (fs.f_files > 0 && fs.f_favail == 0)
    return in_trouble("space/full", "space", "no more files can be made in " + path, kRemedy);
  if (free < kFull) return in_trouble("space/full", "space", found, kRemedy);
  if (free < kNearlyFull) return in_trouble("space/low", "space", found, kRemedy);
  return all_well("space", found);
}

Finding check_attributes(std::string const& path) {
  Fd const file = make_unnamed_file(path);
  if (::fsetxattr(file.get(), "user.templatefs.doctor", "1", 1, 0) == 0)
    return all_well("pins", "images can be pinned");
  if (errno != EOPNOTSUPP) throw_errno("try an attribute in", path);
  return in_trouble("pins/no-attributes", "pins",
                    path + " is on a filesystem without extended attributes of users",
                    "To pin images, give a --store on btrfs, xfs or ext4.");
}

Finding check_quarantine(cache::Store const& store) {
  auto const held = cache::list_quarantine(store.dir());
  if (held.empty()) return all_well("quarantine", "no template is in quarantine");
  std::int64_t bytes = 0;
  for (auto const& each : held) bytes += each.allocated_bytes;
  return in_trouble("quarantine/damaged", "quarantine",
                    format("{} damaged template{} ({}) in {}/{}", held.size(), held.size() == 1 ? "" : "s",
                           human_size(bytes), store.path(), cache::layout::kQuarantine),
                    "See the disk that the store is on; `templatefs clean --quarantine` removes them.");
}

Finding check_debris(cache::Store const& store) {
  auto const sessions = cache::list_sessions(store.dir());
  auto const dead =
      std::count_if(sessions.begin(), sessions.end(), [](auto const& each) { return !each.alive; });
  if (dead == 0) return all_well("debris", "no dead process left anything");
  return in_trouble(
      "debris/dead-sessions", "debris",
      format("{} dead session{} in {}/{}", dead, dead == 1 ? "" : "s", store.path(),
             cache::layout::kSessions),
      "`templatefs clean --debris` removes them, and so does the next mount; with --recover that "
      "takes their images over.");
}

Finding check_budget(cache::Store const& store) {
  auto const budget = store.budget();
  if (!budget.max_size && !budget.min_free)
    return all_well("budget", "none, the store may fill its filesystem");
  cache::Stock const stock(store, cache::Rehearsal::yes);
  auto const now =
      format("templates take {} of {}, {} are free of {} to be kept so", human_size(stock.size()),
             budget.max_size ? human_size(*budget.max_size) : "any size", human_size(stock.free()),
             budget.min_free ? human_size(*budget.min_free) : "none");
  bool const held = (!budget.max_size || stock.size() <= *budget.max_size) &&
                    (!budget.min_free || stock.free() >= *budget.min_free);
  if (held) return all_well("budget", now);
  auto session = cache::Session::create(store.dir(), "doctor", "");
  auto const after = cache::collect_garbage(store, session, budget, 0, cache::Rehearsal::yes);
  session.drop();
  if (after.held)
    return in_trouble("budget/over", "budget", now, "`templatefs gc` removes what was not used for longest.");
  return in_trouble(
      "budget/out-of-reach", "budget", now + ", and no template may be removed for it",
      "Builds are refused: raise max_size or lower min_free in [store] of the configuration, or "
      "make room.");
}

void check_mode(DoctorFindings& findings, std::string const& path, struct stat const& st) {
  if ((st.st_mode & 022) != 0)
    findings.push_back(
        in_trouble("store/writable-by-others", "store",
                   format("{} has mode {:04o}: others may write to it", path, st.st_mode & 07777),
                   "chmod go-w " + path));
}

/// This user's, as a command line takes it.
std::string user_name() {
  passwd const* const user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_name : std::to_string(::geteuid());
}

/// What root runs to make the store this user's, mounted where it has a filesystem: `provision --owner` gives
/// away what is root's, where nobody else could put another directory in its place meanwhile.
std::string way_to_give(std::string const& path, bool is_mounted) {
  auto const roots = [](std::string const& file, bool alone) {
    struct stat st {};
    return ::stat(file.c_str(), &st) != 0 ||
           (st.st_uid == 0 && (!alone || (st.st_mode & (S_IWGRP | S_IWOTH)) == 0));
  };
  auto const provision = "templatefs provision --store " + path;
  bool const by_us = roots(std::filesystem::path(path).parent_path().string(), true) && roots(path, false) &&
                     ::getpwuid(::geteuid()) != nullptr;
  if (by_us) return provision + " --owner " + user_name();
  return (is_mounted ? "" : provision + " && ") + "chown -hR " + user_name() + " " + path;
}

void examine_place(DoctorFindings& findings, std::string const& path) {
  if (cache::LoopStore::exists(path) && ::geteuid() != 0)
    findings.push_back(in_trouble("store/not-mounted", "store",
                                  cache::layout::loop_file(path) + " is there and not mounted on " + path,
                                  "Give another --store, or as root: " + way_to_give(path, false)));
  else
    findings.push_back(all_well("store", path + " (not made yet; the first mount or build makes it)"));
}

}  // namespace

std::optional<cache::Store> examine_store(DoctorFindings& findings, StoreOptions const& options) {
  std::optional<cache::Store> store;
  std::string path;
  struct stat st {};
  cache::Store::Options resolved;
  try {
    resolved = options.resolve();
    path = resolved.path;
    bool const is_there = ::stat(path.c_str(), &st) == 0;
    if (is_there && ::geteuid() != 0 && st.st_uid != ::geteuid()) {
      if (cache::LoopStore::exists(path) && !mount_at(path)) {
        examine_place(findings, path);
        return store;
      }
      findings.push_back(
          in_trouble("store/other-owner", "store",
                     format("{} belongs to user {}, this is user {}", path, st.st_uid, ::geteuid()),
                     "Give another --store, or as root: " + way_to_give(path, true)));
      return store;
    }
    if (auto opened = cache::Store::open_existing(resolved)) store.emplace(std::move(*opened));
    if (!store)
      examine_place(findings, path);
    else
      findings.push_back(all_well("store", path));
    if (::stat(path.c_str(), &st) == 0) check_mode(findings, path, st);
  } catch (...) {
    findings.push_back(in_trouble("store/unusable", "store", std::current_exception()));
    return store;
  }
  try {
    examine_fan_out(findings, resolved, store ? &*store : nullptr);
  } catch (...) {
    auto const failure = std::current_exception();
    int const err = to_error(failure).err();
    findings.push_back(err == ENOSPC || err == EDQUOT
                           ? in_trouble("space/full", "space", failure, "Make room, or give another --store.")
                           : in_trouble("store/no-place", "store", failure,
                                        "Give a --store below a directory that this user may write to."));
  }
  if (!store) return store;
  findings.push_back(attempt("space/full", "space", [&] { return check_space(path); }));
  findings.push_back(attempt("pins/unknown", "pins", [&] { return check_attributes(path); }));
  findings.push_back(attempt("quarantine/damaged", "quarantine", [&] { return check_quarantine(*store); }));
  findings.push_back(attempt("debris/dead-sessions", "debris", [&] { return check_debris(*store); }));
  findings.push_back(attempt("budget/out-of-reach", "budget", [&] { return check_budget(*store); }));
  return store;
}

}  // namespace templatefs::cli
