// SPDX-License-Identifier: Apache-2.0
#include "cache/loop_store.h"

#include "base/capacity.h"
#include "base/child.h"
#include "base/deadline.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/loop_device.h"
#include "base/mount_table.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "base/surroundings.h"
#include "cache/layout.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kDefaultBytes = std::int64_t{20} << 30;

/// xfs before btrfs: it gives space back within a second of an unlink, and guests with O_DIRECT that change a
/// buffer in flight do not meet checksum errors.
std::vector<std::string> formatter_for(std::string const& file) {
  if (!find_on_path("mkfs.xfs").empty()) return {"mkfs.xfs", "-q", "-f", "-m", "reflink=1", file};
  if (!find_on_path("mkfs.btrfs").empty()) return {"mkfs.btrfs", "-q", "-f", file};
  throw Error(ENOPKG, "make a loop store: neither mkfs.xfs nor mkfs.btrfs is on PATH",
              "Install the xfsprogs package, or give a --store on btrfs or xfs.");
}

void make_file(std::string const& file, std::optional<std::int64_t> wanted) {
  std::int64_t const available = LoopStore::room_in(std::filesystem::path(file).parent_path().string());
  std::int64_t const bytes = wanted.value_or(std::min(kDefaultBytes, available));
  // A store that promises more than its host can hold fails in the middle of writing, and takes its
  // filesystem along.
  if (bytes > available || bytes < LoopStore::kSmallestBytes)
    throw Error(bytes < LoopStore::kSmallestBytes && wanted ? EINVAL : ENOSPC,
                format("make a loop store of {} in {} (80 % of the free space is {}, the least is {})",
                       human_size(bytes), file, human_size(available), human_size(LoopStore::kSmallestBytes)),
                "Give --store-size N, or a --store on a filesystem with more room.");
  std::string const scratch = file + ".new-" + random_hex(8);
  ScopeExit undo([&] { ::unlink(scratch.c_str()); });
  {
    Fd const fd = open_at(AT_FDCWD, scratch, O_RDWR | O_CREAT | O_EXCL, 0600);
    check(::ftruncate(fd.get(), bytes), "set the size of", scratch);
  }
  auto const made = run_command(formatter_for(scratch), Deadline::after(120s));
  if (!made.status.success())
    throw Error(EIO, format("format the loop store {} ({}): {}", scratch, made.status.describe(), made.text));
  if (::renameat2(AT_FDCWD, scratch.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) == 0) {
    undo.dismiss();
    spdlog::info("made a store of {} in {}", human_size(bytes), file);
  } else if (errno != EEXIST) {  // EEXIST: somebody else was first, theirs is as good
    throw_errno("rename into place", file);
  }
}

/// Mounts by trying both types: mount(2) refuses the wrong one with EINVAL.
void mount_loop(std::string const& device, std::string const& where) {
  unsigned long const flags = MS_NOATIME | MS_NOSUID | MS_NODEV;
  if (::mount(device.c_str(), where.c_str(), "xfs", flags, "discard") == 0) return;
  int const xfs_error = errno;
  if (::mount(device.c_str(), where.c_str(), "btrfs", flags, "discard=async") == 0) return;
  throw Error(errno == EINVAL || errno == ENODEV ? xfs_error : errno, "mount the loop store on " + where,
              "The kernel needs xfs or btrfs (modprobe xfs), and loop devices (modprobe loop).");
}

bool is_mounted(std::string const& where, int file) {
  auto const entry = mount_at(where);
  if (!entry) return false;
  if (!is_loop_over(entry->source, file))
    throw Error(EBUSY,
                format("mount the loop store on {}: a {} is mounted there already", where, entry->type),
                "Unmount it, or give another --store.");
  return true;
}

}  // namespace

std::int64_t LoopStore::room_in(std::string const& directory) {
  struct statvfs fs {};
  check(::statvfs(directory.c_str(), &fs), "statfs", directory);
  return static_cast<std::int64_t>(fs.f_bavail) * static_cast<std::int64_t>(fs.f_frsize) / 10 * 8;
}

bool LoopStore::exists(std::string const& store_path) {
  struct stat st {};
  return ::stat(layout::loop_file(store_path).c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

std::optional<std::string> LoopStore::impossible() {
  if (!in_initial_user_namespace()) return "a user namespace may not mount one";
  if (!has_sys_admin()) return "CAP_SYS_ADMIN is missing";
  if (Fd const control{::open("/dev/loop-control", O_RDWR | O_CLOEXEC)}) return std::nullopt;
  return "/dev/loop-control: " + errno_words(errno);
}

LoopStore LoopStore::mount(std::string const& store_path, std::optional<std::int64_t> bytes) {
  std::string const file = layout::loop_file(store_path);
  bool created = false;
  make_directories(AT_FDCWD, store_path, 0700);
  if (!exists(store_path)) {
    make_file(file, bytes);
    created = true;
  } else if (bytes) {
    struct stat st {};
    check(::stat(file.c_str(), &st), "stat", file);
    if (st.st_size != *bytes)
      spdlog::warn("{} exists with {}: --store-size {} is not applied to it", file, human_size(st.st_size),
                   human_size(*bytes));
  }
  auto const deadline = Deadline::after(60s);
  for (;;) {
    auto const entered = FileLock::lock(AT_FDCWD, file, FileLock::Mode::shared, deadline);
    if (!entered) break;
    Fd shared = Fd(check(::fcntl(entered->fd(), F_DUPFD_CLOEXEC, 3), "duplicate", file));
    // With the shared lock held nobody unmounts; where it is mounted, that is all there is to do.
    if (is_mounted(store_path, shared.get())) return LoopStore(store_path, std::move(shared), created);
    if (::flock(shared.get(), LOCK_EX | LOCK_NB) != 0) continue;  // somebody else is at it
    if (!is_mounted(store_path, shared.get())) {
      LoopDevice const device = LoopDevice::attach(file);
      mount_loop(device.path(), store_path);
      if (created) check(::chmod(store_path.c_str(), 0700), "set the mode of", store_path);
    }
    // The conversion back may let another process in between, hence the look at the mount in the next round.
  }
  throw Error(ETIMEDOUT, "lock the loop store " + file, "Another templatefs is stuck while it mounts it.");
}

LoopStore::~LoopStore() {
  if (!file_) return;
  // The lock's conversion fails while anybody else uses the store; EBUSY means that somebody still has a file
  // open.
  struct stat st {};
  bool const is_roots = ::stat(store_path_.c_str(), &st) == 0 && st.st_uid == 0;
  if (is_roots && ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0)
    ::umount2(store_path_.c_str(), UMOUNT_NOFOLLOW);
}

}  // namespace templatefs::cache
