// SPDX-License-Identifier: Apache-2.0
#include "cache/key.h"

#include "base/digest.h"
#include "cache/layout.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include <sys/utsname.h>

namespace templatefs::cache {

namespace {

std::string machine_architecture() {
  utsname names{};
  ::uname(&names);
  return names.machine;
}

std::string escaped(std::string_view value) {
  std::string out;
  for (char const c : value) {
    if (c == '\n')
      out += "%0A";
    else if (c == '%')
      out += "%25";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string canonical_text(std::vector<vm::Input> const& fields) {
  std::string text;
  for (auto const& [field, value] : fields) text += field + "=" + escaped(value) + "\n";
  return text;
}

Key make_key(TemplateRequest const& request, vm::Builder& builder) {
  auto const spec = request.spec();
  Key key;
  key.fields = {
      {"store_format", std::to_string(layout::kFormatVersion)},
      {"architecture", machine_architecture()},
      {"recipe", request.recipe->name},
      {"filesystem", std::string(spec.filesystem->name)},
      {"capacity_mib", std::to_string(spec.capacity.mib())},
      {"built_in_arguments", nlohmann::json(spec.filesystem->arguments).dump()},
      {"arguments", nlohmann::json(spec.arguments).dump()},
  };
  if (!spec.label.empty()) key.fields.push_back({"label", spec.label});
  if (!spec.uuid.empty()) key.fields.push_back({"uuid", spec.uuid});
  for (auto& input : builder.inputs(spec)) key.fields.push_back(std::move(input));
  key.name = request.recipe->name + "-" + std::to_string(spec.capacity.mib()) + "m-" +
             sha256(canonical_text(key.fields)).substr(0, 16);
  return key;
}

std::optional<KeyParts> parse_key_name(std::string_view name) {
  auto const last = name.rfind('-');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  auto const middle = name.rfind('-', last - 1);
  if (middle == std::string_view::npos || middle == 0) return std::nullopt;
  auto const fingerprint = name.substr(last + 1);
  if (fingerprint.size() != 16 || fingerprint.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  auto const size = name.substr(middle + 1, last - middle - 1);
  if (size.size() < 2 || size.back() != 'm') return std::nullopt;
  std::int64_t mib = 0;
  char const* const end = size.data() + size.size() - 1;
  auto const [stopped, error] = std::from_chars(size.data(), end, mib);
  if (error != std::errc() || stopped != end || mib < 1 || size.front() == '0') return std::nullopt;
  return KeyParts{std::string(name.substr(0, middle)), mib, std::string(fingerprint)};
}

}  // namespace templatefs::cache
