// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <cerrno>
#include <memory>
#include <string>

namespace templatefs::fusefs {

/// images/<recipe>/<capacity> in the session, made with the first image in it. Throws Error.
std::shared_ptr<Fd> image_directory(Filesystem& fs, cache::TemplateRequest const& request);

/// Where an image's backing file is.
struct BackingName {
  std::shared_ptr<Fd> dir;    // the capacity's; null before its first image
  std::string name;           // in it: "t1.img", "t1.d/TEST.img"
  cache::LateName late = {};  // where it may still be instead: late_naming.h
};

/// And what it is made as.
struct ImagePlace : BackingName {
  cache::TemplateRequest request = {};
  std::string set = {};  // "t1.d"; empty for an image that is in none
};

/// Calls act(directory, name) where the file is. It answers as system calls do, -1 with ENOENT where there is
/// none, and so does this. The file moves once, from the one place to the other, at any moment.
template <class F>
int at_backing_file(Filesystem const& fs, BackingName const& at, F&& act) {
  if (at.late) {
    int const result = act(fs.cache.late_dir(), at.late.file().c_str());
    if (result >= 0 || errno != ENOENT) return result;
  }
  return act(at.dir->get(), at.name.c_str());
}

/// open(2) of an image's file. Throws Error.
Fd open_backing_file(Filesystem const& fs, BackingName const& at, int flags);

/// Under the table's mutex.
ImagePlace place_of(ImageNode const& image);

struct ImageOwner {
  uid_t uid;
  gid_t gid;
};

/// The backing file of a new image, open for reading and writing: a private copy of the request's template,
/// or an empty file without one. Makes the set's directory. Throws Error; then nothing is left.
cache::HandedOut make_image_file(Filesystem& fs, ImagePlace const& place, ImageOwner owner,
                                 cache::SharedTemplate const& from);

/// After a set's last image: its directory in the store, unless somebody makes another image in it already.
void remove_empty_set(int dir, std::string const& set) noexcept;

}  // namespace templatefs::fusefs
