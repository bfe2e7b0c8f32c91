// SPDX-License-Identifier: Apache-2.0
#include "cache/image_listing.h"

#include "base/birth_time.h"
#include "base/files.h"
#include "cache/image_tree.h"
#include "cache/layout.h"

#include <algorithm>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {

namespace {

void look_closely(int image, ImageEntry& entry) {
  sync_file(image, entry.path);
  entry.usage = Footprint(image).usage();
  entry.made_at_ms = birth_time_ms(image);
}

void list_below(int store_dir, std::string const& root, ImageEntry::State state, std::string const& where,
                Look look, std::vector<ImageEntry>& out) {
  for_each_image(store_dir, root, [&](std::string const& path, std::string const& file) {
    Fd const image = open_at_if_exists(store_dir, root + "/" + file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat st {};
    if (!image || ::fstat(image.get(), &st) != 0) return;
    ImageEntry entry{path, state, where, st.st_uid, st.st_size, st.st_blocks * std::int64_t{512}};
    entry.pin = read_pin(image.get());
    if (entry.pin) entry.uid = entry.pin->uid;
    if (look == Look::close) look_closely(image.get(), entry);
    out.push_back(std::move(entry));
  });
}

}  // namespace

std::string_view state_name(ImageEntry::State state) {
  switch (state) {
    case ImageEntry::State::live:
      return "live";
    case ImageEntry::State::dead:
      return "dead";
    case ImageEntry::State::kept:
      break;
  }
  return "kept";
}

std::vector<ImageEntry> list_images(int store_dir, Look look) {
  std::vector<ImageEntry> images;
  for (auto const& session : list_sessions(store_dir))
    list_below(store_dir, layout::session_images(session.name),
               session.alive ? ImageEntry::State::live : ImageEntry::State::dead, session.what, look, images);
  list_below(store_dir, layout::kPinned, ImageEntry::State::kept, "", look, images);
  std::sort(images.begin(), images.end(), [](auto const& a, auto const& b) {
    return std::tie(a.path, a.where) < std::tie(b.path, b.where);
  });
  return images;
}

}  // namespace templatefs::cache
