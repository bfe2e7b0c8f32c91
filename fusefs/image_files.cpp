// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image_files.h"

#include "base/error.h"
#include "base/files.h"
#include "fusefs/lead.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

/// On a job's thread nobody is kept waiting but those it works for, one after the other.
cache::Patience patience_of_this_thread() {
  if (!has_lead()) return cache::Patience::none;
  return let_crowd_serve() ? cache::Patience::in_crowd : cache::Patience::alone;
}

cache::HandedOut make_file(Filesystem& fs, ImagePlace const& place, cache::SharedTemplate const& from) {
  int const dir = place.dir->get();
  if (!from) return {open_at(dir, place.name, O_RDWR | O_CREAT | O_EXCL, 0600)};
  bool const is_in_set = !place.set.empty();
  // A set's images meet in one machine, which may want to tell their filesystems apart. Its directory goes
  // with its last file.
  auto const stamp = is_in_set ? cache::Stamp::own_where_possible : cache::Stamp::as_recipe;
  auto const naming = is_in_set ? cache::Naming::at_once : cache::Naming::may_wait;
  return fs.cache.hand_out(from, place.request, dir, place.name, stamp, naming, patience_of_this_thread);
}

/// Losing this often in a row to people who remove the set's last image at that moment is no coincidence.
constexpr int kAttempts = 100;

cache::HandedOut make_file_in_set(Filesystem& fs, ImagePlace const& place,
                                  cache::SharedTemplate const& from) {
  int const dir = place.dir->get();
  for (int attempt = 1;; ++attempt) {
    if (::mkdirat(dir, place.set.c_str(), 0700) != 0 && errno != EEXIST)
      throw_errno("make the directory of the set", place.set);
    try {
      return make_file(fs, place, from);
    } catch (Error const& error) {
      // The directory was taken away in between. To remove it here would take away the one that another
      // opener has just made, who would do the same to this one.
      if (error.err() == ENOENT && attempt < kAttempts) continue;
      remove_empty_set(dir, place.set);
      throw;
    }
  }
}

}  // namespace

std::shared_ptr<Fd> image_directory(Filesystem& fs, cache::TemplateRequest const& request) {
  std::string const path = request.path();
  make_directories(fs.session.images_dir(), path, 0700);
  return std::make_shared<Fd>(open_at(fs.session.images_dir(), path, O_RDONLY | O_DIRECTORY));
}

Fd open_backing_file(Filesystem const& fs, BackingName const& at, int flags) {
  Fd file(at_backing_file(
      fs, at, [flags](int dir, char const* name) { return ::openat(dir, name, flags | O_CLOEXEC); }));
  if (!file) throw_errno("open", at.name);
  return file;
}

ImagePlace place_of(ImageNode const& image) {
  auto const& capacity = image.directory().capacity();
  return {{capacity.store_dir, image.store_name(), image.late},
          capacity.request,
          image.set() == nullptr ? std::string() : image.set()->name};
}

cache::HandedOut make_image_file(Filesystem& fs, ImagePlace const& place, ImageOwner owner,
                                 cache::SharedTemplate const& from) {
  auto image = place.set.empty() ? make_file(fs, place, from) : make_file_in_set(fs, place, from);
  // Ownership on the backing file is for quotas and for people who look into the store; what the mount shows
  // is the node's, so an unprivileged daemon that may not chown is no reason to fail.
  if (owner.uid != fs.owner_uid || owner.gid != fs.owner_gid) [[maybe_unused]]
    int const ignored = ::fchown(image.file.get(), owner.uid, owner.gid);
  ++fs.counters.images_made;
  return image;
}

void remove_empty_set(int dir, std::string const& set) noexcept {
  // ENOTEMPTY is what makes this safe at any time; an empty directory that stayed goes with the session.
  [[maybe_unused]] int const ignored = ::unlinkat(dir, set.c_str(), AT_REMOVEDIR);
}

}  // namespace templatefs::fusefs
