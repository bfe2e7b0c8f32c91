// SPDX-License-Identifier: Apache-2.0
#include "cache/cache.h"

#include "base/error.h"
#include "base/scope_exit.h"
#include "cache/layout.h"
#include "vm/restamp.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kIdleLimit = 60s;
/// The seed and the formatter are looked at in every open, all other inputs (libraries, kernel, modules) this
/// often.
constexpr auto kInputCheckInterval = 250ms;
constexpr std::size_t kInputsOfEveryOpen = 2;

/// Not removed, cut short or put into quarantine (cache/quarantine.h) behind our back: else the next look-up
/// decides.
bool image_stands(PinnedTemplate const& pinned) {
  struct stat st {};
  return ::fstat(pinned.image.get(), &st) == 0 && st.st_nlink > 0 && (st.st_mode & 0777) != 0 &&
         st.st_size == pinned.bytes;
}

/// Gives an image a UUID of its own where it is to have one.
void restamp(PinnedTemplate const& from, TemplateRequest const& request, int image, Stamp stamp) {
  auto const& recipe = *request.recipe;
  if (!recipe.own_uuids && (stamp == Stamp::as_recipe || !vm::can_restamp(*recipe.filesystem))) return;
  try {
    vm::restamp(*recipe.filesystem, image, from.image.get());
  } catch (Error const& error) {
    // Other metadata is bound to the UUID, and the image unchanged.
    if (error.err() != EOPNOTSUPP || recipe.own_uuids) throw;
  }
}

bool has_directory_seed(TemplateRequest const& request) {
  auto const& seed = request.recipe->seed;
  return seed && seed->kind == vm::Seed::Kind::directory;
}

}  // namespace

Cache::Cache(Store const& store, Session const& session, vm::Builder& builder, unsigned build_slots)
    : store_(store),
      session_(session),
      builder_(builder),
      slots_(build_slots),
      fan_out_(store.rung(), store.fan_out_choice()),
      late_names_(session.images_dir()),
      spares_(fan_out_, session.images_dir(),
              [this](PinnedTemplate const& from, TemplateRequest const& request, int dir,
                     std::string const& name) { return make_image(from, request, dir, name); }) {}

FileIdentity Cache::identify(std::string const& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? FileIdentity::of(st) : FileIdentity();
}

std::vector<std::string> Cache::watched_files(TemplateRequest const& request) {
  if (request.recipe->stored) return {store_.path() + "/" + layout::stored_recipe(request.recipe->name)};
  auto files = builder_.watched_files(request.spec());
  if (request.recipe->seed) files.insert(files.begin(), request.recipe->seed->path);
  return files;
}

bool Cache::still_current(Entry const& entry, bool all_inputs) {
  if (!image_stands(*entry.pinned)) return false;
  auto const count = all_inputs ? entry.inputs->size() : std::min(kInputsOfEveryOpen, entry.inputs->size());
  return std::all_of(entry.inputs->begin(), entry.inputs->begin() + static_cast<std::ptrdiff_t>(count),
                     [](WatchedFile const& input) { return identify(input.path) == input.seen; }) &&
         !(entry.seed && entry.seed->changed());
}

SharedTemplate Cache::find(TemplateRequest const& request, bool may_wait) {
  auto const id = id_of(request);
  auto const now = Clock::now();
  std::optional<Entry> entry;
  bool check_all = false;
  entries_.with([&](auto& entries) {
    auto const at = entries.find(id);
    if (at == entries.end()) return;
    at->second.used = now;
    check_all = now - at->second.inputs_checked >= kInputCheckInterval;
    if (check_all) at->second.inputs_checked = now;
    entry = at->second;
  });
  if (!entry || (!may_wait && entry->seed && entry->seed->wants_patience())) return nullptr;
  if (still_current(*entry, check_all)) return entry->pinned;
  entries_.with([&](auto& entries) {
    auto const at = entries.find(id);
    if (at != entries.end() && at->second.pinned == entry->pinned) entries.erase(at);
  });
  spares_.drop(*entry->pinned);
  return nullptr;
}

std::optional<std::string> Cache::known_key(TemplateRequest const& request) {
  if (request.recipe->stored) return request.recipe->stored->key;
  auto const entry = entries_.with([&](auto const& entries) -> std::optional<Entry> {
    auto const at = entries.find(id_of(request));
    if (at == entries.end()) return std::nullopt;
    return at->second;
  });
  if (!entry || (entry->seed && entry->seed->wants_patience()) || !still_current(*entry, true))
    return std::nullopt;
  return entry->pinned->key;
}

