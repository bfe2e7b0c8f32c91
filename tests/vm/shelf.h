// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/files.h"
#include "vm/guest_shelf.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

namespace templatefs::vm {

/// A shelf without a store: a directory, and one right for all.
class Shelf : public GuestShelf {
 public:
  explicit Shelf(std::string path) : path_(std::move(path)) { make_directories(AT_FDCWD, path_, 0700); }

  Fd find(std::string const& name) override {
    if (::access((path_ + "/" + name + ".bad").c_str(), F_OK) == 0) return {};
    return open_at_if_exists(AT_FDCWD, path_ + "/" + name, O_RDONLY | O_DIRECTORY);
  }
  std::optional<FileLock> claim(std::string const& name) override {
    auto lock = FileLock::try_lock(AT_FDCWD, path_ + ".lock", FileLock::Mode::exclusive);
    if (find(name) || ::access((path_ + "/" + name + ".bad").c_str(), F_OK) == 0) lock.reset();
    return lock;
  }
  void publish(std::string const& name, std::string const& staged) override {
    check(::rename(staged.c_str(), (path_ + "/" + name).c_str()), "publish", name);
  }
  void give_up(std::string const& name, std::string const& why) noexcept override {
    replace_file(AT_FDCWD, path_ + "/" + name + ".bad", why, 0600, false);
  }

  /// Paths of the saved guests' directories, of those with that formatter.
  std::vector<std::string> all_saved(std::string const& formatter, bool bad) const {
    std::vector<std::string> out;
    for_each_entry(AT_FDCWD, path_, [&](std::string const& name) {
      if (name.starts_with(formatter) && name.ends_with(".bad") == bad) out.push_back(path_ + "/" + name);
    });
    return out;
  }
  std::vector<std::string> saved() const { return all_saved("", false); }
  std::string saved(std::string const& formatter) const {
    auto const found = all_saved(formatter, false);
    return found.empty() ? "" : found.front();
  }
  std::vector<std::string> given_up() const { return all_saved("", true); }

 private:
  std::string path_;
};

}  // namespace templatefs::vm
