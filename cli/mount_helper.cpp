// SPDX-License-Identifier: Apache-2.0
#include "cli/mount_helper.h"

#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include <CLI/CLI.hpp>

#include <unistd.h>

namespace templatefs::cli {

namespace {

constexpr char kUsageWords[] = "It is: mount.templatefs SPEC DIR [-sfnvrw] [-o OPTIONS].";
constexpr char kSystemCache[] = "/var/cache";

bool is_name_of_helper(std::string_view path) {
  auto const name = path.substr(path.rfind('/') + 1);
  return name == "mount.templatefs" || name == "mount.fuse.templatefs";
}

/// A store's directory, or that there is nothing to say.
bool is_spec(std::string_view word) {
  return word.starts_with('/') || word == "templatefs" || word == "none";
}

/// What mount(8), fstab(5) and systemd.mount(5) keep for themselves, and what a mount is anyway.
bool is_not_for_us(std::string_view option) {
  constexpr std::string_view kWords[] = {
      "auto",       "noauto",        "nofail",     "_netdev",  "defaults",    "user",
      "nouser",     "users",         "owner",      "group",    "rw",          "loud",
      "silent",     "relatime",      "atime",      "diratime", "strictatime", "lazytime",
      "nolazytime", "nostrictatime", "norelatime", "iversion", "noiversion"};
  auto const key = option.substr(0, option.find('='));
  return std::find(std::begin(kWords), std::end(kWords), key) != std::end(kWords) || key.starts_with("x-") ||
         key.starts_with("X-") || key == "comment" || key == "helper" || key == "uhelper";
}

/// Split at commas, but for those between double quotes.
std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> options(1);
  bool quoted = false;
  for (char const each : text) {
    if (each == '"')
      quoted = !quoted;
    else if (each == ',' && !quoted)
      options.emplace_back();
    else
      options.back() += each;
  }
  std::erase(options, "");
  return options;
}

/// The option of the command that goes by this name, if there is one.
CLI::Option const* find_option(CLI::App const& command, std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  if (key == "foreground" || key == "help") return nullptr;
  return command.get_option_no_throw("--" + key);
}

void add_option(HelperCall& call, std::string const& option, CLI::App const& command) {
  if (is_not_for_us(option)) return;
  if (option == "remount" || option == "bind" || option == "rbind" || option == "move")
    throw Error(EINVAL,
                "mount with the option " + option + ": a templatefs cannot be changed while it is mounted",
                "Unmount it first; a mount's configuration is read again at SIGHUP.");
  auto const equals = option.find('=');
  auto const key = option.substr(0, equals);
  auto const* const known = find_option(command, key);
  if (known == nullptr) {
    call.words.insert(call.words.end(), {"-o", option});
  } else if (known->get_expected_min() == 0) {
    call.words.push_back(known->get_name());
  } else {
    if (equals == std::string::npos)
      throw Error(EINVAL, "mount with the option " + key + ": it needs a value");
    call.words.push_back(known->get_name() + "=" + option.substr(equals + 1));
  }
}

}  // namespace

bool is_mount_helper(int argc, char const* const* argv) {
  if (argc > 0 && is_name_of_helper(argv[0])) return true;
  return argc > 2 && is_spec(argv[1]) && argv[2][0] == '/';
}

HelperCall parse_mount_helper(int argc, char const* const* argv, CLI::App const& mount_command) {
  HelperCall call{{"mount"}};
  std::vector<std::string> places;
  std::vector<std::string> options;
  for (int at = 1; at < argc; ++at) {
    std::string_view const word = argv[at];
    if (word.size() < 2 || word[0] != '-') {
      places.emplace_back(word);
      continue;
    }
    // Flags may stand together, and the last one's value beside it.
    for (auto letter = word.substr(1); !letter.empty(); letter.remove_prefix(1)) {
      if (std::string_view("otN").find(letter[0]) != std::string_view::npos) {
        if (letter.size() == 1 && ++at == argc)
          throw Error(EINVAL, std::string(word) + " needs a value", kUsageWords);
        auto const value = std::string(letter.size() > 1 ? letter.substr(1) : std::string_view(argv[at]));
        if (letter[0] == 'o')
          for (auto& option : split_options(value)) options.push_back(std::move(option));
        break;
      }
      if (letter[0] == 'r')
        options.emplace_back("ro");
      else if (letter[0] == 'f')
        call.only_pretend = true;
      else if (std::string_view("snvw").find(letter[0]) == std::string_view::npos)
        throw Error(EINVAL, "there is no option -" + std::string(1, letter[0]), kUsageWords);
    }
  }
  if (places.size() != 2 || !is_spec(places[0]))
    throw Error(EINVAL, "mount(8) gives a store's directory, or \"templatefs\", and a mount point",
                kUsageWords);
  if (places[0][0] == '/') call.words.push_back("--store=" + places[0]);
  // By this mount -a knows what is mounted already.
  call.words.insert(call.words.end(), {"-o", "fsname=" + places[0]});
  for (auto const& option : options) add_option(call, option, mount_command);
  call.words.push_back(places[1]);
  return call;
}

void complete_bare_environment() {
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
  if (::geteuid() == 0) ::setenv("XDG_CACHE_HOME", kSystemCache, 1);
}

}  // namespace templatefs::cli
