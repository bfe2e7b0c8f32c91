// SPDX-License-Identifier: Apache-2.0
#include "fusefs/security_labels.h"

#include <cerrno>
#include <utility>

#include <sys/xattr.h>

namespace templatefs::fusefs {

namespace {

/// libvirt needs three for each of its security drivers, of a few dozen bytes.
constexpr std::size_t kMostLabels = 16;
constexpr std::size_t kLongestLabel = 1024;

/// Null where there is no such image. Under the node table's mutex.
ImageNode* image_at(NodeTable& nodes, fuse_ino_t number) {
  Node* const node = nodes.find(number);
  if (node == nullptr || node->kind != NodeKind::image) return nullptr;
  auto& image = static_cast<ImageNode&>(*node);
  return image.exists ? &image : nullptr;
}

}  // namespace

bool is_security_label(std::string_view name) noexcept {
  return name.starts_with("trusted.libvirt.security.");
}

int set_security_label(Filesystem& fs, fuse_ino_t number, std::string_view name, std::string value,
                       int flags) {
  if (value.size() > kLongestLabel) return E2BIG;
  return fs.nodes.with([&](NodeTable& nodes) {
    ImageNode* const image = image_at(nodes, number);
    // Nobody's names and directories have nothing to remember.
    if (image == nullptr) return EOPNOTSUPP;
    if (!image->security_labels) image->security_labels = std::make_unique<SecurityLabels>();
    auto& labels = *image->security_labels;
    auto const found = labels.find(name);
    if (found == labels.end()) {
      if ((flags & XATTR_REPLACE) != 0) return ENODATA;
      if (labels.size() >= kMostLabels) return ENOSPC;
      labels.emplace(name, std::move(value));
      return 0;
    }
    if ((flags & XATTR_CREATE) != 0) return EEXIST;
    found->second = std::move(value);
    return 0;
  });
}

int remove_security_label(Filesystem& fs, fuse_ino_t number, std::string_view name) {
  return fs.nodes.with([&](NodeTable& nodes) {
    ImageNode* const image = image_at(nodes, number);
    if (image == nullptr || !image->security_labels) return ENODATA;
    auto const found = image->security_labels->find(name);
    if (found == image->security_labels->end()) return ENODATA;
    image->security_labels->erase(found);
    if (image->security_labels->empty()) image->security_labels.reset();
    return 0;
  });
}

std::optional<std::string> security_label(Filesystem& fs, fuse_ino_t number, std::string_view name) {
  return fs.nodes.with([&](NodeTable& nodes) -> std::optional<std::string> {
    ImageNode const* const image = image_at(nodes, number);
    if (image == nullptr || !image->security_labels) return std::nullopt;
    auto const found = image->security_labels->find(name);
    return found == image->security_labels->end() ? std::nullopt : std::optional(found->second);
  });
}

}  // namespace templatefs::fusefs
