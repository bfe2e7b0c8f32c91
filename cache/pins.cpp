// SPDX-License-Identifier: Apache-2.0
#include "cache/pins.h"

#include "base/copy_file.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "cache/image_tree.h"
#include "cache/layout.h"

#include <cerrno>
#include <utility>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr char kMark[] = "user.templatefs.pin";
constexpr std::size_t kLongestMark = 4096;

std::string to_text(Pin const& pin) {
  Json const mark = {
      {"id", pin.id},   {"reason", pin.reason}, {"made_from", pin.made_from},      {"uid", pin.uid},
      {"gid", pin.gid}, {"mode", pin.mode},     {"pinned_at_ms", pin.pinned_at_ms}};
  return mark.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void write_mark(int image, Pin const& pin) {
  auto const text = to_text(pin);
  check(::fsetxattr(image, kMark, text.data(), text.size(), 0), "mark", "a pinned image");
}

FileLock lock_pins(int store_dir) {
  auto lock = FileLock::lock(store_dir, layout::pins_lock(), FileLock::Mode::exclusive, Deadline::after(60s));
  if (!lock) throw Error(ETIMEDOUT, "lock the store's pinned images");
  return std::move(*lock);
}

std::pair<std::string, std::string> split(std::string const& path) {
  auto const slash = path.rfind('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::optional<Pin> read_pin_at(int store_dir, std::string const& path) {
  Fd const image = open_at_if_exists(store_dir, path, O_RDONLY | O_NOFOLLOW);
  return image ? read_pin(image.get()) : std::nullopt;
}

/// A whole copy under a name that must be free; nothing is left of a failure.
void clone_image(int store_dir, std::string const& from, std::string const& to) {
  Fd const source = open_at(store_dir, from, O_RDONLY | O_NOFOLLOW);
  struct stat st {};
  check(::fstat(source.get(), &st), "stat", from);
  Fd const copy = open_at(store_dir, to, O_RDWR | O_CREAT | O_EXCL, 0600);
  ScopeExit undo([&] { ::unlinkat(store_dir, to.c_str(), 0); });
  if (reflink(source.get(), copy.get()) != 0) copy_sparse(source.get(), copy.get(), st.st_size);
  [[maybe_unused]] int const ignored = ::fchown(copy.get(), st.st_uid, st.st_gid);
  timespec const times[2] = {st.st_atim, st.st_mtim};
  check(::futimens(copy.get(), times), "set the times of", to);
  if (auto const pin = read_pin(source.get())) write_mark(copy.get(), *pin);
  sync_file(copy.get(), to);
  undo.dismiss();
}

/// Never replaces: EEXIST. By `scratch`, a free name in the target's filesystem and subvolume, where a rename
/// is not possible; then half a copy is never seen under the target's name.
void move_image(int store_dir, std::string const& from, std::string const& to, std::string const& scratch) {
  auto const rename = [&](std::string const& source) {
    return ::renameat2(store_dir, source.c_str(), store_dir, to.c_str(), RENAME_NOREPLACE);
  };
  if (rename(from) == 0) return;
  if (errno != EXDEV) throw_errno("move a pinned image to", to);  // btrfs: into or out of a subvolume
  clone_image(store_dir, from, scratch);
  ScopeExit undo([&] { ::unlinkat(store_dir, scratch.c_str(), 0); });
  check(rename(scratch), "move a pinned image to", to);
  undo.dismiss();
  check(::unlinkat(store_dir, from.c_str(), 0), "remove", from);
}

/// "btrfs/256M/t1~2.img" of "btrfs/256M/t1.img": the id of an image, or of the set it is in.
std::string numbered(std::string const& path, unsigned number) {
  auto const [dir, name] = split(path);
  bool const in_set = dir.ends_with(layout::kSetSuffix);
  std::string const whole = in_set ? dir : path;
  auto const dot = whole.rfind('.');
  auto const id = split(whole).second.size() - (whole.size() - dot);
  std::string const suffix = "~" + std::to_string(number);
  auto const kept = dot - (id + suffix.size() > layout::kLongestId ? suffix.size() : 0);
  std::string const changed = whole.substr(0, kept) + suffix + whole.substr(dot);
  return in_set ? changed + "/" + name : changed;
}

/// From the image's own up to the store: any of them may be new.
void sync_directories(int store_dir, std::string const& image) {
  for (auto dir = image; dir.find('/') != std::string::npos;) {
    dir = split(dir).first;
    sync_file(open_at(store_dir, dir, O_RDONLY | O_DIRECTORY).get(), dir);
  }
}

/// Under the pins' lock.
bool keep_image(int store_dir, std::string const& session, std::string const& path) {
  std::string const from = layout::session_image(session, path);
  auto const pin = read_pin_at(store_dir, from);
  if (!pin) return false;
  for (unsigned number = 1;; ++number) {
    std::string const name = number == 1 ? path : numbered(path, number);
    std::string const to = layout::pinned(name);
    if (open_at_if_exists(store_dir, to, O_RDONLY | O_NOFOLLOW)) {
      auto const there = read_pin_at(store_dir, to);
      if (!there || there->id != pin->id) continue;
      check(::unlinkat(store_dir, from.c_str(), 0), "remove", from);
      return false;
    }
    make_directories(store_dir, split(to).first, 0700);
    move_image(store_dir, from, to, layout::session_staging(session) + "/pin-" + random_hex(8));
    sync_directories(store_dir, to);
    spdlog::info("kept the pinned image {}{}", name, pin->reason.empty() ? "" : ": " + pin->reason);
    return true;
  }
}

void remove_empty_directories(int store_dir, std::string const& root, std::string const& path) {
  for (auto dir = split(path).first;; dir = split(dir).first) {
    if (::unlinkat(store_dir, (root + "/" + dir).c_str(), AT_REMOVEDIR) != 0) return;
    if (dir.find('/') == std::string::npos) return;
  }
}

}  // namespace

void pin_image(Session const& session, int image, Pin pin) {
  if (auto const before = read_pin(image))
    pin.id = before->id;
  else
    pin.id = random_hex(16);
  // The session's note first: a mark that nobody looks for would be no mark.
  session.note_pins();
  write_mark(image, pin);
  sync_file(image, "a pinned image");
}

void unpin_image(int image) {
  if (::fremovexattr(image, kMark) != 0 && errno != ENODATA) throw_errno("unpin", "an image");
  sync_file(image, "an image");
}

std::optional<Pin> read_pin(int image) {
  char text[kLongestMark];
  auto const length = ::fgetxattr(image, kMark, text, sizeof text);
  if (length < 0) return std::nullopt;
  auto const mark = Json::parse(text, text + length, nullptr, false);
  if (!mark.is_object()) return std::nullopt;
  try {
    return Pin{mark.at("id"),  mark.at("reason"), mark.at("made_from"),   mark.at("uid"),
               mark.at("gid"), mark.at("mode"),   mark.at("pinned_at_ms")};
  } catch (Json::exception const&) {
    return std::nullopt;
  }
}

unsigned keep_pinned(int store_dir, std::string const& session) {
  if (!open_at_if_exists(store_dir, layout::session_has_pins(session), O_RDONLY)) return 0;
  auto const alone = lock_pins(store_dir);
  unsigned kept = 0;
  for_each_image(store_dir, layout::session_images(session),
                 [&](std::string const& path, std::string const& file) {
                   // Who pins one gives it its name first.
                   if (path == file && keep_image(store_dir, session, path)) ++kept;
                 });
  return kept;
}

unsigned adopt_pinned(int store_dir, Session const& session,
                      std::function<bool(std::string const&)> const& can_be_shown) {
  bool any = false;
  for_each_entry(store_dir, layout::kPinned, [&](std::string const&) { any = true; });
  if (!any) return 0;
  auto const alone = lock_pins(store_dir);
  unsigned adopted = 0;
  for_each_image(store_dir, layout::kPinned, [&](std::string const& path, std::string const&) {
    if (!can_be_shown(path)) return;
    try {
      std::string const to = layout::session_image(session.name(), path);
      make_directories(store_dir, split(to).first, 0700);
      session.note_pins();
      move_image(store_dir, layout::pinned(path), to,
                 layout::session_images(session.name()) + "/." + random_hex(8));
      remove_empty_directories(store_dir, layout::kPinned, path);
      ++adopted;
    } catch (Error const& error) {
      spdlog::warn("the pinned image {} stays where it is: {}", path, error.sentence());
    }
  });
  return adopted;
}

}  // namespace templatefs::cache
