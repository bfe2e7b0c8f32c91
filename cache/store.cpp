// SPDX-License-Identifier: Apache-2.0
#include "cache/store.h"

#include "base/data_cow.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mount_table.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "cache/layout.h"
#include "cache/reflink.h"

#include <cerrno>
#include <chrono>
#include <cstdio>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

constexpr auto kClaimLimit = std::chrono::seconds(30);
constexpr char kCacheTag[] =
    "Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a cache of templatefs: backups may "
    "skip it.\n";

/// Or holds nothing but what an interrupted start of ours left.
bool is_empty_directory(int dir) {
  std::string const scratch = std::string(layout::kFormatFile) + ".new-";
  bool empty = true;
  for_each_entry(dir, ".", [&](std::string const& name) {
    empty = empty && (name == "lost+found" || name.starts_with(scratch));
  });
  return empty;
}

/// On btrfs with the attribute C, which all in it will have: guests write to their disks with direct I/O,
/// which is that only without checksums. A directory that is there has been decided upon by who made it.
/// Several processes may come to it at once; nobody sees it without the attribute.
void make_store_directory(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (auto const slash = path.rfind('/'); slash != std::string::npos && slash > 0)
    make_directories(AT_FDCWD, path.substr(0, slash), 0700);
  std::string const scratch = path + ".new-" + random_hex(8);
  check(::mkdir(scratch.c_str(), 0700), "make directory", path);
  ScopeExit undo([&] { ::rmdir(scratch.c_str()); });
  Fd const made = open_at(AT_FDCWD, scratch, O_RDONLY | O_DIRECTORY);
  if (is_on(made.get(), BTRFS_SUPER_MAGIC)) {
    if (int const err = set_nocow(made.get(), true); err != 0)
      spdlog::warn("images in {} have checksums, and direct writes to them are slow: {}", path,
                   errno_words(err));
  }
  if (::renameat2(AT_FDCWD, scratch.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0)
    undo.dismiss();
  else if (errno != EEXIST)
    throw_errno("make directory", path);
}

/// True where FORMAT is there and ours; false where there is none.
bool has_our_format(int dir, std::string const& path) {
  if (!open_at_if_exists(dir, layout::kFormatFile, O_RDONLY)) return false;
  std::string const text = read_file(dir, layout::kFormatFile, 4096);
  if (text == layout::format_text()) return true;
  throw Error(EPROTO,
              format("use the store {}: its FORMAT says \"{}\", this version wants \"{}\"", path,
                     text.substr(0, text.find('\n')), layout::format_text().substr(0, 18)),
              "Give another --store, or use the version of templatefs that made this one.");
}

/// Makes a new directory ours. Several processes may come to it at once.
void claim(int dir, std::string const& path) {
  auto const alone = FileLock::lock_directory(path, Deadline::after(kClaimLimit));
  if (!alone)
    throw Error(ETIMEDOUT, "lock the new store " + path, "Another templatefs is stuck while it makes it.");
  if (has_our_format(dir, path)) return;
  if (!is_empty_directory(dir))
    throw Error(EINVAL, format("use {} as a store: it is not empty and holds no FORMAT file of ours", path),
                "Nothing in it was touched. Give --store an empty or new directory.");
  replace_file(dir, layout::kFormatFile, layout::format_text(), 0644, true);
}

/// A filesystem that takes nothing just now, whatever is asked of it.
bool takes_nothing(int err) {
  return err == ENOSPC || err == EDQUOT || err == EROFS;
}

void lay_out(int dir, std::string const& path) {
  // FORMAT first: whoever is interrupted after it leaves a store of ours, whose other directories the next
  // start makes.
  if (!has_our_format(dir, path)) claim(dir, path);
  for (char const* const name : {layout::kLocks, layout::kTemplates, layout::kSessions, layout::kFailures,
                                 layout::kRecipes, layout::kGuests, layout::kQuarantine, layout::kPinned})
    if (::mkdirat(dir, name, 0700) != 0 && errno != EEXIST) throw_errno("make directory", path + "/" + name);
  if (open_at_if_exists(dir, layout::kCacheTagFile, O_RDONLY)) return;
  try {
    replace_file(dir, layout::kCacheTagFile, kCacheTag, 0644, false);
  } catch (Error const& error) {
    // A backup that comes meanwhile is the worst of it.
    if (!takes_nothing(error.err())) throw;
  }
}

}  // namespace

