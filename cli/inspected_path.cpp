// SPDX-License-Identifier: Apache-2.0
#include "cli/inspected_path.h"

#include "base/capacity.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/suggest.h"
#include "cli/mounted_image.h"
#include "cli/report_text.h"
#include "fusefs/path_grammar.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cli {

namespace {

/// Shown as numbers in JSON, and as sizes to people.
bool is_size(std::string_view name) {
  return name.ends_with("_bytes");
}

std::int64_t number_of(std::string const& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Error no_such_name(LiveMount const& mount) {
  std::vector<std::string> recipes;
  for_each_entry(AT_FDCWD, mount.mount_point, [&](std::string const& name) { recipes.push_back(name); });
  auto const first = mount.below.substr(0, mount.below.find('/'));
  bool const known = std::find(recipes.begin(), recipes.end(), first) != recipes.end();
  auto remedy = known ? std::string() : suggestion(first, recipes);
  if (remedy.empty()) remedy = "`templatefs why` names the part of it that is wrong.";
  return Error(ENOENT, "inspect " + mount.mount_point + "/" + mount.below, std::move(remedy));
}

}  // namespace

std::string InspectedPath::fact(std::string const& name) const {
  auto const at =
      std::find_if(facts.begin(), facts.end(), [&](auto const& each) { return each.first == name; });
  return at == facts.end() ? std::string() : at->second;
}

std::vector<std::string> InspectedPath::keys() const {
  std::vector<std::string> out;
  for (char const* const name : {"template", "key"})
    if (auto key = fact(name); !key.empty() && std::find(out.begin(), out.end(), key) == out.end())
      out.push_back(std::move(key));
  return out;
}

nlohmann::ordered_json InspectedPath::to_json() const {
  nlohmann::ordered_json out = {{"path", path}, {"store", store}};
  for (auto const& [name, value] : facts)
    if (is_size(name))
      out[name] = number_of(value);
    else
      out[name] = value;
  return out;
}

std::string InspectedPath::to_text() const {
  std::string out = path + "\n";
  for (auto const& [name, value] : facts) {
    std::string label = name;
    std::replace(label.begin(), label.end(), '_', ' ');
    if (name == "template") label = "made from";
    if (name == "size_bytes") label = "size";
    if (name == "key") label = value == fact("template") ? "" : "key now";
    if (name == "exclusive_bytes") label = "exclusive";
    if (name == "shared_bytes") label = "shared";
    if (!label.empty()) out += labelled(label, is_size(name) ? human_size(number_of(value)) : value);
  }
  return out;
}

InspectedPath inspect_path(LiveMount const& mount) {
  InspectedPath out;
  out.path = mount.mount_point + (mount.below.empty() ? "" : "/" + mount.below);
  struct stat st {};
  if (::stat(out.path.c_str(), &st) != 0) {
    if (errno == ENOENT) throw no_such_name(mount);
    throw_errno("stat", out.path);
  }
  std::string const request(fusefs::template_of_path(mount.below));
  if (request.find('/') == std::string::npos || request.starts_with(fusefs::kControlDirectory))
    throw Error(EINVAL, "inspect " + out.path + ": it is no image and no directory of images",
                "For a whole mount there is `templatefs status`.");
  out.store = read_status(mount.mount_point).at("store").at("path");
  out.facts.emplace_back("request", request);
  auto const ask = [&](char const* name) {
    if (auto value = attribute_of(out.path, name); !value.empty())
      out.facts.emplace_back(name, std::move(value));
  };
  ask("state");
  // A name that nobody opened is nobody's.
  if (out.fact("state") != "name")
    out.facts.emplace_back("owner",
                           format("uid={} gid={} mode={:04o}", st.st_uid, st.st_gid, st.st_mode & 07777U));
  if (S_ISREG(st.st_mode)) out.facts.emplace_back("size_bytes", std::to_string(st.st_size));
  for (char const* const name :
       {"opener", "created", "exclusive_bytes", "shared_bytes", "fanout", "passthrough", "template", "key"})
    ask(name);
  return out;
}

}  // namespace templatefs::cli
