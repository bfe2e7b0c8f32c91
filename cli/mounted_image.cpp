// SPDX-License-Identifier: Apache-2.0
#include "cli/mounted_image.h"

#include "base/deadline.h"
#include "base/error.h"
#include "base/files.h"
#include "cache/layout.h"
#include "cli/live_mount.h"

#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

namespace templatefs::cli {

using namespace std::chrono_literals;

std::string attribute_of(std::string const& path, std::string const& name) {
  char value[256];
  auto const length = ::getxattr(path.c_str(), ("user.templatefs." + name).c_str(), value, sizeof value);
  if (length < 0 && errno == ENODATA) return {};
  return {value, static_cast<std::size_t>(check(length, "look at", path))};
}

MountedImage open_mounted_image(std::string const& path) {
  auto const mount = find_mount_of(path);
  if (!mount) throw Error(EINVAL, "use " + path + ": it lies in no mounted templatefs");
  MountedImage image;
  image.path = mount->mount_point + "/" + mount->below;
  image.below = mount->below;
  image.status = read_status(mount->mount_point);
  auto const state = attribute_of(image.path, "state");
  if (state.empty()) throw Error(EINVAL, "use " + image.path + ": it is no image");
  if (state == "name")
    throw Error(ENOENT, "use " + image.path + ": nobody has opened it yet", "Its first open makes it.");
  image.file = open_at(AT_FDCWD, image.path, O_RDONLY);
  sync_file(image.file.get(), image.path);
  image.made_from = attribute_of(image.path, "template");
  return image;
}

Fd MountedImage::open_in_store() const {
  std::string const store = status.at("store").at("path");
  return open_at(AT_FDCWD, store + "/" + cache::layout::session_image(status.at("session"), below),
                 O_RDONLY | O_NOFOLLOW);
}

std::string writers_of(MountedImage const& image) {
  auto const deadline = Deadline::after(1s);
  for (;; std::this_thread::sleep_for(2ms)) {
    if (attribute_of(image.path, "state") != "open for writing") return {};
    std::string names;
    for (auto const& user : writers_of_file(image.path)) names += (names.empty() ? "" : ", ") + user;
    if (!names.empty()) return names;
    if (deadline.passed()) return "somebody";
  }
}

}  // namespace templatefs::cli
