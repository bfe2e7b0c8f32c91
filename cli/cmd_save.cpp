// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"
#include "base/copy_file.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/mounted_image.h"
#include "cli/stop_on_signal.h"
#include "cli/transfer_progress.h"
#include "fusefs/mount.h"

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

struct SaveOptions {
  std::string image;
  std::string destination;
  bool force = false;
  bool json = false;
  bool quiet = false;
};

Error already_there(std::string const& path) {
  return Error(EEXIST, "save to " + path + ": it exists", "Give another name, or --force to replace it.");
}

/// A directory means a file in it that is called like the image.
std::string file_to_write(SaveOptions const& options, MountedImage const& image) {
  std::filesystem::path path = options.destination;
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown)) path /= std::filesystem::path(image.path).filename();
  if (!options.force && ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    throw already_there(path.string());
  return path.string();
}

void throw_if_stopped(std::stop_token const& stop) {
  if (stop.stop_requested()) throw Error(EINTR, "save an image: stopped by a signal");
}

/// True where blocks are shared. Whoever may not look into the store has the image through the mount alone,
/// which FUSE gives no way to reflink from.
bool fill_by_reflink(MountedImage const& image, Fd const& target) {
  try {
    return reflink(image.open_in_store().get(), target.get()) == 0;
  } catch (Error const&) {
    return false;
  }
}

struct Saved {
  std::int64_t bytes = 0;
  std::int64_t allocated = 0;
  bool reflinked = false;
};

Saved save(SaveOptions const& options, MountedImage const& image, std::string const& path,
           std::stop_token const& stop) {
  auto const scratch = std::filesystem::path(path).replace_filename(
      "." + std::filesystem::path(path).filename().string() + ".new-" + random_hex(4));
  struct stat st {};
  check(::fstat(image.file.get(), &st), "stat", image.path);
  Fd const target = open_at(AT_FDCWD, scratch, O_RDWR | O_CREAT | O_EXCL, st.st_mode & 0777);
  ScopeExit undo([&] { ::unlink(scratch.c_str()); });
  Saved saved;
  saved.reflinked = fill_by_reflink(image, target);
  if (!saved.reflinked) {
    TransferProgress progress(Progress::style_of(options.json, options.quiet), "save " + image.below,
                              st.st_size);
    copy_sparse(image.file.get(), target.get(), st.st_size, [&](std::int64_t done) {
      throw_if_stopped(stop);
      progress.advance(done);
    });
  }
  sync_file(target.get(), path);
  throw_if_stopped(stop);
  if (::renameat2(AT_FDCWD, scratch.c_str(), AT_FDCWD, path.c_str(), options.force ? 0 : RENAME_NOREPLACE) !=
      0) {
    if (errno == EEXIST) throw already_there(path);
    throw_errno("save to", path);
  }
  undo.dismiss();
  check(::fstat(target.get(), &st), "stat", path);
  saved.bytes = st.st_size;
  saved.allocated = static_cast<std::int64_t>(st.st_blocks) * 512;
  return saved;
}

int run(SaveOptions const& options) {
  fusefs::block_end_signals();
  StopOnSignal const stop;
  auto const started = std::chrono::steady_clock::now();
  auto const image = open_mounted_image(options.image);
  auto const path = file_to_write(options, image);
  if (auto const writers = writers_of(image); !writers.empty())
    std::fprintf(stderr, "templatefs: %s is open for writing by %s: what is saved may be half of a change\n",
                 image.path.c_str(), writers.c_str());
  auto const saved = save(options, image, path, stop.token());
  std::chrono::duration<double, std::milli> const took = std::chrono::steady_clock::now() - started;
  if (options.json)
    print_json_line({{"schema", "templatefs.save/1"},
                     {"image", image.path},
                     {"path", path},
                     {"bytes", saved.bytes},
                     {"allocated_bytes", saved.allocated},
                     {"reflinked", saved.reflinked},
                     {"duration_ms", std::llround(took.count())}});
  else if (!options.quiet)
    std::printf("saved %s: %s, %s allocated, %s in %.0f ms\n", path.c_str(), human_size(saved.bytes).c_str(),
                human_size(saved.allocated).c_str(), saved.reflinked ? "reflinked" : "copied", took.count());
  return kOk;
}

}  // namespace

void add_save(CLI::App& program, Action& action) {
  auto options = std::make_shared<SaveOptions>();
  auto* const command = program.add_subcommand("save", "Copy an image of a mount out to a file");
  command->add_option("image", options->image, "An image in a mount, as it stands")
      ->required()
      ->type_name("IMG");
  command->add_option("destination", options->destination, "A new file, or a directory for one")
      ->required()
      ->type_name("DEST");
  command->add_flag("--force", options->force, "Replace a file that is there");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.save/1");
  command->add_flag("-q,--quiet", options->quiet, "Print failures only");
  command->footer("Example:\n  templatefs save /mnt/templates/btrfs/1G/t1.img broken.img");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
