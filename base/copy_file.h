// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace templatefs {

/// FICLONE `from` into `to`, both open files. An empty `to` on btrfs becomes one with or without checksums,
/// as `from` is (base/data_cow.h). 0, or the errno.
int reflink(int from, int to) noexcept;

/// Copies a range by reading and writing it: what is a hole there is data here, and no blocks are shared.
/// Throws Error.
void copy_range(int from, int to, std::int64_t offset, std::int64_t end);

/// Copies the data ranges of a sparse file into an empty one and gives it the same size; holes stay holes.
/// `on_copied` hears how far it has come, every 16 MiB and more often, and may throw to end it. Throws Error.
void copy_sparse(int from, int to, std::int64_t bytes,
                 std::function<void(std::int64_t done)> const& on_copied = {});

}  // namespace templatefs
