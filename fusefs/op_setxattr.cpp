// SPDX-License-Identifier: Apache-2.0
#include "cache/pins.h"
#include "fusefs/images.h"
#include "fusefs/operations.h"
#include "fusefs/pinning.h"
#include "fusefs/security_labels.h"
#include "fusefs/snapshots.h"

#include <functional>
#include <optional>
#include <string>

#include <sys/xattr.h>

// Attributes as commands to an image: what a container without our program can do as well.
namespace templatefs::fusefs {

namespace {

using Act = std::function<void(Filesystem& fs, fuse_ino_t number, OpenImage const& open, std::string const&)>;

/// What setting an attribute does to the image, which is open for it; empty for one that cannot be set.
Act act_of(std::string_view name) {
  if (name == kKeepAttribute)
    return [](auto& fs, auto number, auto const& open, auto const& value) { pin(fs, number, open, value); };
  if (name == "user.templatefs.snapshot")
    return [](auto& fs, auto number, auto const& open, auto const& value) {
      take_snapshot(fs, number, open, value, false);
    };
  if (name == "user.templatefs.snapshot.force")
    return [](auto& fs, auto number, auto const& open, auto const& value) {
      take_snapshot(fs, number, open, value, true);
    };
  if (name == "user.templatefs.snapshot.remove")
    return [](auto& fs, auto number, auto const&, auto const& value) { remove_snapshot(fs, number, value); };
  if (name == "user.templatefs.revert.force") return revert_open;
  return {};
}

struct Standing {
  int refusal = 0;  // an errno
  bool pinned = false;
};

/// Only of an image that exists: to make one of a name takes an open.
Standing standing_of(Filesystem& fs, fuse_ino_t number) {
  return fs.nodes.with([&](NodeTable& nodes) -> Standing {
    Node const* const node = nodes.find(number);
    if (node == nullptr) return {ESTALE};
    if (node->kind != NodeKind::image) return {EOPNOTSUPP};
    auto const& image = static_cast<ImageNode const&>(*node);
    if (image.gone) return {ESTALE};
    return {image.exists ? 0 : ENOENT, image.pinned};
  });
}

int refusal_of(Standing const& standing, std::string_view name, std::size_t size, int flags) {
  if (standing.refusal != 0) return standing.refusal;
  if (size > cache::kLongestReason) return E2BIG;
  bool const there = name == kKeepAttribute && standing.pinned;
  if ((flags & XATTR_CREATE) != 0 && there) return EEXIST;
  if ((flags & XATTR_REPLACE) != 0 && !there) return ENODATA;
  return 0;
}

}  // namespace

void op_setxattr(fuse_req_t req, fuse_ino_t number, char const* name, char const* value, std::size_t size,
                 int flags) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    if (is_security_label(name))
      return request.error(set_security_label(fs, number, name, std::string(value, size), flags));
    bool const reverts = std::string_view(name) == "user.templatefs.revert";
    auto const act = act_of(name);
    if (!act && !reverts) return request.error(EOPNOTSUPP);
    if (int const refusal = refusal_of(standing_of(fs, number), name, size, flags))
      return request.error(refusal);
    if (reverts) {
      revert(fs, number, std::string(value, size));
      return request.success();
    }
    with_open_image(fs, request, number, {},
                    [&fs, number, act, text = std::string(value, size)](Request& held, OpenImage& open) {
                      act(fs, number, open, text);
                      held.success();
                      return false;
                    });
  });
}

void op_removexattr(fuse_req_t req, fuse_ino_t number, char const* name) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    if (is_security_label(name)) return request.error(remove_security_label(fs, number, name));
    if (name != kKeepAttribute) return request.error(EOPNOTSUPP);
    auto const standing = standing_of(fs, number);
    if (standing.refusal != 0) return request.error(standing.refusal);
    if (!standing.pinned) return request.error(ENODATA);
    with_open_image(fs, request, number, {}, [&fs, number](Request& held, OpenImage& open) {
      unpin(fs, number, open);
      held.success();
      return false;
    });
  });
}

}  // namespace templatefs::fusefs
