// SPDX-License-Identifier: Apache-2.0
#include "fusefs/snapshots.h"

#include "base/copy_file.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "cache/pins.h"
#include "cache/template_store.h"
#include "fusefs/images.h"
#include "fusefs/path_grammar.h"

#include <algorithm>
#include <cerrno>
#include <exception>

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

std::string directory_of(std::string const& store_name) {
  return std::string(kSnapshots) + "/" + store_name;
}

struct SnapshotSubject {
  ImagePlace place;
  std::string made_from;
  std::uint32_t writers = 0;
  bool has_snapshots = false;
};

/// Throws Error(ESTALE) where it is gone.
SnapshotSubject snapshot_subject(Filesystem& fs, fuse_ino_t number) {
  SnapshotSubject subject;
  fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(number);
    auto const* const image =
        node != nullptr && node->kind == NodeKind::image ? static_cast<ImageNode const*>(node) : nullptr;
    if (image == nullptr || !image->exists) throw Error(ESTALE, "use an image that is gone");
    subject.place = place_of(*image);
    if (image->made_from != nullptr) subject.made_from = *image->made_from;
    subject.writers = image->writers;
    subject.has_snapshots = image->has_snapshots;
  });
  return subject;
}

std::int64_t size_of(int fd, std::string const& name) {
  struct stat st {};
  check(::fstat(fd, &st), "stat", name);
  return st.st_size;
}

/// A whole copy of an open file under a new name.
void clone(Filesystem& fs, int from, int dir, std::string const& name) {
  auto const& store = fs.cache.store();
  cache::FanOut fan_out(store.rung(), store.fan_out_choice());
  (void)fan_out.make_image(from, size_of(from, name), dir, name);
}

/// What the image is to become, as a new file beside it; its name.
std::string make_successor(Filesystem& fs, SnapshotSubject const& subject, std::string const& snapshot) {
  auto const& place = subject.place;
  int const dir = place.dir->get();
  std::string successor = ".successor-" + random_hex(8);
  if (!snapshot.empty()) {
    Fd const source =
        open_at_if_exists(dir, directory_of(place.name) + "/" + snapshot, O_RDONLY | O_NOFOLLOW);
    if (!is_image_id(snapshot) || !source)
      throw Error(ENOENT, "revert " + place.name + " to " + snapshot + ": it has no such snapshot");
    clone(fs, source.get(), dir, successor);
    return successor;
  }
  auto const look = subject.made_from.empty()
                        ? cache::TemplateStore::Look{cache::Presence::missing, std::nullopt}
                        : cache::TemplateStore(fs.cache.store().dir()).pin(subject.made_from, place.request);
  if (!look.found)
    throw Error(ENOENT, "revert " + place.name + ": the template that it was made from is not there any more",
                "Remove the image: the next open makes it anew.");
  auto const stamp = place.set.empty() ? cache::Stamp::as_recipe : cache::Stamp::own_where_possible;
  (void)fs.cache.make_image(*look.found, place.request, dir, successor, stamp);
  return successor;
}

/// The successor takes the name, and the image of before, open as `old`, the successor's. Nothing changes
/// where the name is another file's by now.
void exchange(ImagePlace const& place, std::string const& successor, int old) {
  int const dir = place.dir->get();
  struct stat before {};
  struct stat displaced {};
  check(::fstat(old, &before), "stat", place.name);
  check(::fchownat(dir, successor.c_str(), before.st_uid, before.st_gid, AT_SYMLINK_NOFOLLOW), "chown",
        place.name);
  auto const swap = [&] {
    check(::renameat2(dir, successor.c_str(), dir, place.name.c_str(), RENAME_EXCHANGE), "revert",
          place.name);
  };
  swap();
  if (::fstatat(dir, successor.c_str(), &displaced, AT_SYMLINK_NOFOLLOW) == 0 &&
      displaced.st_ino == before.st_ino)
    return;
  swap();
  throw Error(ESTALE, "revert " + place.name + ": it was removed meanwhile");
}

/// Replaces all that a file holds. In between, and after a failure, it holds neither.
void overwrite(int from, int to, std::string const& name) {
  auto const bytes = size_of(from, name);
  if (reflink(from, to) != 0) {
    check(::ftruncate(to, 0), "truncate", name);
    copy_sparse(from, to, bytes);
  }
  check(::ftruncate(to, bytes), "set the length of", name);
}

}  // namespace

