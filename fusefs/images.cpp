// SPDX-License-Identifier: Apache-2.0
#include "fusefs/images.h"

#include "base/files.h"
#include "base/log.h"
#include "fusefs/build_jobs.h"
#include "fusefs/image_files.h"

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

struct Caller {
  uid_t uid;
  gid_t gid;
  mode_t umask;
};

/// What to do about a request for an image, decided under the table's mutex in one look.
struct Decision {
  enum class Act { refuse, share, park, open_existing, make } act = Act::refuse;
  int err = 0;
  std::shared_ptr<OpenImage> open;  // share
  ImagePlace place;                 // open_existing, make
  std::string path;                 // below the mount point
  std::optional<Error> over_quota;  // refuse, and leave a record
};

/// The kernel has checked permissions, but against what it knew of a name that was nobody's: while the first
/// open is under way, a second user's open gets this far.
bool may_open(ImageNode const& image, Caller const& caller) {
  auto const* const set = image.set();
  if (set != nullptr && set->owned() && caller.uid != set->uid && (set->mode & 0011) == 0 && caller.uid != 0)
    return false;
  return !image.claimed() || caller.uid == 0 || caller.uid == image.uid || (image.mode & 0066) != 0;
}

/// The image is this caller's from now on, and its set, if that is nobody's.
void begin_making(NodeTable& nodes, ImageNode& image, Caller const& caller) {
  image.charge = {nodes.holdings, caller.uid};
  image.uid = image.opener_uid = caller.uid;
  image.gid = image.opener_gid = caller.gid;
  image.mode = 0600 & ~caller.umask;
  if (auto* const set = image.set(); set != nullptr && !set->owned()) {
    set->uid = caller.uid;
    set->gid = caller.gid;
    set->mode = 0700 & ~caller.umask;
  }
  ++image.directory().making;
}

Decision decide(NodeTable& nodes, fuse_ino_t number, Caller const& caller) {
  Decision decision;
  Node* const node = nodes.find(number);
  if (node == nullptr || node->kind != NodeKind::image) {
    decision.err = node == nullptr ? ESTALE : EISDIR;
    return decision;
  }
  auto& image = static_cast<ImageNode&>(*node);
  decision.path = NodeTable::path(image);
  decision.place = place_of(image);
  if (!may_open(image, caller)) {
    decision.err = EACCES;
  } else if (image.open) {
    ++image.opens;
    decision.open = image.open;
    decision.act = Decision::Act::share;
  } else if (image.busy) {
    decision.act = Decision::Act::park;
  } else if (image.gone || (image.set() != nullptr && image.set()->gone)) {
    decision.err = ESTALE;  // the kernel looks the path up anew
  } else if (!image.exists && (decision.over_quota = nodes.holdings.refusal(caller.uid))) {
    decision.err = EDQUOT;
  } else {
    image.busy = true;
    if (image.exists) {
      decision.act = Decision::Act::open_existing;
    } else {
      decision.act = Decision::Act::make;
      begin_making(nodes, image, caller);
    }
  }
  return decision;
}

/// Runs a resume; gives the hold back where it was only borrowed. Answers the errno of what it throws.
void resume_with(Filesystem& fs, Request& request, fuse_ino_t number, Resume const& resume,
                 OpenImage& open) noexcept {
  bool keeps = false;
  try {
    keeps = resume(request, open);
  } catch (...) {
    if (request) request.error(to_error(std::current_exception()).err());
  }
  if (!keeps) release_image(fs, number);
}

}  // namespace

std::shared_ptr<OpenImage> finish(Filesystem& fs, fuse_ino_t number, cache::HandedOut made,
                                  std::shared_ptr<Fd> const& dir, cache::PinnedTemplate const* from) {
  auto open = std::make_shared<OpenImage>(fs.connection, std::move(made.file));
  std::vector<std::uint64_t> waiters;
  bool is_new = false;
  bool is_late = false;
  fs.nodes.with([&](NodeTable& nodes) {
    auto& image = static_cast<ImageNode&>(*nodes.find(number));
    waiters = image.end_busy();
    is_new = !image.exists;
    if (!image.exists && !image.gone) {
      image.made_from = from == nullptr ? nullptr : nodes.intern(from->key);
      image.directory().capacity().store_dir = dir;
      image.late = std::exchange(made.late, {});
      is_late = static_cast<bool>(image.late);
      image.appear(epoch_ms_now() * 1'000'000);
    }
    image.open = open;
    image.opens += 1 + static_cast<std::uint32_t>(waiters.size());
  });
  if (is_late) fs.late_naming.add(number);
  remove_late(fs, made.late);                           // of a name that is gone meanwhile
  if (is_new) fs.connection.forget_attributes(number);  // those of a name that is nobody's
  for (auto const id : waiters) {
    if (auto parked = fs.parked.take(id))
      resume_with(fs, parked->request, number, parked->resume, *open);
    else
      release_image(fs, number);  // interrupted meanwhile
  }
  return open;
}

namespace {

void note_failure(Filesystem& fs, std::string const& path, Error const& error) {
  ++fs.counters.opens_failed;
  fs.errors.add(path, error);
  spdlog::error("open of {} failed: {}", path, error.sentence());
}

}  // namespace