SharedTemplate Cache::ensure(BuildWish const& wish) {
  if (auto hit = find(wish.request, true)) return hit;
  require_possible(wish.request);
  // Identities before the key: a file that changes in between makes the entry stale, never wrongly current.
  Entry entry;
  std::vector<WatchedFile> inputs;
  for (auto const& path : watched_files(wish.request)) inputs.push_back({path, identify(path)});
  entry.inputs = std::make_shared<std::vector<WatchedFile> const>(std::move(inputs));
  if (has_directory_seed(wish.request)) entry.seed = std::make_shared<SeedWatch>(*wish.request.recipe->seed);
  BuildContext const context{store_, session_, builder_, slots_};
  entry.pinned = std::make_shared<PinnedTemplate const>(
      wish.request.recipe->stored ? pin_stored(context, wish)
                                  : lookup_or_build(context, make_key(wish.request, builder_), wish));
  entry.used = entry.inputs_checked = Clock::now();
  auto pinned = entry.pinned;
  entries_.with([&](auto& entries) { entries.insert_or_assign(id_of(wish.request), std::move(entry)); });
  return pinned;
}

Fd Cache::make_image(PinnedTemplate const& from, TemplateRequest const& request, int dir,
                     std::string const& name, Stamp stamp) {
  std::unique_lock<std::mutex> turn;
  if (fan_out_.rung() == Rung::reflink) turn = std::unique_lock(*from.turn);
  return fan_out_.make_image(from.image.get(), from.bytes, dir, name, request.bytes(),
                             [&](int image) { restamp(from, request, image, stamp); });
}

HandedOut Cache::hand_out(SharedTemplate const& from, TemplateRequest const& request, int dir,
                          std::string const& name, Stamp stamp, Naming naming,
                          std::function<Patience()> const& patience) {
  auto spare = spares_.take(from, request);
  if (!spare) spare = spares_.await(*from, request, patience());
  if (spare) {
    int const from_dir = spares_.dir();
    ScopeExit undo([&] { ::unlinkat(from_dir, spare->file().c_str(), 0); });
    Fd file = open_at(from_dir, spare->file(), O_RDWR | O_NOFOLLOW);
    // It has what the recipe says already.
    if (stamp != Stamp::as_recipe) restamp(*from, request, file.get(), stamp);
    check(::futimens(file.get(), nullptr), "set the times of", name);
    std::optional<LateName> late;
    if (naming == Naming::may_wait) late = late_names_.note(spare->name, request.path() + "/" + name);
    if (!late && !give_name({spare->name, 0}, dir, name)) throw Error(ENOENT, "make " + name);
    undo.dismiss();
    return {std::move(file), late.value_or(LateName())};
  }
  late_names_.prepare();
  try {
    return {make_image(*from, request, dir, name, stamp)};
  } catch (Error const& error) {
    if (error.err() != ENOSPC || spares_.drop_all() == 0) throw;
    return {make_image(*from, request, dir, name, stamp)};
  }
}

bool Cache::give_name(LateName const& late, int dir, std::string const& name) const {
  if (::renameat2(spares_.dir(), late.file().c_str(), dir, name.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != ENOENT) throw_errno("make", name);
  return false;
}

void Cache::drop_idle() {
  // A copy, so that files are looked at and closed outside the lock.
  auto const entries = entries_.with([](auto& all) { return all; });
  for (auto const& [id, entry] : entries) {
    bool const stands = image_stands(*entry.pinned);
    if (stands && Clock::now() - entry.used < kIdleLimit) {
      note_use(*entry.pinned);
      continue;
    }
    bool const dropped = entries_.with([&, &id = id, &entry = entry](auto& all) {
      auto const at = all.find(id);
      bool const same = at != all.end() && at->second.pinned == entry.pinned;
      return same && (!stands || at->second.used == entry.used) && all.erase(id) > 0;
    });
    if (dropped) spares_.drop(*entry.pinned);
  }
  spares_.drop_all_but(entries_.with([](auto const& all) {
    std::set<PinnedTemplate const*> current;
    for (auto const& [id, entry] : all) current.insert(entry.pinned.get());
    return current;
  }));
}

}  // namespace templatefs::cache
