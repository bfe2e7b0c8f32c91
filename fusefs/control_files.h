// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "base/guarded.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace templatefs::fusefs {

/// A file of .templatefs that is open: its text as it was at open, or a file of the store.
struct ControlFile {
  std::string text;
  Fd file;
};

/// Those that are open. A client that holds one when the mount ends never releases it. Thread-safe.
class ControlFiles {
 public:
  /// The handle for fuse_file_info, never 0; valid until remove().
  std::uint64_t add(std::unique_ptr<ControlFile> file) {
    auto const handle = reinterpret_cast<std::uint64_t>(file.get());
    open_.with([&](auto& open) { open.emplace(handle, std::move(file)); });
    return handle;
  }
  void remove(std::uint64_t handle) {
    // Closed outside the mutex.
    auto const closed = open_.with([&](auto& open) { return open.extract(handle); });
  }
  static ControlFile const& at(std::uint64_t handle) { return *reinterpret_cast<ControlFile const*>(handle); }

 private:
  Guarded<std::unordered_map<std::uint64_t, std::unique_ptr<ControlFile>>> open_;
};

}  // namespace templatefs::fusefs
