// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"
#include "fusefs/image_files.h"

#include <functional>
#include <memory>
#include <string>

// How an image becomes open. See the state diagram at ImageNode.
//
// Who owns what: a node's `open` is shared by its holders, counted in `opens`: each delivered open until its
// RELEASE, and each operation that borrows it. The thread that sets `busy` alone makes or opens the image;
// everybody else parks, and is answered by that thread, or by the job it left the image to. No mutex is held
// meanwhile.
namespace templatefs::fusefs {

struct Entry {
  bool empty_if_new = false;  // O_TRUNC at the first open: an empty image, no template needed
};

/// Makes the image open, building and cloning as needed, and calls `resume` with it: at once on this thread
/// where that needs no waiting, else later on another. A failure answers the request with its errno and
/// leaves a record. Takes the request over.
void with_open_image(Filesystem& fs, Request& request, fuse_ino_t number, Entry entry, Resume resume);

/// Whether an open with these flags lets the kernel write to the image.
bool may_write(int open_flags);
/// One more, or one fewer, of such opens: for user.templatefs.state.
void count_writer(Filesystem& fs, fuse_ino_t number, int change);

/// One holder fewer. The last one closes the image.
void release_image(Filesystem& fs, fuse_ino_t number);

/// A success makes the records of earlier failures of the same path history that would mislead.
void forget_failures(Filesystem& fs, fuse_ino_t number);

/// The open image behind a file handle that the kernel holds. Throws Error(EBADF) where there is none.
std::shared_ptr<OpenImage> open_image_of(Filesystem& fs, fuse_ino_t number);

/// The kernel tells of a close(2) only after that has returned: gives it a moment, while an image seems to be
/// in use.
void await_releases(Filesystem& fs, fuse_ino_t number, std::function<bool(ImageNode const&)> const& in_use);

/// Alone with an image that nobody has open: those who come meanwhile wait. Throws Error: EBUSY while it is
/// open, ESTALE where it is gone, and what `change` throws.
void change_idle_image(Filesystem& fs, fuse_ino_t number,
                       std::function<void(ImagePlace const& place)> const& change);

/// For whoever made or opened the file of a busy image: tells the table, and answers all who wait for it. The
/// returned open carries one hold for the caller. `from` is what a new image was cloned from, null for an
/// empty one and for an old one.
std::shared_ptr<OpenImage> finish(Filesystem& fs, fuse_ino_t number, cache::HandedOut made,
                                  std::shared_ptr<Fd> const& dir, cache::PinnedTemplate const* from);

/// For the job that got a template: makes the image and answers all who wait for it.
void finish_from_template(Filesystem& fs, fuse_ino_t number, cache::SharedTemplate const& from);
/// Gives up making an image: its name is as new again, and all who wait get the error.
void fail_image(Filesystem& fs, fuse_ino_t number, Error const& error);

}  // namespace templatefs::fusefs
