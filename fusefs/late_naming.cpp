// SPDX-License-Identifier: Apache-2.0
#include "fusefs/late_naming.h"

#include "base/deadline.h"
#include "base/error.h"
#include "base/log.h"
#include "fusefs/filesystem.h"
#include "fusefs/image_files.h"

#include <chrono>
#include <utility>

#include <unistd.h>

namespace templatefs::fusefs {

namespace {

using namespace std::chrono_literals;

constexpr auto kLongest = 1s;
constexpr std::size_t kMany = 200;
constexpr unsigned kMostPostponed = 12;

ImageNode* find_image(NodeTable& nodes, fuse_ino_t number) {
  Node* const node = nodes.find(number);
  return node != nullptr && node->kind == NodeKind::image ? static_cast<ImageNode*>(node) : nullptr;
}

}  // namespace

void name_now(Filesystem& fs, fuse_ino_t number) {
  BackingName at;
  fs.nodes.with([&](NodeTable& nodes) {
    auto const* const image = find_image(nodes, number);
    if (image != nullptr && image->late) at = place_of(*image);
  });
  if (!at.late) return;
  // False is no failure: another thread did the same, or removed it.
  (void)fs.cache.give_name(at.late, at.dir->get(), at.name);
  bool const is_ours = fs.nodes.with([&](NodeTable& nodes) {
    auto* const image = find_image(nodes, number);
    return image != nullptr && image->late == at.late && std::exchange(image->late, {});
  });
  if (is_ours) fs.cache.forget_name(at.late);
}

void remove_late(Filesystem& fs, cache::LateName const& late) noexcept {
  if (!late) return;
  ::unlinkat(fs.cache.late_dir(), late.file().c_str(), 0);
  fs.cache.forget_name(late);
}

std::vector<fuse_ino_t> LateNaming::take_due(Waiting& all) {
  if (all.young.size() >= kMany && all.postponed < kMostPostponed) {
    ++all.postponed;
    all.old.insert(all.old.end(), all.young.begin(), all.young.end());
    all.young.clear();
    return {};
  }
  all.postponed = 0;
  return std::exchange(all.old, std::exchange(all.young, {}));
}

void LateNaming::name_the_old(Filesystem& fs) {
  auto due = waiting_.with([](Waiting& all) { return take_due(all); });
  auto const limit = Deadline::after(kLongest);
  while (!due.empty() && !limit.passed()) {
    auto const number = due.back();
    due.pop_back();
    try {
      name_now(fs, number);
    } catch (Error const& error) {
      // It is an image all the same, and the journal has its name.
      spdlog::warn("an image's file in the store does not get its name: {}", error.sentence());
    }
  }
  waiting_.with([&](Waiting& all) { all.old.insert(all.old.end(), due.begin(), due.end()); });
}

}  // namespace templatefs::fusefs
