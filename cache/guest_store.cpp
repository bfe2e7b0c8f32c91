// SPDX-License-Identifier: Apache-2.0
#include "cache/guest_store.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/layout.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

/// "mkfs.ext4-0123456789abcdef" -> "mkfs.ext4"
std::string formatter_of(std::string const& name) {
  return name.substr(0, name.rfind('-'));
}

bool is_mark(std::string const& name) {
  return name.ends_with(layout::kGivenUp);
}

}  // namespace

bool GuestStore::is_given_up(std::string const& name) const {
  return ::faccessat(store_dir_, layout::given_up_guest(name).c_str(), F_OK, 0) == 0;
}

Fd GuestStore::find(std::string const& name) {
  if (is_given_up(name)) return {};
  Fd dir = open_at_if_exists(store_dir_, layout::saved_guest(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  // When it was last used. Another user's is used all the same.
  if (dir) (void)::futimens(dir.get(), nullptr);
  return dir;
}

std::optional<FileLock> GuestStore::claim(std::string const& name) {
  struct statvfs room {};
  check(::fstatvfs(store_dir_, &room), "look for room in", "the store");
  if (static_cast<std::int64_t>(room.f_bavail * room.f_frsize) < kFree) return std::nullopt;
  if (budget_ && budget_().max_size.value_or(kLeastBudget) < kLeastBudget) return std::nullopt;
  auto lock =
      FileLock::try_lock(store_dir_, layout::guests_lock(formatter_of(name)), FileLock::Mode::exclusive);
  if (lock && (is_given_up(name) || find(name))) lock.reset();
  return lock;
}

void GuestStore::publish(std::string const& name, std::string const& staged) {
  auto const target = layout::saved_guest(name);
  check(::renameat2(AT_FDCWD, staged.c_str(), store_dir_, target.c_str(), RENAME_NOREPLACE), "publish",
        target);
  auto others = list();
  std::erase_if(others, [&](Saved const& other) { return other.name == name; });
  if (others.size() < kMost) return;
  std::sort(others.begin(), others.end(),
            [](auto const& a, auto const& b) { return a.used_at_ms < b.used_at_ms; });
  Fd const staging = open_at(AT_FDCWD, staged.substr(0, staged.rfind('/')), O_RDONLY | O_DIRECTORY);
  for (auto old = others.begin(); others.end() - old >= kMost; ++old) (void)remove(staging.get(), old->name);
}

void GuestStore::give_up(std::string const& name, std::string const& why) noexcept {
  try {
    replace_file(store_dir_, layout::given_up_guest(name), why + "\n", 0600, false);
  } catch (Error const& error) {
    spdlog::warn("the saved guest {} cannot be marked as bad: {}", name, error.sentence());
  }
}

std::vector<GuestStore::Saved> GuestStore::list() const {
  std::vector<Saved> out;
  for_each_entry(store_dir_, layout::kGuests, [&](std::string const& name) {
    if (is_mark(name)) return;
    Fd const dir(::openat(store_dir_, layout::saved_guest(name).c_str(),
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!dir) return;
    struct stat st {};
    check(::fstat(dir.get(), &st), "stat", name);
    Saved saved{name, 0, st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1'000'000};
    for_each_entry(dir.get(), ".", [&](std::string const& file) {
      if (::fstatat(dir.get(), file.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
        saved.bytes += st.st_blocks * 512;
    });
    out.push_back(std::move(saved));
  });
  return out;
}

std::int64_t GuestStore::last_use_ms(std::string const& name) const {
  struct stat st {};
  if (::fstatat(store_dir_, layout::saved_guest(name).c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return -1;
  return st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1'000'000;
}

unsigned GuestStore::remove_all(int staging_dir) const {
  std::vector<std::string> names;
  for_each_entry(store_dir_, layout::kGuests, [&](std::string const& name) { names.push_back(name); });
  for (auto const& name : names) (void)remove(staging_dir, name);
  return static_cast<unsigned>(std::count_if(names.begin(), names.end(), std::not_fn(is_mark)));
}

bool GuestStore::remove(int staging_dir, std::string const& name) const {
  // A file is gone whole, and is not to be left where directories are swept.
  if (is_mark(name)) return ::unlinkat(store_dir_, layout::saved_guest(name).c_str(), 0) == 0;
  return remove_tree_through(staging_dir, store_dir_, layout::saved_guest(name));
}

}  // namespace templatefs::cache
