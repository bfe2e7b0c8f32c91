// SPDX-License-Identifier: Apache-2.0
#include "cli/setup.h"

#include "base/capacity.h"
#include "base/error.h"
#include "base/log.h"
#include "cache/guest_store.h"
#include "cache/layout.h"
#include "cache/store_location.h"
#include "cli/choices.h"
#include "cli/not_found.h"
#include "vm/guest_builder.h"
#include "vm/host_builder.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <thread>

#include <CLI/CLI.hpp>

namespace templatefs::cli {

void StoreOptions::add_to(CLI::App& command, bool all) {
  command.add_option("--store", path, "The store (default: $TEMPLATEFS_STORE, else ~/.cache/templatefs)")
      ->type_name("DIR");
  if (!all) return;
  command
      .add_option("--store-size", size_text,
                  "Size of the filesystem made where there is no reflink (default: 20G)")
      ->type_name("SIZE");
  one_of(*command.add_option("--fanout", fan_out, "How images are made: auto, reflink (insist on it), copy")
              ->type_name("HOW"),
         {"auto", "reflink", "copy"});
}

cache::Store::Options StoreOptions::resolve() const {
  cache::Store::Options options;
  options.path = cache::store_location(path);
  options.budget = budget;
  if (!size_text.empty()) {
    auto const size = Capacity::parse(size_text);
    if (!size) throw Error(EINVAL, "--store-size " + size_text, "Write it like 512M, 20G or 1T.");
    options.loop_bytes = size->bytes();
  }
  if (fan_out == "reflink") options.fan_out = cache::FanOutChoice::reflink_only;
  if (fan_out == "copy") options.fan_out = cache::FanOutChoice::copy_only;
  return options;
}

void BuilderOptions::add_to(CLI::App& command) {
  command
      .add_option("--kernel", kernel,
                  "The guest's kernel (default: $TEMPLATEFS_KERNEL or the newest in /boot)")
      ->type_name("FILE");
  one_of(*command.add_option("--builder", builder, "Who formats: guest (a QEMU guest's kernel) or host")
              ->type_name("WHO"),
         {"guest", "host"});
  one_of(*command
              .add_option("--accel", accelerator,
                          "Accelerator: auto (kvm where a guest really runs on it), kvm, tcg")
              ->type_name("NAME"),
         {"auto", "kvm", "tcg"});
}

void StoreOptions::fill_from(Config const& config) {
  if (path.empty() && std::getenv("TEMPLATEFS_STORE") == nullptr) path = config.store;
  if (size_text.empty()) size_text = config.store_size;
  budget = config.budget;
}

void BuilderOptions::fill_from(Config const& config) {
  if (kernel_path().empty()) kernel = config.kernel;
  if (builder.empty()) builder = config.builder;
  if (accelerator.empty()) accelerator = config.accelerator;
}

std::unique_ptr<vm::Builder> BuilderOptions::make(cache::Store const& store) const {
  if (builder == "host") return std::make_unique<vm::HostBuilder>(vm::HostBuilder::Options{});
  return make_guest_builder(&store);
}

std::string BuilderOptions::kernel_path() const {
  if (!kernel.empty()) return kernel;
  char const* const from_environment = std::getenv("TEMPLATEFS_KERNEL");
  return from_environment == nullptr ? std::string() : from_environment;
}

std::unique_ptr<vm::GuestBuilder> BuilderOptions::make_guest_builder(cache::Store const* store) const {
  vm::GuestBuilder::Options options;
  options.kernel = kernel_path();
  options.accelerator = *vm::parse_accelerator_choice(accelerator.empty() ? "auto" : accelerator);
  if (store != nullptr) {
    options.probe.memory = store->path() + "/" + cache::layout::accelerator_memory();
    options.probe.lock = store->path() + "/" + cache::layout::accelerator_lock();
    char const* const snapshots = std::getenv("TEMPLATEFS_GUEST_SNAPSHOT");
    if (snapshots == nullptr || std::string_view(snapshots) != "no")
      options.shelf = std::make_shared<cache::GuestStore>(store->dir(), [store] { return store->budget(); });
  }
  return std::make_unique<vm::GuestBuilder>(std::move(options));
}

cache::Store require_store(StoreOptions const& options) {
  auto resolved = options.resolve();
  auto store = cache::Store::open_existing(resolved);
  if (!store)
    throw NotFound(
        ENOENT, "open the store " + resolved.path + ": there is none yet",
        "`templatefs mount MNT` or `templatefs build btrfs/256M` makes it; --store names another.");
  return std::move(*store);
}

unsigned build_slots() {
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace templatefs::cli