void with_open_image(Filesystem& fs, Request& request, fuse_ino_t number, Entry entry, Resume resume) {
  Caller const caller{request.caller().uid, request.caller().gid, request.caller().umask};
  auto decision = fs.nodes.with([&](NodeTable& nodes) { return decide(nodes, number, caller); });

  if (decision.act == Decision::Act::park) {
    auto const id = fs.parked.park({Request(request.release()), std::move(resume), decision.path});
    if (id == 0) return;
    bool const queued = fs.nodes.with([&](NodeTable& nodes) {
      Node* const node = nodes.find(number);
      if (node == nullptr || !static_cast<ImageNode*>(node)->busy) return false;
      static_cast<ImageNode*>(node)->waiters.push_back(id);
      return true;
    });
    if (queued) return;
    // It became open (or failed) while the request was being parked: take it back and look again. What it
    // comes to now is not our caller's to answer, who has let go of the request.
    auto parked = fs.parked.take(id);
    if (!parked) return;
    try {
      with_open_image(fs, parked->request, number, entry, std::move(parked->resume));
    } catch (...) {
      if (parked->request) parked->request.error(to_error(std::current_exception()).err());
    }
    return;
  }

  switch (decision.act) {
    case Decision::Act::refuse:
      if (decision.over_quota) note_failure(fs, decision.path, *decision.over_quota);
      throw Error(decision.err, "open " + decision.path);
    case Decision::Act::share:
      return resume_with(fs, request, number, resume, *decision.open);
    case Decision::Act::open_existing:
      try {
        auto const& place = decision.place;
        auto const open = finish(fs, number, {open_backing_file(fs, place, O_RDWR)}, place.dir, nullptr);
        return resume_with(fs, request, number, resume, *open);
      } catch (...) {
        auto const error = to_error(std::current_exception());
        fail_image(fs, number, error);
        throw error;
      }
    case Decision::Act::make:
    case Decision::Act::park:  // dealt with above
      break;
  }

  ImageOwner const owner{caller.uid, caller.gid};
  try {
    cache::require_possible(decision.place.request);
    cache::SharedTemplate warm;
    if (!entry.empty_if_new) warm = fs.cache.warm(decision.place.request);
    if (warm || entry.empty_if_new) {
      if (warm) ++fs.counters.template_hits;
      auto& place = decision.place;
      if (!place.dir) place.dir = image_directory(fs, place.request);
      auto const open = finish(fs, number, make_image_file(fs, place, owner, warm), place.dir, warm.get());
      return resume_with(fs, request, number, resume, *open);
    }
  } catch (...) {
    auto const error = fs.cache.store().with_remedy(to_error(std::current_exception()));
    fail_image(fs, number, error);
    note_failure(fs, decision.path, error);
    throw error;
  }

  ++fs.counters.template_waits;
  auto const id = fs.parked.park({Request(request.release()), std::move(resume), decision.path});
  if (id != 0)
    fs.nodes.with(
        [&](NodeTable& nodes) { static_cast<ImageNode*>(nodes.find(number))->waiters.push_back(id); });
  wait_for_template(fs, decision.place.request, number, caller.uid);
}

void finish_from_template(Filesystem& fs, fuse_ino_t number, cache::SharedTemplate const& from) {
  ImagePlace place;
  std::string path;
  ImageOwner owner{};
  bool const wanted = fs.nodes.with([&](NodeTable& nodes) {
    auto& image = static_cast<ImageNode&>(*nodes.find(number));
    if (!fs.parked.any_waiting(image.waiters)) {
      // Everybody was interrupted: the template is there for later, the name stays as new.
      image.give_up();
      nodes.release_if_unused(image);
      return false;
    }
    place = place_of(image);
    path = NodeTable::path(image);
    owner = {image.uid, image.gid};
    return true;
  });
  if (!wanted) return;
  try {
    if (!place.dir) place.dir = image_directory(fs, place.request);
    (void)finish(fs, number, make_image_file(fs, place, owner, from), place.dir, from.get());
    release_image(fs, number);  // finish()'s hold for the caller
  } catch (...) {
    auto const error = fs.cache.store().with_remedy(to_error(std::current_exception()));
    spdlog::error("open of {} failed: {}", path, error.sentence());
    fail_image(fs, number, error);
  }
}

void fail_image(Filesystem& fs, fuse_ino_t number, Error const& error) {
  std::vector<std::uint64_t> waiters;
  fs.nodes.with([&](NodeTable& nodes) {
    auto& image = static_cast<ImageNode&>(*nodes.find(number));
    waiters = image.give_up();
    nodes.release_if_unused(image);
  });
  for (auto const id : waiters) {
    auto parked = fs.parked.take(id);
    if (!parked) continue;
    ++fs.counters.opens_failed;
    fs.errors.add(parked->path, error);
    // ECANCELED is ours: the filesystem is being unmounted.
    parked->request.error(error.err() == ECANCELED ? ESHUTDOWN : error.err());
  }
}

}  // namespace templatefs::fusefs
