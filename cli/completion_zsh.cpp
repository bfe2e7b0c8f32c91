// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

namespace templatefs::cli {

namespace {

/// The part that knows no command.
constexpr char kZshMachinery[] = R"sh(
# _templatefs_offer KINDS LABEL: what the word may become, of these kinds.
_templatefs_offer() {
  local kinds=$1 label=$2 kind offered=1
  local -a found unfinished expl
  for kind in ${(s:+:)kinds}; do
    case $kind in
      one=*) found=(${(s:,:)kind#one=}); _wanted values expl "$label" compadd -a found && offered=0 ;;
      asked=*)
        found=("${(@f)$(templatefs __complete "${kind#asked=}" "${(Q)PREFIX}" -- "${(@Q)words[1,CURRENT-1]}" 2>/dev/null)}")
        unfinished=(${(M)found:#*/})
        found=(${${found:#*/}:#})
        (( $#unfinished )) && _wanted values expl "$label" compadd -S '' -a unfinished && offered=0
        (( $#found )) && _wanted values expl "$label" compadd -a found && offered=0
        ;;
      files) _files && offered=0 ;;
      directories) _files -/ && offered=0 ;;
      command) _command_names -e && offered=0 ;;
    esac
  done
  return offered
}

# The command line that `run` runs.
_templatefs_captive() {
  [[ $words[1] == -- ]] && shift words && (( CURRENT-- ))
  _normal
}

)sh";

/// Inside of brackets or between colons of a specification.
std::string escaped(std::string_view text) {
  std::string out;
  for (char const c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// ":DIR: _templatefs_offer directories DIR"
std::string value_part(std::string const& label, CompletedValue const& value) {
  return ":" + escaped(label) + ": _templatefs_offer " + value.words() + " " + escaped(label);
}

void add_options(std::string& out, CompletedCommand const& command, std::string const& indent) {
  for (auto const& option : command.options) {
    std::string all;
    for (auto const& name : option.names) all += (all.empty() ? "" : " ") + name;
    for (auto const& name : option.names) {
      auto spec = option.repeats ? "*" + name : "(" + all + ")" + name;
      if (option.takes_value) spec += name.rfind("--", 0) == 0 ? "=" : "+";
      spec += "[" + escaped(option.description) + "]";
      if (option.takes_value) spec += value_part(option.label, option.value);
      out += " \\\n" + indent + single_quoted(spec);
    }
  }
}

void add_operands(std::string& out, CompletedCommand const& command, std::string const& indent) {
  int place = 0;
  for (auto const& operand : command.operands) {
    std::string spec;
    if (operand.value.command)
      spec = "*::" + escaped(operand.label) + ": _templatefs_captive";
    else
      spec = (operand.repeats ? "*" : std::to_string(++place)) + value_part(operand.label, operand.value);
    out += " \\\n" + indent + single_quoted(spec);
  }
}

}  // namespace

std::string zsh_completion(std::vector<CompletedCommand> const& commands) {
  std::string out =
      "#compdef templatefs\n# Completion of templatefs in zsh, as `templatefs completion zsh` prints it.\n";
  out += kZshMachinery;
  out +=
      "_templatefs() {\n  local curcontext=$curcontext state line ret=1\n  local -a names\n"
      "  typeset -A opt_args\n  _arguments -C -S";
  add_options(out, commands.front(), "    ");
  out +=
      " \\\n    '1:command:->command' \\\n    '*::argument:->argument' && return\n  case $state in\n"
      "    command)\n      names=(\n";
  for (auto const& command : commands)
    if (!command.name.empty())
      out += "        " + single_quoted(escaped(command.name) + ":" + command.description) + "\n";
  out +=
      "      )\n      _describe -t commands 'command of templatefs' names && ret=0\n      ;;\n"
      "    argument)\n      curcontext=\"${curcontext%:*:*}:templatefs-${words[1]}:\"\n"
      "      case ${words[1]} in\n";
  for (auto const& command : commands) {
    if (command.name.empty()) continue;
    out += "        " + command.name + ")\n          _arguments -S";
    add_options(out, command, "            ");
    add_operands(out, command, "            ");
    out += " && ret=0\n          ;;\n";
  }
  out +=
      "      esac\n      ;;\n  esac\n  return ret\n}\n\n"
      "# Autoloaded, this file is the function; sourced, it is told what it completes.\n"
      "if [[ $funcstack[1] == _templatefs ]]; then\n  _templatefs \"$@\"\nelse\n"
      "  compdef _templatefs templatefs\nfi\n";
  return out;
}

}  // namespace templatefs::cli
