// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image_facts.h"

#include "base/birth_time.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/extent_usage.h"
#include "fusefs/image_files.h"

#include <cstdint>
#include <memory>

#include <fcntl.h>

namespace templatefs::fusefs {

namespace {

/// What is needed of a node after the table's mutex is let go.
struct Backing {
  std::optional<cache::TemplateRequest> request;
  bool exists = false;  // as an image
  uid_t opener_uid = 0;
  gid_t opener_gid = 0;
  std::shared_ptr<OpenImage> open;
  ImagePlace place;
};

Backing backing_of(Filesystem& fs, fuse_ino_t number) {
  Backing out;
  fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(number);
    if (node == nullptr) return;
    if (node->holds_images()) out.request = static_cast<ImageDirectoryNode const*>(node)->capacity().request;
    if (node->kind != NodeKind::image) return;
    auto const& image = static_cast<ImageNode const&>(*node);
    out.place = place_of(image);
    out.request = out.place.request;
    out.exists = image.exists;
    out.opener_uid = image.opener_uid;
    out.opener_gid = image.opener_gid;
    out.open = image.open;
  });
  return out;
}

/// Borrows the descriptor of an image that is open, and opens one that is idle: for reading, so that nothing
/// of it changes.
class BackingFile {
 public:
  BackingFile(Filesystem const& fs, Backing const& subject) : shared_(subject.open) {
    if (!shared_) own_ = open_backing_file(fs, subject.place, O_RDONLY | O_NOFOLLOW);
  }
  int fd() const noexcept { return shared_ ? shared_->fd() : own_.get(); }

 private:
  std::shared_ptr<OpenImage> shared_;
  Fd own_;
};

}  // namespace

std::optional<std::string> image_fact(Filesystem& fs, fuse_ino_t number, std::string_view name) {
  bool const is_usage = name == "exclusive_bytes" || name == "shared_bytes";
  if (!is_usage && name != "key" && name != "created" && name != "opener") return std::nullopt;
  auto const subject = backing_of(fs, number);
  if (name == "key") return subject.request ? fs.cache.known_key(*subject.request) : std::nullopt;
  if (!subject.exists) return std::nullopt;
  if (name == "opener") return format("uid={} gid={}", subject.opener_uid, subject.opener_gid);
  BackingFile const file(fs, subject);
  if (name == "created") {
    auto const made_at = birth_time_ms(file.fd());
    return made_at ? std::optional(rfc3339(*made_at)) : std::nullopt;
  }
  sync_file(file.fd(), subject.place.name);
  auto const usage = cache::Footprint(file.fd()).usage();
  return std::to_string(name == "shared_bytes" ? usage.shared : usage.exclusive);
}

}  // namespace templatefs::fusefs
