// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/layout.h"
#include "cache/store_image.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/setup.h"
#include "cli/stop_on_signal.h"
#include "cli/transfer_progress.h"
#include "fusefs/mount.h"
#include "vm/disk_image.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

/// Nobody waits for longer than this, and most images take seconds.
constexpr auto kLimit = std::chrono::hours(24);
constexpr char kEntry[] = "import";

struct ImportOptions {
  std::string file;
  std::string name;
  std::string max_capacity = "256G";
  bool replace = false;
  bool json = false;
  bool quiet = false;
  ConfigOptions config;
  StoreOptions store;
};

struct Imported {
  vm::DiskImage image;
  cache::StoredRecipe recipe;
};

/// Throws Error, before anything is made.
Capacity limit_of(ImportOptions const& options) {
  if (auto const limit = Capacity::parse(options.max_capacity)) return *limit;
  throw Error(EINVAL, "--max-capacity " + options.max_capacity, "Write it like 512M, 20G or 1T.");
}

vm::DiskImage read(ImportOptions const& options, std::string const& staging, std::stop_token const& stop) {
  TransferProgress progress(Progress::style_of(options.json, options.quiet));
  std::string current;
  vm::Transfer const transfer{Deadline::after(kLimit), stop,
                              [&](std::string_view phase, std::int64_t done, std::int64_t total) {
                                if (phase != current)
                                  progress.begin(format("{} {}", phase, options.file), total);
                                current = phase;
                                progress.advance(done);
                              }};
  return vm::read_disk_image(options.file, staging + "/" + kEntry + "/" + cache::layout::kImage, staging,
                             limit_of(options).bytes(), transfer);
}

std::string lineage_of(ImportOptions const& options, vm::DiskImage const& image) {
  Json const lineage = {{"file", std::filesystem::absolute(options.file).string()},
                        {"format", image.format},
                        {"compression", image.compression},
                        {"member", image.member},
                        {"imported_at", rfc3339(epoch_ms_now())}};
  return json_line(lineage);
}

Imported import(ImportOptions const& options, cache::Store const& store, std::stop_token const& stop) {
  auto session = cache::Session::create(store.dir(), "import", options.file);
  try {
    check(::mkdirat(session.staging_dir(), kEntry, 0700), "make directory", kEntry);
    Imported out;
    out.image = read(options, session.staging_path(store.path()), stop);
    out.recipe = cache::store_image(
        store, session, kEntry,
        {options.name, out.image.content_sha256, "import", std::filesystem::absolute(options.file).string(),
         lineage_of(options, out.image), options.replace});
    session.drop();
    return out;
  } catch (Error const& error) {
    throw store.with_remedy(error);
  }
}

void print(ImportOptions const& options, Imported const& imported, double seconds) {
  auto const& [image, recipe] = imported;
  if (options.json) {
    Json const line = {{"message_type", "summary"},
                       {"schema", "templatefs.import/1"},
                       {"name", recipe.name},
                       {"template", recipe.key},
                       {"bytes", recipe.bytes},
                       {"filesystem", recipe.filesystem},
                       {"format", image.format},
                       {"compression", image.compression},
                       {"member", image.member},
                       {"content_sha256", image.content_sha256},
                       {"elapsed_ms", static_cast<std::int64_t>(seconds * 1000)}};
    print_json_line(line);
  } else if (!options.quiet) {
    std::printf("imported %s: %s, %s%s%s%s, template %s, in %.1f s\nOpen it as MNT/%s/native/<id>.img\n",
                recipe.name.c_str(), human_size(recipe.bytes).c_str(), image.format.c_str(),
                image.compression.empty() ? "" : ", compressed with ", image.compression.c_str(),
                image.member.empty() ? "" : format(", {} in a tar", image.member).c_str(), recipe.key.c_str(),
                seconds, recipe.name.c_str());
  }
}

int run(ImportOptions options) {
  auto const started = std::chrono::steady_clock::now();
  fusefs::block_end_signals();
  StopOnSignal const stop;
  auto const config = options.config.load();
  options.store.fill_from(config);
  (void)limit_of(options);
  // A file that is not there is no reason to make a store.
  open_at(AT_FDCWD, options.file, O_RDONLY | O_NONBLOCK).reset();
  auto const store = cache::Store::open(options.store.resolve());
  cache::sweep(store.dir());
  cache::require_free_name(store, config.recipe_book(), options.name, options.replace);
  auto const imported = import(options, store, stop.token());
  print(options, imported, std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  return kOk;
}

}  // namespace

void add_import(CLI::App& program, Action& action) {
  auto options = std::make_shared<ImportOptions>();
  auto* const command = program.add_subcommand("import", "Make a disk image from elsewhere a recipe");
  command
      ->add_option("file", options->file, "raw, qcow2, vmdk, vdi or vhdx; also compressed, or alone in a tar")
      ->required()
      ->type_name("FILE");
  command->add_option("--name", options->name, "The recipe's name: MNT/NAME/native/<id>.img")->required();
  command->add_option("--max-capacity", options->max_capacity, "Refuse a larger disk (default: 256G)")
      ->type_name("SIZE");
  command->add_flag("--replace", options->replace, "Take the name from the image that has it");
  command->add_flag("--json", options->json, "Print JSON lines: status while it runs, a summary");
  command->add_flag("-q,--quiet", options->quiet, "Print failures only");
  options->config.add_to(*command);
  options->store.add_to(*command, true);
  command->footer("Example:\n  templatefs import debian-13-genericcloud-amd64.qcow2 --name debian-13");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
