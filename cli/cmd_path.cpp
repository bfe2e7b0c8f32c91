// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "fusefs/test_id.h"

#include <cerrno>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

struct PathOptions {
  std::vector<std::string> names;
  bool decode = false;
  bool json = false;
};

std::string name_of(std::string const& id) {
  if (auto const name = fusefs::test_name(id)) return *name;
  throw Error(EINVAL, "turn \"" + id + "\" back into a test's name",
              "It is no id that `templatefs path` made, or one of a name that had to be shortened.");
}

int run(PathOptions const& options) {
  auto pairs = nlohmann::ordered_json::array();
  for (auto const& given : options.names) {
    auto const made = options.decode ? name_of(given) : fusefs::test_id(given);
    pairs.push_back({{"name", options.decode ? made : given}, {"id", options.decode ? given : made}});
    if (!options.json) std::printf("%s\n", made.c_str());
  }
  if (options.json) print_json({{"schema", "templatefs.path/1"}, {"names", pairs}});
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
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.path/1");
  command->footer(
      "Example:\n  qemu-img info /mnt/templates/btrfs/256M/$(templatefs path 'suite/case[1]').img");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
