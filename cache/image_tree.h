// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace templatefs::cache {

/// Calls `visit` with the path of each image below `root` ("btrfs/256M/t1.img", "btrfs/256M/t1.d/TEST.img"),
/// in no order, and with that of its file: another one where it has yet to get its name (cache/late_names.h).
/// `root` is a path below `store_dir`. All names are read before the first call, which may remove them.
/// Nothing where there is no `root`. Throws Error.
void for_each_image(int store_dir, std::string const& root,
                    std::function<void(std::string const& path, std::string const& file)> const& visit);

}  // namespace templatefs::cache
