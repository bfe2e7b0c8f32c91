// SPDX-License-Identifier: Apache-2.0
#include "vm/image_draft.h"

#include "base/error.h"
#include "base/log.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

constexpr std::int64_t kPage = 4096;

}  // namespace

bool ImageFields::has(std::size_t at, std::string_view wanted) const {
  return std::equal(wanted.begin(), wanted.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
}

Uuid ImageFields::uuid(std::size_t at) const {
  Uuid out{};
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
  return out;
}

void ImageFields::set_uuid(std::size_t at, Uuid const& uuid) const {
  std::copy(uuid.begin(), uuid.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
}

std::int64_t ImageDraft::size() const {
  struct stat st {};
  check(::fstat(original_, &st), "stat", "a disk image");
  return st.st_size;
}

std::vector<unsigned char> ImageDraft::read(std::int64_t offset, std::size_t bytes) const {
  std::vector<unsigned char> out(bytes);
  auto const got = check(::pread(original_, out.data(), bytes, offset), "read", "a disk image");
  if (static_cast<std::size_t>(got) != bytes)
    throw Error(EIO, format("read {} bytes at {} of a disk image: it ends before", bytes, offset));
  return out;
}

ImageFields ImageDraft::edit(std::int64_t offset, std::size_t bytes) {
  auto const begin = offset / kPage * kPage;
  auto const end = (offset + static_cast<std::int64_t>(bytes) + kPage - 1) / kPage * kPage;
  auto const length = static_cast<std::size_t>(end - begin);
  auto at = pages_.find(begin);
  if (at == pages_.end()) at = pages_.emplace(begin, read(begin, length)).first;
  return ImageFields(std::span(at->second).subspan(static_cast<std::size_t>(offset - begin), bytes));
}

void ImageDraft::write() const {
  for (auto const& [offset, page] : pages_) {
    auto const done = check(::pwrite(image_, page.data(), page.size(), offset), "write", "a disk image");
    if (static_cast<std::size_t>(done) != page.size())
      throw Error(ENOSPC, format("write {} bytes at {} of a disk image: {} were", page.size(), offset, done));
  }
}

}  // namespace templatefs::vm
