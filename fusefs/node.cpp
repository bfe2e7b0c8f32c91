// SPDX-License-Identifier: Apache-2.0
#include "fusefs/node.h"

#include <utility>

namespace templatefs::fusefs {

CapacityNode& ImageDirectoryNode::capacity() noexcept {
  return kind == NodeKind::set ? static_cast<CapacityNode&>(*parent) : static_cast<CapacityNode&>(*this);
}

CapacityNode const& ImageDirectoryNode::capacity() const noexcept {
  return kind == NodeKind::set ? static_cast<CapacityNode const&>(*parent)
                               : static_cast<CapacityNode const&>(*this);
}

void ImageDirectoryNode::list(ListedNode& node, std::int64_t now_ns) {
  bool const first = listed.empty();
  listed.insert(node);
  changed_ns = now_ns;
  if (first && kind == NodeKind::set) capacity().list(*this, now_ns);
}

void ImageDirectoryNode::unlist(ListedNode& node, std::int64_t now_ns) {
  listed.erase(listed.iterator_to(node));
  changed_ns = now_ns;
  if (kind != NodeKind::set || !listed.empty()) return;
  static_cast<SetNode&>(*this).emptied = true;
  capacity().unlist(*this, now_ns);
}

void ImageNode::appear(std::int64_t now_ns) {
  exists = true;
  directory().list(*this, now_ns);
}

void ImageNode::disappear(std::int64_t now_ns) {
  if (exists) directory().unlist(*this, now_ns);
  exists = false;
  gone = true;
  charge = {};
}

std::vector<std::uint64_t> ImageNode::end_busy() noexcept {
  // One that is gone was there: unlinked while it was being opened again.
  if (busy && !exists && !gone) --directory().making;
  busy = false;
  return std::exchange(waiters, {});
}

std::vector<std::uint64_t> ImageNode::give_up() noexcept {
  if (!exists) charge = {};
  return end_busy();
}

}  // namespace templatefs::fusefs
