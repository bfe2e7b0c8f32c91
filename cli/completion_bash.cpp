// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <map>

namespace templatefs::cli {

namespace {

/// The part that knows no command. It needs nothing of the bash-completion package, which loads it.
constexpr char kBashMachinery[] = R"sh(
# Adds to COMPREPLY what $2 may become, of the kinds in $1; the words before it follow.
_templatefs_offer() {
  local kinds=$1 cur=$2 kind found
  shift 2
  for kind in ${kinds//+/ }; do
    found=()
    case $kind in
      one=*) kind=${kind#one=}; mapfile -t found < <(compgen -W "${kind//,/ }" -- "$cur") ;;
      asked=*) mapfile -t found < <("$_templatefs_program" __complete "${kind#asked=}" "$cur" -- "$@" 2>/dev/null) ;;
      files) compopt -o filenames; mapfile -t found < <(compgen -f -- "$cur") ;;
      directories) compopt -o filenames; mapfile -t found < <(compgen -d -- "$cur") ;;
      command) mapfile -t found < <(compgen -c -- "$cur") ;;
    esac
    COMPREPLY+=("${found[@]}")
  done
  [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != */ ]] || compopt -o nospace
}

_templatefs() {
  local _templatefs_program=${1/#\~\//$HOME/} REPLY word cur rest=${COMP_LINE:0:COMP_POINT} i
  local command='' wanted='' ended='' operand=1 cut=''
  local -a words=()
  COMPREPLY=()
  # bash takes words apart at "=" and ":". Put together again what stands together.
  for ((i = 0; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ $i -gt 0 && $rest != [[:blank:]]* ]]; then
      ((i < COMP_CWORD)) || word=$rest
      words[-1]+=$word
    else
      rest=${rest#"${rest%%[![:blank:]]*}"}
      ((i < COMP_CWORD)) || word=$rest
      words+=("$word")
    fi
    rest=${rest#"$word"}
  done
  cur=${words[-1]}
  words=("${words[@]:1:${#words[@]}-2}")

  for word in "${words[@]}"; do
    if [[ -n $wanted ]]; then
      wanted=''
    elif [[ -z $ended && $word == -- ]]; then
      ended=1
    elif [[ -z $ended && $word == -?* ]]; then
      [[ $word == --*=* ]] || ! _templatefs_value "$command" "$word" || wanted=$REPLY
    elif [[ -z $command ]]; then
      command=$word
    else
      ((++operand))
    fi
  done

  if [[ -n $wanted ]]; then
    _templatefs_offer "$wanted" "$cur" "${words[@]}"
  elif [[ -z $ended && $cur == --*=* ]]; then
    ! _templatefs_value "$command" "${cur%%=*}" || _templatefs_offer "$REPLY" "${cur#*=}" "${words[@]}"
    cut=${cur%%=*}=
    [[ $COMP_WORDBREAKS == *=* ]] && cut='' cur=${cur#*=}
    COMPREPLY=("${COMPREPLY[@]/#/"$cut"}")
  elif [[ -z $ended && $cur == -* ]]; then
    _templatefs_options "$command"
    mapfile -t COMPREPLY < <(compgen -W "$REPLY" -- "$cur")
  elif [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$_templatefs_commands" -- "$cur")
  elif _templatefs_operand "$command" "$operand"; then
    _templatefs_offer "$REPLY" "$cur" "${words[@]}"
  fi
  # What readline replaces begins after the last of these.
  for word in = :; do
    [[ $COMP_WORDBREAKS == *$word* && $cur == *$word* ]] || continue
    cut=${cur%"${cur##*[=:]}"}
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    break
  done
}

complete -F _templatefs templatefs
)sh";

/// case branches: "'mount --store'|'run --store') REPLY=directories ;;"
std::string branches(std::map<std::string, std::string> const& patterns_by_reply) {
  std::string out;
  for (auto const& [reply, patterns] : patterns_by_reply)
    out += "    " + patterns + ") REPLY=" + single_quoted(reply) + " ;;\n";
  return out;
}

void add_pattern(std::string& patterns, std::string const& pattern) {
  patterns += (patterns.empty() ? "" : "|") + pattern;
}

}  // namespace

std::string bash_completion(std::vector<CompletedCommand> const& commands) {
  std::map<std::string, std::string> options, values, operands;
  std::string names;
  for (auto const& command : commands) {
    if (!command.name.empty()) names += (names.empty() ? "" : " ") + command.name;
    std::string all;
    for (auto const& option : command.options)
      for (auto const& name : option.names) {
        all += (all.empty() ? "" : " ") + name;
        if (option.takes_value)
          add_pattern(values[option.value.words()], single_quoted(command.name + " " + name));
      }
    add_pattern(options[all], single_quoted(command.name));
    int place = 0;
    for (auto const& operand : command.operands)
      add_pattern(operands[operand.value.words()],
                  operand.repeats ? single_quoted(command.name + " ") + "*"
                                  : single_quoted(command.name + " " + std::to_string(++place)));
  }
  std::string const end = "    *) return 1 ;;\n  esac\n}\n";
  return "# Completion of templatefs in bash, as `templatefs completion bash` prints it.\n\n"
         "_templatefs_commands=" +
         single_quoted(names) + "\n\n# Of the command $1.\n_templatefs_options() {\n  case $1 in\n" +
         branches(options) + "    *) REPLY= ;;\n  esac\n}\n\n" +
         "# What the option $2 of the command $1 takes; fails where it takes nothing.\n"
         "_templatefs_value() {\n  case \"$1 $2\" in\n" +
         branches(values) + end +
         "\n# What operand number $2 of the command $1 can be.\n"
         "_templatefs_operand() {\n  case \"$1 $2\" in\n" +
         branches(operands) + end + kBashMachinery;
}

}  // namespace templatefs::cli
