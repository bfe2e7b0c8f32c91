// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/store.h"
#include "cli/config.h"
#include "vm/guest_builder.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace templatefs::cli {

/// The options that say which store, and how it makes images.
struct StoreOptions {
  std::string path;
  std::optional<std::int64_t> loop_bytes;
  std::string size_text;
  std::string fan_out = "auto";
  cache::Budget budget;

  /// Takes from the configuration what neither an option nor the environment said.
  void fill_from(Config const& config);

  /// --store; with `all` also --store-size and --fanout.
  void add_to(CLI::App& command, bool all);
  /// Throws Error.
  cache::Store::Options resolve() const;
};

/// The options that say how templates are built.
struct BuilderOptions {
  std::string builder;      // guest (the default) or host
  std::string kernel;       // empty: the environment's, else the newest that is installed
  std::string accelerator;  // auto (the default), kvm, tcg

  /// As above.
  void fill_from(Config const& config);

  void add_to(CLI::App& command);
  std::unique_ptr<vm::Builder> make(cache::Store const& store) const;
  /// Without a store, the accelerator's verdict is not remembered, and no guest is saved. The store outlives
  /// the builder.
  std::unique_ptr<vm::GuestBuilder> make_guest_builder(cache::Store const* store) const;
  /// --kernel, else TEMPLATEFS_KERNEL, else empty: the newest that is installed.
  std::string kernel_path() const;
};

/// The store, or NotFound(ENOENT) that says that there is none yet and how one comes to be.
cache::Store require_store(StoreOptions const& options);

/// How many builds may run at once: one a processor.
unsigned build_slots();

}  // namespace templatefs::cli
