// SPDX-License-Identifier: Apache-2.0
#include "cli/toml_table.h"

#include "base/files.h"
#include "base/log.h"
#include "base/suggest.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

namespace templatefs::cli {

namespace {

std::string placed(std::string const& file, toml::source_position where) {
  return format("{}:{}:{}", file, where.line, where.column);
}

}  // namespace

toml::table parse_toml(std::string const& file) {
  std::string const text = read_file(AT_FDCWD, file, std::size_t{1} << 20);
  try {
    return toml::parse(text, file);
  } catch (toml::parse_error const& error) {
    throw Error(EINVAL, format("{}: {}", placed(file, error.source().begin), error.description()),
                "See templatefs.toml(5).");
  }
}

std::string TomlTable::full_name(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

Error TomlTable::error_at(toml::source_position where, std::string const& text, std::string remedy) const {
  return {EINVAL, format("{}: {}", placed(file_, where), text), std::move(remedy)};
}

Error TomlTable::error_at(std::string_view key, std::string const& text, std::string remedy) const {
  auto const* const node = table_.get(key);
  return error_at((node != nullptr ? node->source() : table_.source()).begin, text, std::move(remedy));
}

std::string TomlTable::place() const {
  return format("{}:{}", file_, table_.source().begin.line);
}

toml::node const* TomlTable::ask(std::string const& key) {
  asked_.push_back(key);
  return table_.get(key);
}

std::optional<std::string> TomlTable::text(std::string const& key) {
  auto const* const node = ask(key);
  if (node == nullptr) return std::nullopt;
  auto value = node->value_exact<std::string>();
  if (!value) throw error_at(key, format("{} is not a string", full_name(key)), "Write it in quotes.");
  // What ends up in an argument vector or a path ends at a NUL.
  if (value->find('\0') != std::string::npos)
    throw error_at(key, format("{} holds a NUL character", full_name(key)));
  return value;
}

std::optional<std::int64_t> TomlTable::count(std::string const& key) {
  auto const* const node = ask(key);
  if (node == nullptr) return std::nullopt;
  auto const value = node->value_exact<std::int64_t>();
  if (!value || *value < 1)
    throw error_at(key, format("{} is no whole number above zero", full_name(key)), "Write it like 1000.");
  return value;
}

std::vector<std::string> TomlTable::texts(std::string const& key) {
  auto const* const node = ask(key);
  if (node == nullptr) return {};
  auto const wrong = [&] {
    return error_at(key, format("{} is not an array of strings", full_name(key)),
                    R"(Write it like ["-m", "dup"]: one string an argument, no shell reads them.)");
  };
  if (!node->is_array()) throw wrong();
  std::vector<std::string> out;
  for (auto const& each : *node->as_array()) {
    auto value = each.value_exact<std::string>();
    if (!value || value->find('\0') != std::string::npos) throw wrong();
    out.push_back(std::move(*value));
  }
  return out;
}

bool TomlTable::is_table(std::string const& key) const {
  auto const* const node = table_.get(key);
  return node != nullptr && node->is_table();
}

std::optional<TomlTable> TomlTable::table(std::string const& key) {
  auto const* const node = ask(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_table())
    throw error_at(key, format("{} is not a table", full_name(key)),
                   format("Write [{}] above its keys.", key));
  return TomlTable(*node->as_table(), file_, full_name(key));
}

std::vector<std::pair<std::string, TomlTable>> TomlTable::tables() {
  std::vector<std::string> keys;
  keys.reserve(table_.size());
  for (auto const& [key, node] : table_) keys.emplace_back(key.str());
  std::vector<std::pair<std::string, TomlTable>> out;
  out.reserve(keys.size());
  for (auto const& key : keys) out.emplace_back(key, *table(key));
  return out;
}

void TomlTable::finish() const {
  for (auto const& [key, node] : table_) {
    std::string const name(key.str());
    if (std::find(asked_.begin(), asked_.end(), name) != asked_.end()) continue;
    auto remedy = suggestion(name, asked_);
    if (remedy.empty()) {
      for (auto const& known : asked_) remedy += (remedy.empty() ? "There are: " : ", ") + known;
      remedy += ".";
    }
    throw error_at(key.source().begin, format("unknown key {}", full_name(name)), remedy);
  }
}

}  // namespace templatefs::cli
