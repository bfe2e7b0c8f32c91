// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <memory>
#include <string>

namespace templatefs::fusefs {

/// images/<recipe>/<capacity> in the session, made with the first image in it. Throws Error.
std::shared_ptr<Fd> image_directory(Filesystem& fs, cache::TemplateRequest const& request);

/// What an image is made as, and where its backing file is.
struct ImagePlace {
  cache::TemplateRequest request = {};
  std::shared_ptr<Fd> dir;  // the capacity's; null before its first image
  std::string name;         // in it: "t1.img", "t1.d/TEST.img"
  std::string set;          // "t1.d"; empty for an image that is in none
};

/// Under the table's mutex.
ImagePlace place_of(ImageNode const& image);

struct ImageOwner {
  uid_t uid;
  gid_t gid;
};

/// The backing file of a new image, open for reading and writing: a private copy of the request's template,
/// or an empty file without one. Makes the set's directory. Throws Error; then nothing is left.
Fd make_image_file(Filesystem& fs, ImagePlace const& place, ImageOwner owner,
                   cache::SharedTemplate const& from);

/// After a set's last image: its directory in the store, unless somebody makes another image in it already.
void remove_empty_set(int dir, std::string const& set) noexcept;

}  // namespace templatefs::fusefs
