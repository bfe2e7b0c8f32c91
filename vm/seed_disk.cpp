// SPDX-License-Identifier: Apache-2.0
#include "vm/seed_disk.h"

#include "base/error.h"
#include "base/files.h"
#include "vm/filesystem.h"
#include "vm/logged_child.h"
#include "vm/seed_archive.h"
#include "vm/seed_directory.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

Error changed(Seed const& seed) {
  return Error(EAGAIN, "the seed " + seed.path + " changed while it was read",
               "Open the image again once nobody writes to the seed");
}

}  // namespace

SeedDisk::SeedDisk(Seed const& seed, Archiver const& archiver, Surroundings const& surroundings)
    : seed_(seed) {
  if (seed.kind == Seed::Kind::directory)
    pack_directory(archiver, surroundings);
  else
    open_archive(surroundings);
}

void SeedDisk::pack_directory(Archiver const& archiver, Surroundings const& surroundings) {
  auto const before = walk_directory_seed(seed_.path);
  size_ = before.size;
  file_ = make_unnamed_file(surroundings.directory);
  auto& log = surroundings.log;
  auto const status = run_logged(pack_command(archiver, seed_.path), {{1, file_.get()}}, "tar", log,
                                 surroundings.deadline, surroundings.stop);
  // 1: a file changed or went away while it was read.
  if (status.exited && status.code == 1) throw changed(seed_);
  if (!status.success()) {
    // The store's filesystem: what to do about that its owner knows.
    if (log.tail().find(std::strerror(ENOSPC)) != std::string::npos)
      throw Error(ENOSPC, "pack the seed " + seed_.path);
    throw Error(EIO, "pack the seed " + seed_.path + " (tar: " + status.describe() + ")",
                log.tail_for_people());
  }
  if (walk_directory_seed(seed_.path).digest != before.digest) throw changed(seed_);
}

void SeedDisk::open_archive(Surroundings const& surroundings) {
  file_ = open_seed_file(seed_.path, made_from_);
  if (seed_.kind == Seed::Kind::image) return;
  if (is_compressed_archive(file_, seed_.path)) {
    Fd tar = make_unnamed_file(surroundings.directory);
    decompress_archive_seed(file_, seed_.path, tar, surroundings.deadline, surroundings.stop);
    require_unchanged();
    file_ = std::move(tar);
    made_from_ = {};
  }
  auto const contents = scan_archive_seed(file_, seed_.path);
  size_ = contents.size;
  textual_acls_ = contents.textual_acls;
}

std::int64_t SeedDisk::bytes() const noexcept {
  struct stat st {};
  ::fstat(file_.get(), &st);
  return (st.st_size + 511) / 512 * 512;
}

void SeedDisk::require_unchanged() const {
  struct stat now {};
  if (made_from_.st_ino == 0) return;
  check(::fstat(file_.get(), &now), "read the seed", seed_.path);
  if (now.st_size != made_from_.st_size || now.st_ctim.tv_sec != made_from_.st_ctim.tv_sec ||
      now.st_ctim.tv_nsec != made_from_.st_ctim.tv_nsec)
    throw changed(seed_);
}

bool must_be_packed(Seed const& seed) {
  if (seed.kind != Seed::Kind::tar) return seed.kind == Seed::Kind::directory;
  struct stat st {};
  return is_compressed_archive(open_seed_file(seed.path, st), seed.path);
}

Filesystem const& filesystem_in_image(Seed const& seed) {
  if (!seed.subpath.starts_with('/') || (seed.subpath + "/").find("/../") != std::string::npos)
    throw Error(EINVAL, "take " + seed.subpath + " from the image " + seed.path,
                "The path inside an image begins with / and has no .. in it");
  struct stat st {};
  Fd const file = open_seed_file(seed.path, st);
  auto const* const filesystem = identify_filesystem(file.get());
  if (filesystem != nullptr && filesystem->holds_files()) return *filesystem;
  throw Error(EINVAL, "find a filesystem in the seed " + seed.path,
              "An image is a raw one of a single filesystem, without partitions, that templatefs can make");
}

}  // namespace templatefs::vm
