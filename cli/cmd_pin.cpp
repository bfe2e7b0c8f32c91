// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cache/pins.h"
#include "cli/command.h"
#include "cli/image_attribute.h"
#include "cli/json_output.h"

#include <cerrno>
#include <cstdio>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr char kKeep[] = "user.templatefs.keep";

struct PinOptions {
  bool pin = true;  // else unpin
  std::vector<std::string> images;
  std::string reason;
  bool json = false;
  bool quiet = false;
};

void change(PinOptions const& options, std::string const& image) {
  if (options.pin) return change_image("pin", image, kKeep, options.reason);
  try {
    change_image("unpin", image, kKeep, std::nullopt);
  } catch (Error const& error) {
    if (error.err() != ENODATA) throw;
    throw Error(ENODATA, "unpin " + image + ": it is not pinned");
  }
}

int run(PinOptions const& options) {
  if (options.reason.size() > cache::kLongestReason)
    throw Error(E2BIG, "pin with a reason of " + std::to_string(options.reason.size()) + " bytes",
                "Make it " + std::to_string(cache::kLongestReason) + " bytes or fewer.");
  Json done = Json::array();
  for (auto const& image : options.images) {
    change(options, image);
    Json row = {{"path", image}, {"pinned", options.pin}};
    if (options.pin) row["reason"] = options.reason;
    done.push_back(std::move(row));
    if (!options.json && !options.quiet)
      std::printf("%s %s\n", options.pin ? "pinned" : "unpinned", image.c_str());
  }
  Json const document = {{"schema", options.pin ? "templatefs.pin/1" : "templatefs.unpin/1"},
                         {"images", done}};
  if (options.json) print_json(document);
  return kOk;
}

void add(CLI::App& command, std::shared_ptr<PinOptions> const& options, Action& action) {
  command.add_option("image", options->images, "Images in a mount")
      ->required()
      ->type_name(options->pin ? "IMG" : "PINNED");
  command.add_flag("-q,--quiet", options->quiet, "Print failures only");
  command.callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace

void add_pin(CLI::App& program, Action& action) {
  auto const options = std::make_shared<PinOptions>();
  auto* const command = program.add_subcommand("pin", "Let images outlive their mount, crashes too");
  command->add_option("--reason", options->reason, "Kept with them, and shown by `templatefs ls --images`")
      ->type_name("TEXT");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.pin/1");
  command->footer("Example:\n  templatefs pin --reason 'fsck failed' /mnt/templates/ext4/1G/t1.img");
  add(*command, options, action);
}

void add_unpin(CLI::App& program, Action& action) {
  auto const options = std::make_shared<PinOptions>();
  options->pin = false;
  auto* const command = program.add_subcommand("unpin", "Let pinned images go with their mount again");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.unpin/1");
  command->footer("Example:\n  templatefs unpin /mnt/templates/ext4/1G/t1.img");
  add(*command, options, action);
}

}  // namespace templatefs::cli
