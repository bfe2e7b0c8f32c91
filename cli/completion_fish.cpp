// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <set>

namespace templatefs::cli {

namespace {

/// The part that knows no command; it uses $__templatefs_valued, the options that take a value.
constexpr char kFishMachinery[] = R"sh(
# The words before the cursor that are neither options nor values of options: the command, its operands.
function __templatefs_operands
    set -l words (commandline -opc)
    set -e words[1]
    set -l skipped no
    set -l ended no
    for word in $words
        if test $skipped = yes
            set skipped no
        else if test $ended = yes
            printf '%s\n' $word
        else if test "$word" = --
            set ended yes
        else if contains -- $word $__templatefs_valued
            set skipped yes
        else if not string match -q -- '-*' $word
            printf '%s\n' $word
        end
    end
end

function __templatefs_in --argument-names command
    set -l words (__templatefs_operands)
    test "$words[1]" = "$command"
end

# Whether the word at the cursor is that operand, or one from there on.
function __templatefs_at --argument-names command place many
    set -l words (__templatefs_operands)
    test "$words[1]" = "$command"; or return
    test (count $words) -eq $place; or test -n "$many" -a (count $words) -ge $place
end

function __templatefs_asked --argument-names what
    set -l words (commandline -opc)
    set -e words[1]
    # Of "--store=/x" only what is behind the sign.
    set -l word (string replace -r -- '^--[a-z-]+=' '' (commandline -ct))
    templatefs __complete $what "$word" -- $words 2>/dev/null
end

complete -c templatefs -e
complete -c templatefs -f
)sh";

/// The options of `complete` that offer this; "-f" for what nobody can tell.
std::string offers(CompletedValue const& value) {
  std::string words, out;
  for (auto const& choice : value.choices) words += (words.empty() ? "" : " ") + choice;
  auto const add = [&](std::string const& word) { words += (words.empty() ? "" : " ") + word; };
  if (!value.asked.empty()) add("(__templatefs_asked " + value.asked + ")");
  if (value.directories) add("(__fish_complete_directories)");
  if (value.command) add("(__fish_complete_command)");
  out = value.files ? " -F" : " -f";
  if (!words.empty()) out += " -a " + single_quoted(words);
  return out;
}

std::string condition(std::string const& text) {
  return "complete -c templatefs -n " + single_quoted(text);
}

}  // namespace

std::string fish_completion(std::vector<CompletedCommand> const& commands) {
  std::string out = "# Completion of templatefs in fish, as `templatefs completion fish` prints it.\n\n";
  std::set<std::string> valued;
  for (auto const& command : commands)
    for (auto const& option : command.options)
      if (option.takes_value) valued.insert(option.names.begin(), option.names.end());
  out += "set -g __templatefs_valued";
  for (auto const& name : valued) out += " " + name;
  out += "\n";
  out += kFishMachinery;
  for (auto const& command : commands) {
    if (!command.name.empty())
      out += "\n" + condition("__templatefs_at '' 0") + " -a " + command.name + " -d " +
             single_quoted(command.description) + "\n";
    for (auto const& option : command.options) {
      out += condition("__templatefs_in '" + command.name + "'");
      for (auto const& name : option.names)
        out += name.rfind("--", 0) == 0 ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.takes_value) out += " -r" + offers(option.value);
      out += " -d " + single_quoted(option.description) + "\n";
    }
    int place = 0;
    for (auto const& operand : command.operands) {
      auto const at = "__templatefs_at " + command.name + " " + std::to_string(++place);
      if (operand.value.words() != "nothing")
        out += condition(at + (operand.repeats ? " many" : "")) + offers(operand.value) + "\n";
    }
  }
  return out;
}

}  // namespace templatefs::cli
