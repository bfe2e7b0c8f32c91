// SPDX-License-Identifier: Apache-2.0
#include "fusefs/pinning.h"

#include "base/files.h"
#include "cache/pins.h"
#include "fusefs/image_files.h"

#include <fcntl.h>

namespace templatefs::fusefs {

namespace {

struct PinSubject {
  bool pinned = false;
  cache::Pin pin;  // as the node has it
};

PinSubject pin_subject(Filesystem& fs, fuse_ino_t number) {
  PinSubject subject;
  fs.nodes.with([&](NodeTable& nodes) {
    auto const& image = static_cast<ImageNode const&>(*nodes.find(number));
    subject.pinned = image.pinned;
    subject.pin.uid = image.uid;
    subject.pin.gid = image.gid;
    subject.pin.mode = image.mode;
    if (image.made_from != nullptr) subject.pin.made_from = *image.made_from;
  });
  return subject;
}

void set_pinned(Filesystem& fs, fuse_ino_t number, bool pinned) {
  fs.nodes.with([&](NodeTable& nodes) { static_cast<ImageNode&>(*nodes.find(number)).pinned = pinned; });
}

}  // namespace

void pin(Filesystem& fs, fuse_ino_t number, OpenImage const& open, std::string_view reason) {
  auto subject = pin_subject(fs, number);
  subject.pin.reason = reason;
  subject.pin.pinned_at_ms = epoch_ms_now();
  name_now(fs, number);  // pins go by names
  cache::pin_image(fs.session, open.fd(), subject.pin);
  set_pinned(fs, number, true);
}

void unpin(Filesystem& fs, fuse_ino_t number, OpenImage const& open) {
  cache::unpin_image(open.fd());
  set_pinned(fs, number, false);
}

void refresh_pin(Filesystem& fs, fuse_ino_t number, OpenImage const& open) {
  auto subject = pin_subject(fs, number);
  auto const before = subject.pinned ? cache::read_pin(open.fd()) : std::nullopt;
  if (!before) return;
  subject.pin.reason = before->reason;
  subject.pin.pinned_at_ms = before->pinned_at_ms;
  cache::pin_image(fs.session, open.fd(), subject.pin);
}

std::optional<std::string> reason_of_pin(Filesystem& fs, fuse_ino_t number) {
  ImagePlace place;
  fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(number);
    if (node == nullptr || node->kind != NodeKind::image) return;
    auto const& image = static_cast<ImageNode const&>(*node);
    if (image.exists && image.pinned) place = place_of(image);
  });
  if (!place.dir) return std::nullopt;
  Fd const file = open_at_if_exists(place.dir->get(), place.name, O_RDONLY | O_NOFOLLOW);
  auto const mark = file ? cache::read_pin(file.get()) : std::nullopt;
  return mark ? std::optional(mark->reason) : std::nullopt;
}

}  // namespace templatefs::fusefs
