// SPDX-License-Identifier: Apache-2.0
#include "cache/image_tree.h"

#include "base/files.h"
#include "cache/late_names.h"

#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {

namespace {

/// Recipe, capacity, set: nothing of ours is deeper.
constexpr int kDeepest = 3;

void collect(int store_dir, std::string const& root, std::string const& below, int depth,
             std::vector<std::string>& images) {
  for_each_entry(store_dir, below.empty() ? root : root + "/" + below, [&](std::string const& name) {
    if (name.front() == '.') return;  // what a mount keeps for itself: no id begins with a dot
    std::string const path = below.empty() ? name : below + "/" + name;
    struct stat st {};
    if (::fstatat(store_dir, (root + "/" + path).c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (S_ISREG(st.st_mode) && depth >= 2) images.push_back(path);
    if (S_ISDIR(st.st_mode) && depth < kDeepest) collect(store_dir, root, path, depth + 1, images);
  });
}

}  // namespace

void for_each_image(int store_dir, std::string const& root,
                    std::function<void(std::string const& path, std::string const& file)> const& visit) {
  std::vector<std::string> images;
  collect(store_dir, root, "", 0, images);
  for (auto const& path : images) visit(path, path);
  Fd const dir = open_at_if_exists(store_dir, root, O_RDONLY | O_DIRECTORY);
  if (dir) for_each_late_name(dir.get(), visit);
}

}  // namespace templatefs::cache