void take_snapshot(Filesystem& fs, fuse_ino_t number, OpenImage const& open, std::string const& name,
                   bool force) {
  if (!force) await_releases(fs, number, [](ImageNode const& image) { return image.writers > 0; });
  auto const subject = snapshot_subject(fs, number);
  auto const& place = subject.place;
  if (!is_image_id(name))
    throw Error(EINVAL, "name a snapshot \"" + name + "\"", "It is named as an image's id is.");
  if (subject.writers > 0 && !force)
    throw Error(EBUSY, "take a snapshot of " + place.name + ": it is open for writing");
  std::string const directory = directory_of(place.name);
  make_directories(place.dir->get(), directory, 0700);
  Fd const dir = open_at(place.dir->get(), directory, O_RDONLY | O_DIRECTORY);
  clone(fs, open.fd(), dir.get(), name);
  fs.nodes.with([&](NodeTable& nodes) { static_cast<ImageNode&>(*nodes.find(number)).has_snapshots = true; });
}

void remove_snapshot(Filesystem& fs, fuse_ino_t number, std::string const& name) {
  auto const subject = snapshot_subject(fs, number);
  auto const& place = subject.place;
  if (!is_image_id(name)) throw Error(ENOENT, "remove the snapshot " + name);
  check(::unlinkat(place.dir->get(), (directory_of(place.name) + "/" + name).c_str(), 0),
        "remove the snapshot", name);
}

std::vector<std::string> snapshots_of(Filesystem& fs, fuse_ino_t number) {
  auto const subject = snapshot_subject(fs, number);
  std::vector<std::string> names;
  if (subject.has_snapshots)
    for_each_entry(subject.place.dir->get(), directory_of(subject.place.name), [&](std::string const& name) {
      if (is_image_id(name)) names.push_back(name);
    });
  std::sort(names.begin(), names.end());
  return names;
}

void revert(Filesystem& fs, fuse_ino_t number, std::string const& name) {
  name_now(fs, number);  // to be exchanged
  auto const subject = snapshot_subject(fs, number);
  change_idle_image(fs, number, [&](ImagePlace const& place) {
    Fd const old = open_at(place.dir->get(), place.name, O_RDONLY | O_NOFOLLOW);
    auto const successor = make_successor(fs, subject, name);
    ScopeExit const remove([&] { ::unlinkat(place.dir->get(), successor.c_str(), 0); });
    if (auto const pin = cache::read_pin(old.get()))
      cache::pin_image(fs.session, open_at(place.dir->get(), successor, O_RDWR).get(), *pin);
    exchange(place, successor, old.get());
  });
  fs.connection.forget_data(number);
}

void revert_open(Filesystem& fs, fuse_ino_t number, OpenImage const& open, std::string const& name) {
  auto const subject = snapshot_subject(fs, number);
  int const dir = subject.place.dir->get();
  auto const successor = make_successor(fs, subject, name);
  ScopeExit const remove([&] { ::unlinkat(dir, successor.c_str(), 0); });
  std::string const before = ".before-" + random_hex(8);
  clone(fs, open.fd(), dir, before);
  try {
    overwrite(open_at(dir, successor, O_RDONLY).get(), open.fd(), subject.place.name);
  } catch (...) {
    overwrite(open_at(dir, before, O_RDONLY).get(), open.fd(), subject.place.name);
    ::unlinkat(dir, before.c_str(), 0);
    throw;
  }
  ::unlinkat(dir, before.c_str(), 0);
  fs.connection.forget_data(number);
}

void drop_snapshots(ImagePlace const& place) noexcept {
  try {
    remove_tree(place.dir->get(), directory_of(place.name));
  } catch (std::exception const& error) {
    spdlog::warn("snapshots of {} go with the mount: {}", place.name, error.what());
  }
}

void move_snapshots(ImagePlace const& place, std::string const& new_store_name) noexcept {
  // Of an image that had the new name and is replaced, if any.
  drop_snapshots({{place.dir, new_store_name}});
  if (::renameat(place.dir->get(), directory_of(place.name).c_str(), place.dir->get(),
                 directory_of(new_store_name).c_str()) != 0 &&
      errno != ENOENT)
    spdlog::warn("snapshots of {} stay behind: {}", place.name, errno_words(errno));
}

bool has_snapshots(int capacity_dir, std::string const& store_name) noexcept {
  return ::faccessat(capacity_dir, directory_of(store_name).c_str(), F_OK, 0) == 0;
}

}  // namespace templatefs::fusefs
