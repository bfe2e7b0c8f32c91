// SPDX-License-Identifier: Apache-2.0
#include "base/mount_table.h"

#include "base/error.h"
#include "base/files.h"

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs {

namespace {

std::string undo_octal_escapes(std::string const& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 3 < text.size()) {
      out += static_cast<char>(std::strtol(text.substr(at + 1, 3).c_str(), nullptr, 8));
      at += 3;
    } else {
      out += text[at];
    }
  }
  return out;
}

}  // namespace

std::vector<MountEntry> read_mount_table() {
  std::vector<MountEntry> table;
  std::istringstream lines(read_file(AT_FDCWD, "/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    MountEntry entry;
    std::string word;
    std::string root;
    fields >> entry.id >> word >> entry.device >> root >> entry.mount_point;
    while (fields >> word && word != "-") {
    }
    fields >> entry.type >> entry.source >> entry.super_options;
    entry.mount_point = undo_octal_escapes(entry.mount_point);
    entry.source = undo_octal_escapes(entry.source);
    table.push_back(std::move(entry));
  }
  return table;
}

std::optional<MountEntry> mount_at(std::string const& mount_point) {
  std::optional<MountEntry> topmost;
  for (auto& entry : read_mount_table())
    if (entry.mount_point == mount_point) topmost = std::move(entry);
  return topmost;
}

std::optional<MountEntry> mount_of(int fd) {
  struct statx st {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) != 0 || (st.stx_mask & STATX_MNT_ID) == 0)
    return std::nullopt;
  for (auto& entry : read_mount_table())
    if (static_cast<std::uint64_t>(entry.id) == st.stx_mnt_id) return entry;
  return std::nullopt;
}

std::string absolute_path(std::string const& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  auto const slash = trimmed.rfind('/');
  std::string const parent = slash == std::string::npos ? "." : slash == 0 ? "/" : trimmed.substr(0, slash);
  std::string const last = slash == std::string::npos ? trimmed : trimmed.substr(slash + 1);
  bool const plain = !last.empty() && last != "." && last != "..";
  std::unique_ptr<char, void (*)(void*)> const real(
      ::realpath(plain ? parent.c_str() : trimmed.c_str(), nullptr), &std::free);
  if (!real) throw_errno("find", plain ? parent : trimmed);
  std::string const base = real.get();
  if (!plain) return base;
  return base == "/" ? "/" + last : base + "/" + last;
}

}  // namespace templatefs
