// SPDX-License-Identifier: Apache-2.0
#include "cache/stock.h"

#include "base/error.h"
#include "base/files.h"
#include "cache/guest_store.h"
#include "cache/layout.h"
#include "cache/listing.h"

#include <algorithm>
#include <vector>

#include <fcntl.h>
#include <sys/statvfs.h>

namespace templatefs::cache {

Stock::Stock(Store const& store, Rehearsal rehearsal)
    : store_(store), rehearsal_(rehearsal), free_(free_in(store)) {
  read();
}

std::int64_t Stock::size() const {
  std::vector<Footprint const*> all;
  all.reserve(templates_.size());
  for (auto const& [key, footprint] : templates_) all.push_back(&footprint);
  return Footprint::together(all) + guests();
}

std::int64_t Stock::guests() const {
  std::int64_t bytes = 0;
  for (auto const& [name, size] : guests_) bytes += size;
  return bytes;
}

Usage Stock::usage_of(std::string const& name) const {
  if (auto const guest = guests_.find(name); guest != guests_.end()) return {guest->second, 0};
  auto const at = templates_.find(name);
  return at == templates_.end() ? Usage() : at->second.usage();
}

std::int64_t Stock::remove(std::string const& name) {
  auto const freed = usage_of(name).exclusive;
  templates_.erase(name);
  guests_.erase(name);
  free_ += freed;
  if (rehearsal_ == Rehearsal::yes) return freed;
  // Filesystems give space back in the background: what they do not show yet counts all the same.
  free_ = std::max(free_, free_in(store_));
  read();
  return freed;
}

std::int64_t Stock::free_in(Store const& store) {
  struct statvfs fs {};
  check(::fstatvfs(store.dir(), &fs), "statfs", store.path());
  return static_cast<std::int64_t>(fs.f_bavail) * static_cast<std::int64_t>(fs.f_frsize);
}

void Stock::read() {
  templates_.clear();
  guests_.clear();
  for (auto const& key : template_names(store_.dir()).keys) {
    // What is gone, or not ours to look into, counts nothing.
    Fd const image(::openat(store_.dir(), layout::template_image(key).c_str(),
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    templates_[key] = image ? Footprint(image.get()) : Footprint();
  }
  for (auto const& guest : GuestStore(store_.dir()).list()) guests_[guest.name] = guest.bytes;
}

}  // namespace templatefs::cache
