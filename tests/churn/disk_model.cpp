// SPDX-License-Identifier: Apache-2.0
#include "tests/churn/disk_model.h"

#include "base/content_digest.h"
#include "base/error.h"

#include <cstring>
#include <functional>
#include <string_view>

#include <sys/stat.h>

namespace templatefs::test {

namespace {

std::size_t sum_of(std::string_view block) {
  return std::hash<std::string_view>()(block);
}

std::size_t sum_of(Stamp stamp) {
  return sum_of(block_of(stamp));
}

}  // namespace

std::string block_of(Stamp stamp) {
  std::string block(kBlock, '\0');
  for (std::size_t at = 0; at < block.size(); at += sizeof stamp)
    std::memcpy(block.data() + at, &stamp, sizeof stamp);
  return block;
}

BlockSums block_sums(int fd) {
  struct stat st {};
  check(::fstat(fd, &st), "stat", "an image");
  BlockSums sums(static_cast<std::size_t>(st.st_size / kBlock), sum_of(Stamp{0}));
  for_each_data_block(fd, st.st_size, [&](std::int64_t offset, std::string_view data) {
    for (std::size_t at = 0; at + kBlock <= data.size(); at += kBlock)
      sums[static_cast<std::size_t>(offset) / kBlock + at / kBlock] = sum_of(data.substr(at, kBlock));
  });
  return sums;
}

std::set<std::size_t> DiskModel::possible(std::size_t block) const {
  auto const at = changed_.find(block);
  return at == changed_.end() ? std::set{first_->at(block)} : at->second;
}

void DiskModel::wrote(std::size_t block, Stamp stamp) {
  changed_[block] = {sum_of(stamp)};
}

void DiskModel::may_have_written(std::size_t block, Stamp stamp) {
  auto sums = possible(block);
  sums.insert(sum_of(stamp));
  changed_[block] = std::move(sums);
}

void DiskModel::may_be(DiskModel const& other) {
  std::set<std::size_t> blocks;
  for (DiskModel const* const model : {static_cast<DiskModel const*>(this), &other})
    for (auto const& [block, sums] : model->changed_) blocks.insert(block);
  for (auto const block : blocks) {
    auto sums = possible(block);
    sums.merge(other.possible(block));
    changed_[block] = std::move(sums);
  }
}

std::optional<std::size_t> DiskModel::settle(BlockSums const& seen) {
  if (seen.size() != first_->size()) return seen.size();
  for (std::size_t block = 0; block < seen.size(); ++block)
    if (possible(block).count(seen[block]) == 0) return block;
  for (auto& [block, sums] : changed_) sums = {seen[block]};
  return std::nullopt;
}

}  // namespace templatefs::test
