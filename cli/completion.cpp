// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include "base/error.h"
#include "cli/choices.h"

#include <cerrno>
#include <map>

#include <CLI/CLI.hpp>

namespace templatefs::cli {

namespace {

CompletedValue asked_for(std::string what, bool files = false) {
  CompletedValue value;
  value.asked = std::move(what);
  value.files = files;
  return value;
}

CompletedValue files() {
  return asked_for("", true);
}

/// By the word that --help shows for it.
std::map<std::string, CompletedValue> const& values_by_label() {
  static std::map<std::string, CompletedValue> const values = [] {
    CompletedValue directories, command, log = files();
    directories.directories = true;
    command.command = true;
    log.choices = {"stderr", "journal"};
    return std::map<std::string, CompletedValue>{
        {"DIR", directories},
        {"FILE", files()},
        {"DEST", files()},
        {"WHERE", log},
        {"CMD", command},
        {"MNT", asked_for("mounts")},
        {"IMG", asked_for("images", true)},
        {"PINNED", asked_for("pins", true)},
        {"SNAPSHOT", asked_for("snapshots")},
        {"RECIPE", asked_for("stored")},
        {"RECIPE/CAPACITY", asked_for("templates")},
        {"KEY", asked_for("keys")},
        {"PATH|KEY", asked_for("keys,templates", true)},
        {"PATH|RECIPE/CAPACITY", asked_for("templates", true)},
        // Nobody but the user knows these.
        {"NAME", {}},
        {"TEXT", {}},
        {"SIZE", {}},
        {"SECONDS", {}},
        {"OPT,...", {}},
        {"USER", {}},
    };
  }();
  return values;
}

/// Without what CLI11 adds for a check: "SECONDS" of "SECONDS:NONNEGATIVE".
std::string label_of(CLI::Option const& option) {
  auto const label = option.get_type_name();
  return label.substr(0, label.find(':'));
}

CompletedValue value_of(CLI::Option& option) {
  CompletedValue value;
  value.choices = choices_of(option);
  if (!value.choices.empty()) return value;
  auto const found = values_by_label().find(label_of(option));
  if (found == values_by_label().end())
    throw Error(EINVAL, "complete a value of the kind \"" + label_of(option) + "\"");
  return found->second;
}

CompletedCommand completed(CLI::App& app, std::string name) {
  CompletedCommand command{std::move(name), app.get_description(), {}, {}};
  for (auto* const option : app.get_options()) {
    bool const takes_value = option->get_items_expected_max() > 0;
    bool const repeats = option->get_items_expected_max() > 1;
    if (!option->nonpositional()) {
      command.operands.push_back({label_of(*option), repeats, value_of(*option)});
      continue;
    }
    CompletedOption made;
    for (auto const& each : option->get_snames()) made.names.push_back("-" + each);
    for (auto const& each : option->get_lnames()) made.names.push_back("--" + each);
    made.description = option->get_description();
    made.takes_value = takes_value;
    made.repeats = repeats;
    if (takes_value) {
      made.label = label_of(*option);
      made.value = value_of(*option);
    }
    command.options.push_back(std::move(made));
  }
  return command;
}

}  // namespace

std::string CompletedValue::words() const {
  std::string out;
  auto const add = [&](std::string const& word) { out += (out.empty() ? "" : "+") + word; };
  if (!choices.empty()) add("one=" + CLI::detail::join(choices, ","));
  if (!asked.empty()) add("asked=" + asked);
  if (directories) add("directories");
  if (files) add("files");
  if (command) add("command");
  return out.empty() ? "nothing" : out;
}

std::vector<CompletedCommand> completed_commands(CLI::App& program) {
  std::vector<CompletedCommand> commands{completed(program, "")};
  for (auto* const each : program.get_subcommands([](CLI::App const*) { return true; }))
    commands.push_back(completed(*each, each->get_name()));
  return commands;
}

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (char const c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace templatefs::cli
