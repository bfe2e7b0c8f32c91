// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/command.h"
#include "fusefs/test_id.h"

#include <cerrno>
#include <cstdio>

#include <CLI/CLI.hpp>

namespace templatefs::cli {

namespace {

struct PathOptions {
  std::vector<std::string> names;
  bool decode = false;
};

int run(PathOptions const& options) {
  for (auto const& name : options.names) {
    if (!options.decode) {
      std::printf("%s\n", fusefs::test_id(name).c_str());
      continue;
    }
    auto const decoded = fusefs::test_name(name);
    if (!decoded)
      throw Error(EINVAL, "turn \"" + name + "\" back into a test's name",
                  "It is no id that `templatefs path` made, or one of a name that had to be shortened.");
    std::printf("%s\n", decoded->c_str());
  }
  return kOk;
}

}  // namespace

void add_path(CLI::App& program, Action& action) {
  auto options = std::make_shared<PathOptions>();
  auto* const command = program.add_subcommand("path", "Turn any test name into a valid image id");
  command->add_option("name", options->names, "Test names: slashes, brackets, spaces, any bytes")
      ->required()
      ->type_name("NAME");
  command->add_flag("-d,--decode", options->decode, "The other way: from ids to names");
  command->footer(
      "Example:\n  qemu-img info /mnt/templates/btrfs/256M/$(templatefs path 'suite/case[1]').img");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
