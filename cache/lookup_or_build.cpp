// SPDX-License-Identifier: Apache-2.0
#include "cache/lookup_or_build.h"

#include "base/content_digest.h"
#include "base/error.h"
#include "base/files.h"
#include "base/lock_holders.h"
#include "base/log.h"
#include "base/scope_exit.h"
#include "cache/dense_layout.h"
#include "cache/failure_memory.h"
#include "cache/gc.h"
#include "cache/layout.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

using namespace std::chrono_literals;

void report(BuildWish const& wish, std::string_view phase) {
  if (wish.on_phase) wish.on_phase(phase);
}

[[noreturn]] void throw_lock_timeout(Store const& store, std::string const& key) {
  std::string const lock = layout::key_lock(key);
  Fd const fd = open_at(store.dir(), lock, O_RDONLY);
  throw Error(
      ETIMEDOUT,
      format("lock template {} (lock file {}/{}, holders: {})", key, store.path(), lock,
             describe_holders(lock_holders(fd.get()))),
      "A peer is building this template or holds it. Wait for it to finish, or kill the process named.");
}

/// Waiting for a peer's lock. flock has no timed wait; a peer's build takes seconds, so polling costs nothing
/// that anybody would notice.
class PeerWait {
 public:
  PeerWait(Store const& store, std::string const& key, BuildWish const& wish)
      : store_(store), key_(key), wish_(wish) {}

  /// Throws Error: ECANCELED, ETIMEDOUT.
  void once() {
    if (wish_.stop.stop_requested()) throw Error(ECANCELED, "wait for template " + key_);
    if (wish_.lock_deadline.passed()) throw_lock_timeout(store_, key_);
    if (pause_ == kFirst) report(wish_, "waiting");
    std::this_thread::sleep_for(pause_);
    pause_ = std::min(pause_ * 2, 40ms);
  }

 private:
  static constexpr auto kFirst = 1ms;
  Store const& store_;
  std::string const& key_;
  BuildWish const& wish_;
  std::chrono::milliseconds pause_ = kFirst;
};

/// Builds into the session's staging directory and publishes. The caller holds the key's exclusive lock.
void build_and_publish(BuildContext const& context, Key const& key, BuildWish const& wish) {
  auto const& request = wish.request;
  int const staging = context.session.staging_dir();
  check(::mkdirat(staging, key.name.c_str(), 0700), "make directory", key.name);
  ScopeExit const discard([&] {
    try {
      remove_tree(staging, key.name);
    } catch (Error const& error) {
      spdlog::warn("leftover of a build stays until unmount: {}", error.sentence());
    }
  });
  std::string const dir = context.session.staging_path(context.store.path()) + "/" + key.name;
  std::string const image = dir + "/" + layout::kImage;
  std::string const log = dir + "/" + layout::kBuildLog;
  {
    Fd const fd = open_at(AT_FDCWD, image, O_RDWR | O_CREAT | O_EXCL, 0600);
    check(::ftruncate(fd.get(), request.bytes()), "set staging image length", image);
    (void)open_at(AT_FDCWD, log, O_WRONLY | O_CREAT | O_EXCL, 0600);
  }
  auto const started = std::chrono::steady_clock::now();
  Manifest manifest;
  try {
    manifest.report = context.builder.build(request.spec(), image, log, wish.on_phase, wish.stop);
  } catch (...) {
    // What formatter and guest printed is worth keeping; the rest of the attempt is not.
    ::renameat(staging, (key.name + "/" + layout::kBuildLog).c_str(), context.store.dir(),
               layout::failure_log(key.name).c_str());
    throw;
  }

  report(wish, "publish");
  lay_out_densely(staging, key.name + "/" + layout::kImage);
  Fd const built = open_at(AT_FDCWD, image, O_RDONLY);
  // Before anything is measured: a delayed allocation counts no blocks and shows no extents.
  sync_file(built.get(), image);
  struct stat st {};
  check(::fstat(built.get(), &st), "stat", image);
  manifest.key = key.name;
  manifest.recipe = request.recipe->name;
  manifest.filesystem = std::string(request.recipe->filesystem->name);
  manifest.capacity_bytes = request.bytes();
  manifest.allocated_bytes = static_cast<std::int64_t>(st.st_blocks) * 512;
  manifest.content_sha256 = content_sha256(built.get(), st.st_size);
  manifest.built_at_ms = epoch_ms_now();
  manifest.build_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started)
          .count();
  manifest.fields = key.fields;
  replace_file(staging, key.name + "/" + layout::kManifest, manifest.to_json(), 0444, false);
  TemplateStore(context.store.dir()).publish(staging, key.name, key.name, request);

  std::string phases;
  for (auto const& [phase, seconds] : manifest.report.phases)
    phases += format(" {} {:.0f} ms", phase, seconds * 1000);
  spdlog::info("built {} in {} ms (accelerator {},{})", key.name, manifest.build_ms,
               manifest.report.accelerator, phases);
}

