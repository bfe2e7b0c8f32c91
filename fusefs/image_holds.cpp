// SPDX-License-Identifier: Apache-2.0
#include "base/deadline.h"
#include "fusefs/images.h"
#include "fusefs/lead.h"

#include <cerrno>
#include <chrono>
#include <exception>
#include <thread>

#include <fcntl.h>

namespace templatefs::fusefs {

namespace {

using namespace std::chrono_literals;

constexpr auto kReleaseLimit = 200ms;
constexpr auto kReleasePause = 1ms;

}  // namespace

bool may_write(int open_flags) {
  return (open_flags & O_ACCMODE) != O_RDONLY;
}

void count_writer(Filesystem& fs, fuse_ino_t number, int change) {
  fs.nodes.with([&](NodeTable& nodes) {
    Node* const node = nodes.find(number);
    if (node != nullptr && node->kind == NodeKind::image)
      static_cast<ImageNode*>(node)->writers += static_cast<std::uint32_t>(change);
  });
}

void release_image(Filesystem& fs, fuse_ino_t number) {
  std::shared_ptr<OpenImage> last;  // closed outside the mutex
  bool is_gone = false;
  fs.nodes.with([&](NodeTable& nodes) {
    Node* const node = nodes.find(number);
    if (node == nullptr || node->kind != NodeKind::image) return;
    auto& image = static_cast<ImageNode&>(*node);
    if (image.opens == 0 || --image.opens > 0) return;
    last = std::move(image.open);
    is_gone = image.gone;
    image.open = nullptr;
    nodes.release_if_unused(image);
  });
  if (is_gone) let_others_serve();  // all its blocks go with it
}

void forget_failures(Filesystem& fs, fuse_ino_t number) {
  if (fs.errors.empty()) return;
  std::string const path = fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(number);
    return node == nullptr ? std::string() : NodeTable::path(*node);
  });
  fs.errors.clear(path);
}

std::shared_ptr<OpenImage> open_image_of(Filesystem& fs, fuse_ino_t number) {
  auto open = fs.nodes.with([&](NodeTable& nodes) -> std::shared_ptr<OpenImage> {
    Node* const node = nodes.find(number);
    return node != nullptr && node->kind == NodeKind::image ? static_cast<ImageNode*>(node)->open : nullptr;
  });
  if (!open) throw Error(EBADF, "use an image that is not open");
  return open;
}

void await_releases(Filesystem& fs, fuse_ino_t number, std::function<bool(ImageNode const&)> const& in_use) {
  auto const seems_in_use = [&](NodeTable& nodes) {
    Node const* const node = nodes.find(number);
    return node != nullptr && node->kind == NodeKind::image && in_use(static_cast<ImageNode const&>(*node));
  };
  auto const limit = Deadline::after(kReleaseLimit);
  while (fs.nodes.with(seems_in_use) && !limit.passed()) std::this_thread::sleep_for(kReleasePause);
}

void change_idle_image(Filesystem& fs, fuse_ino_t number,
                       std::function<void(ImagePlace const& place)> const& change) {
  await_releases(fs, number, [](ImageNode const& image) { return image.open != nullptr; });
  ImagePlace place;
  fs.nodes.with([&](NodeTable& nodes) {
    auto* const image = static_cast<ImageNode*>(nodes.find(number));
    if (image == nullptr || !image->exists) throw Error(ESTALE, "change an image that is gone");
    if (image->busy || image->open) throw Error(EBUSY, "change " + image->name + ": it is open");
    image->busy = true;
    place = place_of(*image);
  });
  std::exception_ptr failure;
  try {
    change(place);
  } catch (...) {
    failure = std::current_exception();
  }
  // As when it is opened: who waits for it gets it.
  try {
    bool const gone = fs.nodes.with(
        [&](NodeTable& nodes) { return static_cast<ImageNode const&>(*nodes.find(number)).gone; });
    if (gone) throw Error(ESTALE, "change " + place.name + ": it was removed meanwhile");
    (void)finish(fs, number, {open_backing_file(fs, place, O_RDWR)}, place.dir, nullptr);
    release_image(fs, number);
  } catch (...) {
    fail_image(fs, number, to_error(std::current_exception()));
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace templatefs::fusefs
