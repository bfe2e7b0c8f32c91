// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_checks.h"

#include "base/child.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mount_table.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "cache/cache.h"
#include "cache/layout.h"
#include "cache/quarantine.h"
#include "cache/reflink.h"
#include "cache/session.h"
#include "fusefs/mount.h"
#include "fusefs/mount_point.h"

#include <cerrno>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

/// A check that throws has failed: its sentence is the finding.
Finding attempt(std::string const& check, std::function<Finding()> const& look) {
  try {
    return look();
  } catch (...) {
    auto const error = to_error(std::current_exception());
    return {Verdict::fail, check, error.text() + ": " + errno_words(error.err()), error.remedy()};
  }
}

Finding check_reflink(std::string const& path, std::optional<cache::Store> const& store) {
  if (store && store->has_own_filesystem()) return {Verdict::ok, "reflink", store->explanation(), ""};
  auto const probe = cache::probe_reflink(path);
  if (probe.works) return {Verdict::ok, "reflink", probe.describe(path), ""};
  if (::geteuid() == 0 && !store)
    return {
        Verdict::ok, "reflink",
        format("none{}, where {} will be: `templatefs mount` makes a filesystem of its own in {}",
               probe.type_name.empty() ? "" : " on " + probe.type_name, path, cache::layout::loop_file(path)),
        ""};
  return {Verdict::warn, "reflink", probe.describe(path) + "; images are sparse copies",
          "Give a --store on btrfs or xfs, or run as root, which makes a filesystem of its own."};
}

Finding check_space(std::string const& path) {
  struct statvfs fs {};
  check(::statvfs(path.c_str(), &fs), "statfs", path);
  auto const free = static_cast<std::int64_t>(fs.f_bavail) * static_cast<std::int64_t>(fs.f_frsize);
  if (free < (std::int64_t{1} << 30))
    return {Verdict::warn, "space", human_size(free) + " free in " + path,
            "Run `templatefs clean`, or give another --store."};
  return {Verdict::ok, "space", human_size(free) + " free in " + path, ""};
}

Finding check_quarantine(cache::Store const& store) {
  auto const held = cache::list_quarantine(store.dir());
  if (held.empty()) return {Verdict::ok, "quarantine", "no template is in quarantine", ""};
  std::int64_t bytes = 0;
  for (auto const& each : held) bytes += each.allocated_bytes;
  return {Verdict::warn, "quarantine",
          format("{} damaged template{} ({}) in {}/{}", held.size(), held.size() == 1 ? "" : "s",
                 human_size(bytes), store.path(), cache::layout::kQuarantine),
          "See the disk that the store is on; `templatefs clean --quarantine` removes them."};
}

Finding check_fuse_device() {
  struct stat st {};
  if (::stat("/dev/fuse", &st) != 0)
    return {Verdict::fail, "fuse", "there is no /dev/fuse", "Load the module: modprobe fuse"};
  if (::access("/dev/fuse", R_OK | W_OK) != 0)
    return {Verdict::fail, "fuse", "/dev/fuse may not be opened by this user",
            "As root: chmod 0666 /dev/fuse"};
  if (::geteuid() != 0 && find_on_path("fusermount3").empty())
    return {Verdict::fail, "fuse", "fusermount3 is not on PATH", "Install the fuse3 package"};
  return {Verdict::ok, "fuse", "/dev/fuse can be opened", ""};
}

/// A real mount of our own for a moment, and a real image in it.
Finding check_passthrough(cache::Store const& store, vm::Builder& builder) {
  char directory[] = "/tmp/templatefs-doctor-XXXXXX";
  if (::mkdtemp(directory) == nullptr) throw_errno("make", directory);
  ScopeExit const remove_directory([&] { ::rmdir(directory); });
  auto const session = cache::Session::create(store.dir(), "doctor", directory);
  cache::RecipeBook const recipes;
  cache::Cache cache(store, session, builder, 1);
  fusefs::Filesystem fs({directory}, recipes, cache, session);
  fusefs::Mount mount(fs, {});
  std::string const image = std::string(directory) + "/raw/1M/doctor.img";
  (void)open_at(AT_FDCWD, image, O_RDWR);
  bool const passes = fs.connection.passthrough();
  std::string const why = fs.connection.passthrough_reason();
  mount.end();
  if (passes) return {Verdict::ok, "passthrough", "a mount works, and " + why, ""};
  return {Verdict::warn, "passthrough", "a mount works, without passthrough: " + why,
          "Slower, and nothing else. It takes Linux 6.9 or newer and root."};
}

Finding check_formatter(vm::Filesystem const& filesystem) {
  std::string const check(filesystem.formatter);
  std::string const found = find_on_path(std::string(filesystem.formatter));
  if (found.empty())
    return {filesystem.common ? Verdict::fail : Verdict::warn, check, check + " is not on PATH",
            "apt-get install " + std::string(filesystem.package)};
  return {Verdict::ok, check, found, ""};
}

void check_dead_mounts(std::vector<Finding>& findings) {
  for (auto const& mount : read_mount_table()) {
    struct statvfs fs {};
    if (mount.type == fusefs::kMountType && ::statvfs(mount.mount_point.c_str(), &fs) != 0 &&
        errno == ENOTCONN)
      findings.push_back({Verdict::warn, "dead mount",
                          mount.mount_point + " was left by a daemon that is gone",
                          "`templatefs mount` there takes it over, or: umount -l " + mount.mount_point});
  }
}

}  // namespace

std::vector<Finding> examine(StoreOptions const& store_options, BuilderOptions const& builder_options) {
  std::vector<Finding> findings;
  fusefs::block_end_signals();
  std::optional<cache::Store> store;
  std::string path;
  findings.push_back(attempt("store", [&]() -> Finding {
    auto const resolved = store_options.resolve();
    path = resolved.path;
    if (auto opened = cache::Store::open_existing(resolved)) store.emplace(std::move(*opened));
    return {Verdict::ok, "store", path + (store ? "" : " (not made yet; the first mount or build makes it)"),
            ""};
  }));
  if (!path.empty()) findings.push_back(attempt("reflink", [&] { return check_reflink(path, store); }));
  if (store) findings.push_back(attempt("space", [&] { return check_space(path); }));
  if (store) findings.push_back(attempt("quarantine", [&] { return check_quarantine(*store); }));
  findings.push_back(attempt("fuse", check_fuse_device));

  for (auto const& filesystem : vm::filesystems())
    if (!filesystem.formatter.empty())
      findings.push_back(attempt("formatter", [&] { return check_formatter(filesystem); }));
  findings.push_back(attempt("passthrough", [&] {
    if (store) return check_passthrough(*store, *builder_options.make(*store));
    // Without a store yet, in one that lasts for the check.
    std::string const scratch = "/tmp/templatefs-doctor-store-" + random_hex(8);
    ScopeExit const remove_scratch([&] { remove_tree(AT_FDCWD, scratch); });
    auto const own = cache::Store::open({scratch, {}, cache::FanOutChoice::copy_only});
    return check_passthrough(own, *builder_options.make(own));
  }));
  if (builder_options.builder != "host") examine_guest(findings, builder_options, store ? &*store : nullptr);
  check_dead_mounts(findings);
  return findings;
}

}  // namespace templatefs::cli