Store Store::open(Options const& options) {
  Store store(options.path);
  bool const wants_loop = ::geteuid() == 0 && options.fan_out == FanOutChoice::automatic;
  if (LoopStore::exists(options.path)) {
    if (::geteuid() == 0) store.loop_.emplace(LoopStore::mount(options.path, options.loop_bytes));
  } else {
    auto const probe = probe_reflink(options.path);
    Fd const there = open_at_if_exists(AT_FDCWD, options.path, O_RDONLY | O_DIRECTORY);
    bool const fresh =
        !there || (!has_our_format(there.get(), options.path) && is_empty_directory(there.get()));
    auto const no_loop = !probe.works && wants_loop && fresh ? LoopStore::impossible() : std::nullopt;
    if (no_loop) {
      store.explanation_ = format("{}; no filesystem of our own: {}", probe.describe(options.path), *no_loop);
      spdlog::warn(
          "{}; images are sparse copies. Give a --store on btrfs or xfs, in a container as a volume.",
          store.explanation_);
    } else if (!probe.works && wants_loop && fresh) {
      store.explanation_ = probe.describe(options.path) + "; using a filesystem of our own in " +
                           layout::loop_file(options.path);
      store.loop_.emplace(LoopStore::mount(options.path, options.loop_bytes));
    } else if (!probe.works && options.fan_out == FanOutChoice::reflink_only) {
      throw Error(
          EOPNOTSUPP, probe.describe(options.path),
          "Give a --store (or TEMPLATEFS_STORE) on btrfs or xfs, or leave --fanout at auto: images are "
          "sparse copies then, and those of raw cost nothing.");
    }
  }
  if (::access(options.path.c_str(), F_OK) != 0) make_store_directory(options.path);
  store.settle(options);
  return store;
}

std::optional<Store> Store::open_existing(Options const& options) {
  Store store(options.path);
  if (LoopStore::exists(options.path) && ::geteuid() == 0)
    store.loop_.emplace(LoopStore::mount(options.path, std::nullopt));
  Fd const there = open_at_if_exists(AT_FDCWD, options.path, O_RDONLY | O_DIRECTORY);
  if (!there || (!has_our_format(there.get(), options.path) && is_empty_directory(there.get())))
    return std::nullopt;
  store.settle(options);
  return store;
}

Error Store::with_remedy(Error const& error) const {
  if (error.err() != ENOSPC || !error.remedy().empty()) return error;
  return Error(
      ENOSPC, error.text(),
      format("The store {} is full: unlink images, run `templatefs clean`, or give a larger --store.",
             path_));
}

void Store::settle(Options const& options) {
  dir_ = open_at(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  lay_out(dir_.get(), path_);
  choice_ = options.fan_out;
  set_budget(options.budget);
  bool clones = false;
  std::string found;
  try {
    auto const probe = probe_reflink(path_);
    clones = probe.works;
    found = probe.describe(path_);
  } catch (Error const& error) {
    if (!takes_nothing(error.err())) throw;
    // Whoever makes room opens it as well. The first image tells, should the type promise too much.
    auto const type = mount_of(dir_.get());
    clones = type && (type->type == "xfs" || type->type == "btrfs");
    found = format("{} is on {}, where no clone could be tried ({})", path_,
                   type ? type->type : "an unknown filesystem", errno_words(error.err()));
  }
  rung_ = clones && choice_ != FanOutChoice::copy_only ? Rung::reflink : Rung::copy;
  if (explanation_.empty()) explanation_ = found;
}

}  // namespace templatefs::cache
