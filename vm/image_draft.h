// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/uuid.h"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace templatefs::vm {

/// Some bytes of a disk image, read and changed field by field. `at` counts from its beginning. Borrows the
/// bytes.
class ImageFields {
 public:
  explicit ImageFields(std::span<unsigned char> bytes) : bytes_(bytes) {}

  std::span<unsigned char> bytes() const noexcept { return bytes_; }
  bool has(std::size_t at, std::string_view wanted) const;

  template <std::unsigned_integral T>
  T little(std::size_t at) const {
    std::uint64_t value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) value = value << 8 | bytes_[at + i];
    return static_cast<T>(value);
  }
  template <std::unsigned_integral T>
  T big(std::size_t at) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | bytes_[at + i];
    return static_cast<T>(value);
  }
  template <std::unsigned_integral T>
  void set_little(std::size_t at, T value) const {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes_[at + i] = static_cast<unsigned char>(std::uint64_t{value} >> (8 * i));
  }
  template <std::unsigned_integral T>
  void set_big(std::size_t at, T value) const {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes_[at + i] = static_cast<unsigned char>(std::uint64_t{value} >> (8 * (sizeof(T) - 1 - i)));
  }
  Uuid uuid(std::size_t at) const;
  void set_uuid(std::size_t at, Uuid const& uuid) const;

 private:
  std::span<unsigned char> bytes_;
};

/// Changes to a disk image, made in memory and written together at the end: whoever gives up in between has
/// changed nothing.
///
/// What is read comes from `original`, a file with the same content, and whole pages are written: the pages
/// of a template that is in use are in memory, those of a clone made just now are not, and writing a part of
/// one would first fetch it from the disk. Borrows both descriptors; they may be the same.
class ImageDraft {
 public:
  ImageDraft(int image, int original) : image_(image), original_(original) {}

  std::int64_t size() const;
  /// A copy of what the original holds.
  std::vector<unsigned char> read(std::int64_t offset, std::size_t bytes) const;
  /// To be changed in place; valid for the draft's life. Ranges that share a page must lie in it.
  ImageFields edit(std::int64_t offset, std::size_t bytes);
  /// Writes all that was given to edit. Throws Error: ENOSPC and the like.
  void write() const;

 private:
  int image_;
  int original_;
  std::map<std::int64_t, std::vector<unsigned char>> pages_;  // by offset: runs of whole pages
};

}  // namespace templatefs::vm
