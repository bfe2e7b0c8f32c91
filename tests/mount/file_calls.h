// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <functional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

// System calls as a test wants to read them: their outcome as a word, "ok" or the errno's name.
namespace templatefs::test {

/// "ok", or the name of errno where a system call returned -1. `result` may be a pointer's: mmap's -1.
std::string outcome(long result);
/// Where a symbolic link leads, or the errno's name.
std::string link_of(std::string const& path);
/// Opens and closes.
std::string open_outcome(std::string const& path, int flags, mode_t mode = 0);
/// What the call comes to in a process of that user (its group has the same number).
std::string outcome_as(uid_t uid, std::function<long()> const& call);
/// The same for open and close.
std::string open_outcome_as(uid_t uid, std::string const& path, int flags, mode_t mode = 0);

/// Opens, or throws Error.
Fd open_file(std::string const& path, int flags = O_RDWR);
/// Whole; throw Error where they cannot.
void write_at(int fd, std::string_view bytes, off_t offset);
std::string read_at(int fd, std::size_t size, off_t offset);
struct stat stat_of(std::string const& path);
struct stat stat_of(int fd);
/// "uid gid mode", as ls -ln would.
std::string owner_of(std::string const& path);
/// Its value, or the errno's name.
std::string xattr_of(std::string const& path, std::string const& name);

}  // namespace templatefs::test
