// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace templatefs {
class Fd;
}

namespace templatefs::vm {

/// Whether these are the first bytes of a tar: its header's checksum is right. (libarchive takes whatever
/// begins with a block of zeroes for an empty tar, as most disks without a partition table do.)
bool is_tar(std::string_view head) noexcept;

/// "qcow2", "vmdk", "vdi" or "vhdx" by the first bytes, as qemu-img calls them; "raw" for all that is not
/// known. Throws Error(EINVAL) for what is known not to be a disk's contents: other programs' disk files,
/// archives, something compressed, nothing at all. `subject` is for messages.
std::string_view disk_format_of(std::string_view head, std::string const& subject);

// About a file in one of the four formats, which nobody has looked at yet: read without a program that would
// follow what is in it.

/// Throws Error(EINVAL) where some of the disk is in another file: a backing file, a data file, an extent.
void require_self_contained(Fd const& file, std::string_view format, std::string const& subject);

/// Throws Error(EINVAL) where the file ends before what its own tables say is in it. QEMU reads such a disk's
/// missing part as zeroes, and its checks overlook what is cut from the last cluster.
void require_whole(Fd const& file, std::string_view format, std::string const& subject);

}  // namespace templatefs::vm
