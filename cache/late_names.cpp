// SPDX-License-Identifier: Apache-2.0
#include "cache/late_names.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/layout.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <string_view>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

/// "<spare> <path>", zeroes to its end. Of one length, so that each is written at once and alone.
constexpr std::size_t kRecordBytes = 512;
using Record = std::array<char, kRecordBytes>;

off_t offset_of(std::uint32_t record) {
  return static_cast<off_t>(record) * static_cast<off_t>(kRecordBytes);
}

std::string spare_path(std::string const& spare) {
  return std::string(layout::kSpares) + "/" + spare;
}

}  // namespace

void LateNames::open_journal() {
  if (!journal_) journal_ = open_at(images_dir_, layout::kLateNames, O_RDWR | O_CREAT, 0600);
}

void LateNames::prepare() noexcept try {
  std::lock_guard const lock(mutex_);
  open_journal();
} catch (Error const&) {
  // Then no name is late.
}

std::optional<LateName> LateNames::note(std::uint64_t spare, std::string const& path) noexcept try {
  std::string const text = std::to_string(spare) + " " + path;
  Record record{};
  if (text.size() >= record.size()) return std::nullopt;
  text.copy(record.data(), text.size());
  LateName name{spare, 0};
  int journal = -1;
  {
    std::lock_guard const lock(mutex_);
    open_journal();
    journal = journal_.get();
    if (free_.empty()) {
      name.record = records_++;
    } else {
      name.record = free_.back();
      free_.pop_back();
    }
  }
  if (::pwrite(journal, record.data(), record.size(), offset_of(name.record)) == ssize_t{kRecordBytes})
    return name;
  forget(name);
  return std::nullopt;
} catch (std::exception const&) {
  return std::nullopt;
}

void LateNames::forget(LateName const& name) noexcept try {
  std::lock_guard const lock(mutex_);
  free_.push_back(name.record);
} catch (std::bad_alloc const&) {
  // The record's place is not used again.
}

void for_each_late_name(int images_dir,
                        std::function<void(std::string const&, std::string const&)> const& visit) {
  Fd const journal = open_at_if_exists(images_dir, layout::kLateNames, O_RDONLY | O_NOFOLLOW);
  if (!journal) return;
  Record record;
  for (std::uint32_t at = 0;
       ::pread(journal.get(), record.data(), record.size(), offset_of(at)) == ssize_t{kRecordBytes}; ++at) {
    std::string_view text(record.data(), record.size());
    text = text.substr(0, text.find('\0'));
    auto const space = text.find(' ');
    if (space == std::string_view::npos) continue;
    std::string const file = spare_path(std::string(text.substr(0, space)));
    if (::faccessat(images_dir, file.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      visit(std::string(text.substr(space + 1)), file);
  }
}

void give_late_names(int images_dir) {
  for_each_late_name(images_dir, [&](std::string const& path, std::string const& file) {
    if (::renameat2(images_dir, file.c_str(), images_dir, path.c_str(), RENAME_NOREPLACE) != 0)
      spdlog::warn("the image {} is lost, for its file cannot be renamed to it: {}", path,
                   errno_words(errno));
  });
}

}  // namespace templatefs::cache