/// Waits until the key's lock is ours exclusively (returned), or a peer's template is there (returned in
/// `found`). Throws the failure of a peer's build that happened while we waited.
std::optional<FileLock> lock_or_find(BuildContext const& context, Key const& key, BuildWish const& wish,
                                     std::optional<PinnedTemplate>& found) {
  TemplateStore const templates(context.store.dir());
  FailureMemory const failures(context.store.dir());
  PeerWait wait(context.store, key.name, wish);
  for (;;) {
    auto look = templates.pin(key.name, wish.request);
    if (look.presence == Presence::ready) {
      found = std::move(look.found);
      return std::nullopt;
    }
    if (auto lock =
            FileLock::try_lock(context.store.dir(), layout::key_lock(key.name), FileLock::Mode::exclusive))
      return lock;
    wait.once();
  }
}

}  // namespace

PinnedTemplate lookup_or_build(BuildContext const& context, Key const& key, BuildWish const& wish) {
  TemplateStore const templates(context.store.dir());
  FailureMemory failures(context.store.dir());
  require_possible(wish.request);
  for (;;) {
    std::optional<PinnedTemplate> found;
    auto const lock = lock_or_find(context, key, wish, found);
    if (!lock) return std::move(*found);

    // The previous holder may have published, or failed, while we waited for the lock.
    if (!templates.open_whole(key.name, wish.request)) {
      if (auto const failure = failures.recall(key.name, wish.asked_at_ms, wish.ignore_pause)) throw *failure;
      try {
        report(wish, "queued");
        if (wish.before_build) wish.before_build();
        auto const slot = context.slots.take(wish.stop);
        make_room(context.store, context.session, wish.request);
        build_and_publish(context, key, wish);
        failures.forget(key.name);
      } catch (...) {
        auto const failure = context.store.with_remedy(to_error(std::current_exception()));
        if (failure.err() != ECANCELED) failures.record(key.name, failure);
        throw failure;
      }
    }
    // flock turns an exclusive lock into a shared one in two steps, so nothing would be gained over letting
    // go and pinning what is there: a cleaner that came in between only means another round.
  }
}

PinnedTemplate pin_stored(BuildContext const& context, BuildWish const& wish) {
  auto const& recipe = *wish.request.recipe;
  std::string const& key = recipe.stored->key;
  require_possible(wish.request);
  PeerWait wait(context.store, key, wish);
  for (;; wait.once()) {
    auto look = TemplateStore(context.store.dir()).pin(key, wish.request);
    if (look.presence == Presence::ready) return std::move(*look.found);
    if (look.presence == Presence::missing)
      throw Error(
          EIO, format("use the stored recipe {}: its template {} is missing or damaged", recipe.name, key),
          format("Store it again under this name with --replace, or `templatefs forget {}`.", recipe.name));
  }
}

}  // namespace templatefs::cache
