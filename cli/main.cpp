// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/log.h"
#include "base/suggest.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/completion_words.h"
#include "cli/live_mount.h"
#include "cli/mount_helper.h"
#include "cli/not_found.h"
#include "fusefs/version.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <string_view>

#include <CLI/CLI.hpp>

#include <unistd.h>

namespace {

/// Of `run`, whose other statuses are its command's.
bool is_run(int argc, char** argv) {
  return argc > 1 && std::string_view(argv[1]) == "run";
}

/// --json among the words that are ours: those of `run` after "--" are its command's.
bool asks_for_json(int argc, char** argv) {
  auto const end = std::find(argv, argv + argc, std::string_view("--"));
  return std::find(argv, end, std::string_view("--json")) != end;
}

int exit_status_of(templatefs::Error const& error) {
  return error.err() == ETIMEDOUT ? templatefs::cli::kTimedOut : templatefs::cli::kFailed;
}

int run(templatefs::cli::Action const& action) {
  try {
    return action();
  } catch (templatefs::cli::NotFound const& error) {
    return templatefs::cli::complain(error, templatefs::cli::kNotFound);
  } catch (...) {
    auto const error = templatefs::to_error(std::current_exception());
    return templatefs::cli::complain(error, exit_status_of(error));
  }
}

/// For mount(8), with its exit statuses.
int help_mount(int argc, char** argv, CLI::App& program, templatefs::cli::Action const& action) {
  using namespace templatefs;
  try {
    cli::complete_bare_environment();
    auto call = cli::parse_mount_helper(argc, argv, *program.get_subcommand("mount"));
    std::reverse(call.words.begin(), call.words.end());  // as CLI11 takes them
    program.parse(std::move(call.words));
    if (call.only_pretend) return cli::kOk;
  } catch (CLI::ParseError const& problem) {
    std::fprintf(stderr, "mount.templatefs: %s\n", problem.what());
    return cli::kHelperUsage;
  } catch (Error const& error) {
    std::fprintf(stderr, "mount.templatefs: %s\n", error.sentence().c_str());
    return cli::kHelperUsage;
  }
  log_to({LogPlace::Kind::people}, LogLevel::warning);
  return run(action) == cli::kOk ? cli::kOk : cli::kHelperFailed;
}

/// "Did you mean ..." for the first option that neither the program nor the command on its line knows.
std::string meant_option(CLI::App& program) {
  std::vector<std::string> known;
  auto const add = [&](CLI::App* app) {
    for (auto const* const option : app->get_options())
      for (auto const& name : option->get_lnames()) known.push_back("--" + name);
  };
  add(&program);
  for (auto* const command : program.get_subcommands()) add(command);
  for (auto const& word : program.remaining(true))
    if (word.starts_with("--"))
      if (auto meant = templatefs::suggestion(word.substr(0, word.find('=')), known); !meant.empty())
        return meant;
  return {};
}

constexpr char kSeeHelp[] = "Run with --help for more information.";

int misused(CLI::App& program, CLI::ParseError const& problem, int exit_status) {
  std::string message = problem.what();
  if (message.ends_with('.')) message.pop_back();
  auto const meant = meant_option(program);
  return templatefs::cli::complain(EINVAL, message, meant.empty() ? kSeeHelp : meant + " " + kSeeHelp,
                                   exit_status);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace templatefs;
  // For the shells' completion, at every key: not even the options are set up for it.
  if (argc > 1 && std::string_view(argv[1]) == "__complete") return cli::complete({argv + 2, argv + argc});
  CLI::App program{
      "templatefs makes test disks appear: open MNT/btrfs/256M/<any-id>.img and a freshly formatted,\n"
      "private disk image is there. Templates are built once, in a guest, and cloned by reflink.",
      "templatefs"};
  program.set_version_flag("-V,--version", std::string("templatefs ") + kVersion, "Print the version");
  program.require_subcommand(1);
  program.get_formatter()->column_width(28);
  program.footer("Example: `templatefs mount /mnt/templates`. See templatefs(1).");

  cli::Action action;
  cli::add_mount(program, action);
  cli::add_run(program, action);
  cli::add_umount(program, action);
  cli::add_ls(program, action);
  cli::add_status(program, action);
  cli::add_inspect(program, action);
  cli::add_watch(program, action);
  cli::add_top(program, action);
  cli::add_build(program, action);
  cli::add_recipes(program, action);
  cli::add_import(program, action);
  cli::add_bake(program, action);
  cli::add_save(program, action);
  cli::add_snapshot(program, action);
  cli::add_revert(program, action);
  cli::add_pin(program, action);
  cli::add_unpin(program, action);
  cli::add_forget(program, action);
  cli::add_why(program, action);
  cli::add_path(program, action);
  cli::add_verify(program, action);
  cli::add_gc(program, action);
  cli::add_clean(program, action);
  cli::add_provision(program, action);
  cli::add_doctor(program, action);
  cli::add_completion(program, action);

  if (cli::is_mount_helper(argc, argv)) return help_mount(argc, argv, program, action);

  if (asks_for_json(argc, argv)) cli::complain_in_json();
  // CLI11 would only ask for a command, without a word on the one that was given.
  std::vector<std::string> commands;
  for (auto const* const each : program.get_subcommands([](CLI::App const*) { return true; }))
    commands.push_back(each->get_name());
  if (argc > 1 && argv[1][0] != '-' &&
      std::find(commands.begin(), commands.end(), argv[1]) == commands.end()) {
    auto const meant = suggestion(argv[1], commands);
    return cli::complain(EINVAL, format("there is no command \"{}\"", argv[1]),
                         meant.empty() ? kSeeHelp : meant, cli::kUsage);
  }
  try {
    program.parse(argc, argv);
  } catch (CLI::ParseError const& problem) {
    // Help and version arrive here as well, and are no failure.
    if (problem.get_exit_code() == 0) return program.exit(problem);
    return misused(program, problem, is_run(argc, argv) ? cli::kRunFailed : cli::kUsage);
  }

  log_to({LogPlace::Kind::people}, LogLevel::warning);
  int const status = run(action);
  log_to_nowhere();
  if (!cli::has_stuck_reader()) return status;
  std::fflush(nullptr);
  ::_exit(status);
}
