// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <optional>
#include <string>
#include <string_view>

// trusted.libvirt.security.*: where libvirt remembers whose an image was before it gave it to QEMU's user, so
// that the image is given back. It takes a filesystem that answers ENODATA for one that is able to remember.
// Kept in memory, as the owner is; the kernel lets only CAP_SYS_ADMIN see and set them.
namespace templatefs::fusefs {

bool is_security_label(std::string_view name) noexcept;

/// Of an image that exists. As setxattr(2) and removexattr(2): an errno, or 0 for success.
int set_security_label(Filesystem& fs, fuse_ino_t number, std::string_view name, std::string value,
                       int flags);
int remove_security_label(Filesystem& fs, fuse_ino_t number, std::string_view name);
/// Empty where there is none.
std::optional<std::string> security_label(Filesystem& fs, fuse_ino_t number, std::string_view name);

}  // namespace templatefs::fusefs
