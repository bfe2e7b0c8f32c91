// SPDX-License-Identifier: Apache-2.0
#include "cli/choices.h"
#include "cli/command.h"
#include "cli/completion.h"

#include <cstdio>

#include <CLI/CLI.hpp>

namespace templatefs::cli {

namespace {

int run(CLI::App& program, std::string const& shell) {
  auto const commands = completed_commands(program);
  auto const script = shell == "bash"  ? bash_completion(commands)
                      : shell == "zsh" ? zsh_completion(commands)
                                       : fish_completion(commands);
  std::fputs(script.c_str(), stdout);
  return kOk;
}

}  // namespace

void add_completion(CLI::App& program, Action& action) {
  auto shell = std::make_shared<std::string>();
  auto* const command =
      program.add_subcommand("completion", "Print what makes a shell complete command lines");
  one_of(*command->add_option("shell", *shell, "bash, zsh or fish")->required()->type_name("SHELL"),
         {"bash", "zsh", "fish"});
  command->footer(
      "An installed templatefs has it where the shells look.\n\n"
      "Example:\n  source <(templatefs completion bash)");
  command->callback(
      [shell, &program, &action] { action = [shell, &program] { return run(program, *shell); }; });
}

}  // namespace templatefs::cli
