// SPDX-License-Identifier: Apache-2.0
#include "cli/image_attribute.h"

#include "base/error.h"
#include "cli/live_mount.h"

#include <cerrno>

#include <sys/xattr.h>

namespace templatefs::cli {

void change_image(std::string const& verb, std::string const& image, std::string const& attribute,
                  std::optional<std::string> const& value) {
  auto const what = verb + " " + image;
  if (!find_mount_of(image)) throw Error(EINVAL, what + ": it lies in no mounted templatefs");
  char state[64];
  auto const length = ::getxattr(image.c_str(), "user.templatefs.state", state, sizeof state);
  if (length < 0 && errno == ENODATA) throw Error(EINVAL, what + ": it is no image");
  if (length < 0) throw_errno(verb, image);
  if (std::string(state, static_cast<std::size_t>(length)) == "name")
    throw Error(ENOENT, what + ": nobody has opened it yet", "Its first open makes it.");
  int const failed = value ? ::setxattr(image.c_str(), attribute.c_str(), value->data(), value->size(), 0)
                           : ::removexattr(image.c_str(), attribute.c_str());
  if (failed != 0) throw_errno(verb, image);
}

}  // namespace templatefs::cli
