// SPDX-License-Identifier: Apache-2.0
#include "base/deadline.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/image_attribute.h"
#include "cli/json_output.h"
#include "cli/live_mount.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <thread>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <sys/xattr.h>

namespace templatefs::cli {

namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

struct SnapshotOptions {
  std::string image;
  std::string name;
  bool force = false;
  bool remove = false;
  bool json = false;
};

std::vector<std::string> snapshots_of(std::string const& image) {
  std::string text(65536, '\0');
  auto const length = ::getxattr(image.c_str(), "user.templatefs.snapshots", text.data(), text.size());
  if (length < 0 && errno == ENODATA)
    throw Error(ENOENT, "list the snapshots of " + image + ": it is no image that was opened");
  text.resize(static_cast<std::size_t>(check(length, "list the snapshots of", image)));
  std::istringstream lines(text);
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

/// The kernel tells the mount of a close(2) a moment after it: while nobody is to be seen who has the image
/// open, try on for a second.
void change_unused(std::string const& verb, SnapshotOptions const& options, std::string const& attribute) {
  auto const deadline = Deadline::after(1s);
  for (;; std::this_thread::sleep_for(2ms)) {
    try {
      return change_image(verb, options.image, attribute, options.name);
    } catch (Error const& error) {
      if (error.err() != EBUSY) throw;
      std::string users;
      for (auto const& user : writers_of_file(options.image)) users += (users.empty() ? "" : ", ") + user;
      if (users.empty() && !deadline.passed()) continue;
      throw Error(
          EBUSY,
          verb + " " + options.image + ": it is open" + (users.empty() ? "" : " for writing by ") + users,
          "End what has it open, or insist with --force.");
    }
  }
}

void print(SnapshotOptions const& options, std::string const& schema, std::string const& words) {
  if (!options.json) {
    std::printf("%s\n", words.c_str());
    return;
  }
  Json const document = {{"schema", schema},
                         {"path", options.image},
                         {"name", options.name},
                         {"snapshots", snapshots_of(options.image)}};
  print_json(document);
}

int list(SnapshotOptions const& options) {
  std::string lines;
  for (auto const& each : snapshots_of(options.image)) lines += (lines.empty() ? "" : "\n") + each;
  print(options, "templatefs.snapshot/1", lines.empty() ? "no snapshots of " + options.image : lines);
  return kOk;
}

int snapshot(SnapshotOptions const& options) {
  if (options.name.empty()) return list(options);
  try {
    if (options.remove)
      change_image("snapshot", options.image, "user.templatefs.snapshot.remove", options.name);
    else
      change_unused("snapshot", options,
                    std::string("user.templatefs.snapshot") + (options.force ? ".force" : ""));
  } catch (Error const& error) {
    if (error.err() == EEXIST)
      throw Error(EEXIST, "snapshot " + options.image + ": it has a snapshot " + options.name,
                  "Take another name, or remove that one first with --remove.");
    if (error.err() == ENOENT && options.remove)
      throw Error(ENOENT, "remove the snapshot " + options.name + " of " + options.image + ": there is none");
    throw;
  }
  print(options, "templatefs.snapshot/1",
        (options.remove ? "removed the snapshot " : "took the snapshot ") + options.name + " of " +
            options.image);
  return kOk;
}

int revert(SnapshotOptions const& options) {
  std::string const target = options.name.empty() ? "its template" : "the snapshot " + options.name;
  try {
    if (options.force)
      change_image("revert", options.image, "user.templatefs.revert.force", options.name);
    else
      change_unused("revert", options, "user.templatefs.revert");
  } catch (Error const& error) {
    if (error.err() == ENOENT && error.remedy().empty())
      throw Error(ENOENT, "revert " + options.image + " to " + target + ": there is none",
                  options.name.empty() ? "Remove the image: the next open makes it anew."
                                       : "`templatefs snapshot IMG` lists them.");
    throw;
  }
  print(options, "templatefs.revert/1", "reverted " + options.image + " to " + target);
  return kOk;
}

}  // namespace

void add_snapshot(CLI::App& program, Action& action) {
  auto options = std::make_shared<SnapshotOptions>();
  auto* const command = program.add_subcommand("snapshot", "Remember an image as it stands, under a name");
  command->add_option("image", options->image, "An image in a mount")->required()->type_name("IMG");
  command->add_option("name", options->name, "The snapshot's name; without one they are listed")
      ->type_name("SNAPSHOT");
  command->add_flag("--force", options->force, "Even while it is open for writing");
  command->add_flag("--remove", options->remove, "Remove the snapshot instead");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.snapshot/1");
  command->footer("Example:\n  templatefs snapshot /mnt/templates/btrfs/1G/t1.img installed");
  command->callback([options, &action] { action = [options] { return snapshot(*options); }; });
}

void add_revert(CLI::App& program, Action& action) {
  auto options = std::make_shared<SnapshotOptions>();
  auto* const command = program.add_subcommand("revert", "Give an image back what it was");
  command->add_option("image", options->image, "An image in a mount")->required()->type_name("IMG");
  command->add_option("name", options->name, "A snapshot of it; without one its template")
      ->type_name("SNAPSHOT");
  command->add_flag("--force", options->force, "Even while it is open: its users find other bytes in it");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.revert/1");
  command->footer("Example:\n  templatefs revert /mnt/templates/btrfs/1G/t1.img installed");
  command->callback([options, &action] { action = [options] { return revert(*options); }; });
}

}  // namespace templatefs::cli
