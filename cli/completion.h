// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

// Completion in shells: the scripts are made from the program's own commands and options; what only the store
// or the mounts tell, they ask `templatefs __complete` for (completion_words.h).
namespace templatefs::cli {

/// What an option's value or an operand can be.
struct CompletedValue {
  std::vector<std::string> choices;
  std::string asked;  // what `templatefs __complete` is asked for; empty: nothing
  bool files = false;
  bool directories = false;
  bool command = false;  // of the system

  /// The same for the scripts: "files+asked=images", "one=auto,kvm,tcg", "nothing".
  std::string words() const;
};

struct CompletedOption {
  std::vector<std::string> names;  // "-q", "--quiet"
  std::string description;
  bool takes_value = false;
  bool repeats = false;
  std::string label;  // "DIR"
  CompletedValue value;
};

struct CompletedOperand {
  std::string label;
  bool repeats = false;
  CompletedValue value;
};

struct CompletedCommand {
  std::string name;  // empty for the program itself
  std::string description;
  std::vector<CompletedOption> options;
  std::vector<CompletedOperand> operands;
};

/// The program itself, then its commands. Throws Error(EINVAL) for a value of a kind that nobody has said how
/// to complete.
std::vector<CompletedCommand> completed_commands(CLI::App& program);

// A script each.
std::string bash_completion(std::vector<CompletedCommand> const& commands);
std::string zsh_completion(std::vector<CompletedCommand> const& commands);
std::string fish_completion(std::vector<CompletedCommand> const& commands);

/// 'it'\''s', as all three shells read it.
std::string single_quoted(std::string_view text);

}  // namespace templatefs::cli
