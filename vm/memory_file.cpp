// SPDX-License-Identifier: Apache-2.0
#include "vm/memory_file.h"

#include "base/content_digest.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

#include <functional>

#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

namespace templatefs::vm {

namespace {

constexpr std::size_t kPage = 4096;

using PageVisitor = std::function<void(std::int64_t offset, std::string_view page)>;

/// Each page that is not all zeroes, in order, whatever blocks the filesystem keeps.
void for_each_page(int file, std::int64_t bytes, PageVisitor const& visit) {
  for_each_data_block(file, bytes, [&](std::int64_t offset, std::string_view block) {
    for (std::size_t at = 0; at < block.size(); at += kPage)
      if (auto const page = block.substr(at, kPage); !is_zero(page))
        visit(offset + static_cast<std::int64_t>(at), page);
  });
}

class MemoryDigest {
 public:
  void add(std::int64_t offset, std::string_view page) {
    sum_ = XXH3_64bits_withSeed(page.data(), page.size(), sum_ + static_cast<std::uint64_t>(offset));
  }
  std::string text() const { return format("{:016x}", sum_); }

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace

std::string copy_memory(int from, int to, std::int64_t bytes) {
  check(::ftruncate(to, bytes), "set the size of", "the memory of a saved guest");
  MemoryDigest digest;
  for_each_page(from, bytes, [&](std::int64_t offset, std::string_view page) {
    digest.add(offset, page);
    write_all_at(to, page, offset, "the memory of a saved guest");
  });
  return digest.text();
}

std::string digest_of_memory(int file) {
  struct stat st {};
  check(::fstat(file, &st), "stat", "the memory of a saved guest");
  MemoryDigest digest;
  for_each_page(file, st.st_size,
                [&](std::int64_t offset, std::string_view page) { digest.add(offset, page); });
  return digest.text();
}

std::string digest_of_bytes(std::string_view bytes) {
  return format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace templatefs::vm
