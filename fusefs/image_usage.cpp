// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image_usage.h"

#include "base/error.h"
#include "base/log.h"
#include "cache/extent_usage.h"
#include "fusefs/filesystem.h"
#include "fusefs/image_files.h"

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <fcntl.h>

namespace templatefs::fusefs {

namespace {

struct Measured {
  fuse_ino_t number;
  BackingName file;
};

std::vector<Measured> images_of(Filesystem& fs) {
  return fs.nodes.with([](NodeTable const& nodes) {
    std::vector<Measured> all;
    nodes.for_each([&](Node const& node) {
      if (node.kind != NodeKind::image || !static_cast<ImageNode const&>(node).exists) return;
      auto const& image = static_cast<ImageNode const&>(node);
      all.push_back({image.number, place_of(image)});
    });
    return all;
  });
}

/// Nothing where it was removed or renamed this instant. What is not on the disk yet has no place there, and
/// counts as the image's own: it was written.
std::optional<std::int64_t> exclusive_bytes(Filesystem const& fs, BackingName const& image) {
  try {
    return cache::Footprint(open_backing_file(fs, image, O_RDONLY | O_NOFOLLOW).get()).usage().exclusive;
  } catch (Error const& error) {
    if (error.err() != ENOENT) throw;
    return std::nullopt;
  }
}

void measure(Filesystem& fs, std::stop_token const& stop) {
  for (auto const& each : images_of(fs)) {
    if (stop.stop_requested()) return;
    auto const bytes = exclusive_bytes(fs, each.file);
    if (!bytes) continue;
    fs.nodes.with([&](NodeTable& nodes) {
      Node* const node = nodes.find(each.number);
      if (node != nullptr) static_cast<ImageNode*>(node)->charge.set_bytes(*bytes);
    });
  }
}

}  // namespace

void ImageUsage::measure_if_due(Filesystem& fs) {
  bool const wanted =
      fs.nodes.with([](NodeTable const& nodes) { return nodes.holdings.quota.limits_bytes(); });
  if (!wanted || Clock::now() < due_.load() || running_.exchange(true)) return;
  fs.pool.submit([this, &fs](std::stop_token const& stop) {
    auto const began = Clock::now();
    try {
      measure(fs, stop);
    } catch (...) {
      spdlog::warn("what images take was not measured: {}", to_error(std::current_exception()).sentence());
    }
    constexpr int kPauses = 20;  // for each time that it takes
    due_ = Clock::now() + kPauses * (Clock::now() - began);
    running_ = false;
  });
}

}  // namespace templatefs::fusefs
