// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/file_identity.h"
#include "base/guarded.h"
#include "cache/fan_out.h"
#include "cache/late_names.h"
#include "cache/lookup_or_build.h"
#include "cache/seed_watch.h"
#include "cache/spares.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace templatefs::cache {

/// Whose UUID an image's filesystem carries.
enum class Stamp {
  as_recipe,          // what the recipe says: its own, or that of all images of its template
  own_where_possible  // its own, whatever the recipe says, if the filesystem lets itself be changed
};

/// Whether a new image may be without its name for a while (cache/late_names.h).
enum class Naming { at_once, may_wait };

struct HandedOut {
  Fd file;
  LateName late = {};  // where it is to get its name yet
};

/// One process's view of a store: templates by request, kept open and pinned while they are in use.
/// Thread-safe.
///
/// Who owns what: the maps hold shared pointers, and a caller that clones from a template holds another, so a
/// template let go for idleness stays pinned to the end of a clone that is under way.
class Cache {
 public:
  /// Store, session and builder are borrowed and outlive the cache.
  Cache(Store const& store, Session const& session, vm::Builder& builder, unsigned build_slots);

  /// A template that is open already and still current: no wait, no exec. Null where ensure() is needed.
  SharedTemplate warm(TemplateRequest const& request) { return find(request, false); }

  /// The key of the template that warm() would give, or of a stored recipe's. Counts as no use.
  std::optional<std::string> known_key(TemplateRequest const& request);

  /// Looked up or built; blocks. Throws what lookup_or_build throws, or pin_stored for a stored recipe.
  SharedTemplate ensure(BuildWish const& wish);

  /// A private image from the template of this request: `name` in the directory `dir`, open for reading and
  /// writing. Throws what FanOut::make_image and vm::restamp throw; then nothing is left.
  Fd make_image(PinnedTemplate const& from, TemplateRequest const& request, int dir, std::string const& name,
                Stamp stamp = Stamp::as_recipe);

  /// The same of an image that a user opens for the first time, and soon: one that was made ahead, where
  /// there is one (cache/spares.h), and the next are made meanwhile. `name` may be a path below `dir`, the
  /// request's directory. Its times are those of this call. `patience` is asked where none is ready.
  HandedOut hand_out(SharedTemplate const& from, TemplateRequest const& request, int dir,
                     std::string const& name, Stamp stamp, Naming naming,
                     std::function<Patience()> const& patience);
  /// Where the file of an image that has yet to get its name is, as LateName::file().
  int late_dir() const noexcept { return spares_.dir(); }
  /// Gives it its name, once. False where its file is not there any more: it has its name, or was removed.
  /// Throws Error: EEXIST where another file has the name.
  bool give_name(LateName const& late, int dir, std::string const& name) const;
  /// It has its name, or was removed: to be said once.
  void forget_name(LateName const& late) noexcept { late_names_.forget(late); }
  /// No image is made ahead any more. Before the session goes.
  void stop_making_ahead() noexcept { spares_.stop(); }
  std::size_t spares() const { return spares_.count(); }

  /// To be called every few seconds. Notes the use of templates that are in use, and lets go of those unused
  /// for a minute, so that a long-lived mount pins nothing for ever, and of those that were put into
  /// quarantine, so that nobody who builds them anew waits for us.
  void drop_idle();

  Rung rung() const noexcept { return fan_out_.rung(); }
  Store const& store() const noexcept { return store_; }
  /// Builder::known_accelerator().
  std::string accelerator() const { return builder_.known_accelerator(); }

 private:
  struct WatchedFile {
    std::string path;
    FileIdentity seen;
  };
  struct Entry {
    SharedTemplate pinned;
    // What decided the key, as it was; what people change, and expect to see changed at once, first: the
    // seed, and the formatter or the stored recipe's file.
    std::shared_ptr<std::vector<WatchedFile> const> inputs;
    std::shared_ptr<SeedWatch> seed;  // of a directory
    std::chrono::steady_clock::time_point used;
    std::chrono::steady_clock::time_point inputs_checked;
  };
  using TemplateId = std::pair<Recipe const*, std::int64_t>;  // recipe, bytes of the template

  static TemplateId id_of(TemplateRequest const& request) {
    return {request.recipe, request.template_bytes()};
  }
  static FileIdentity identify(std::string const& path);
  std::vector<std::string> watched_files(TemplateRequest const& request);
  static bool still_current(Entry const& entry, bool all_inputs);
  SharedTemplate find(TemplateRequest const& request, bool may_wait);

  Store const& store_;
  Session const& session_;
  vm::Builder& builder_;
  BuildSlots slots_;
  FanOut fan_out_;
  Guarded<std::map<TemplateId, Entry>> entries_;
  LateNames late_names_;
  Spares spares_;  // last: its thread uses the others
};

}  // namespace templatefs::cache
