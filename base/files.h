// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace templatefs {

/// Whole contents. Throws Error; EFBIG above `limit` bytes.
std::string read_file(int dir, std::string const& path, std::size_t limit = 64u << 20);
/// Writes all of `bytes` at the descriptor's offset. Throws Error naming `subject`.
void write_all(int fd, std::string_view bytes, std::string_view subject);
/// Writes all of `bytes` at `offset`. Throws Error naming `subject`.
void write_all_at(int fd, std::string_view bytes, std::int64_t offset, std::string_view subject);
/// A file in `directory` that is gone with its last descriptor, however we end. Throws Error.
Fd make_unnamed_file(std::string const& directory);
/// Makes or replaces `path` whole: a temporary name beside it, then rename. Synced first where `durable`.
void replace_file(int dir, std::string const& path, std::string_view bytes, unsigned mode, bool durable);
/// fsync(2); throws Error naming `subject`.
void sync_file(int fd, std::string_view subject);
/// mkdir -p below `dir` (AT_FDCWD for the process's own), new directories with `mode`.
void make_directories(int dir, std::string const& path, unsigned mode);
/// Names in a directory without "." and "..", in no order. Empty where the directory does not exist.
void for_each_entry(int dir, std::string const& path, std::function<void(std::string const&)> const& visit);
/// Removes a file or a tree, without following symbolic links.
/// What is already gone is no error. Throws Error for the first thing that could not be removed, after the
/// rest.
void remove_tree(int dir, std::string const& path);
/// The same, renamed into `scratch_dir` first, so that nobody finds half of it and whatever ends us leaves
/// the rest to whoever clears that. False where it was not there. Throws Error.
bool remove_tree_through(int scratch_dir, int dir, std::string const& path);
/// Calls `visit(offset, length)` for each data range of a sparse file, up to `end` bytes (SEEK_DATA,
/// SEEK_HOLE).
void for_each_data_range(int fd, std::int64_t end,
                         std::function<void(std::int64_t offset, std::int64_t length)> const& visit);
/// Whether an open file is on a filesystem of that type (linux/magic.h); false where it cannot be told.
bool is_on(int file, unsigned long magic) noexcept;
/// Milliseconds since the epoch as "2026-01-10T09:12:04Z".
std::string rfc3339(std::int64_t epoch_ms);
std::int64_t epoch_ms_now();

}  // namespace templatefs
