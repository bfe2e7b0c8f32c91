// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace templatefs::cli {

/// A table of a configuration file, read by asking for its keys. What was never asked for is unknown:
/// finish() says so. Every error is Error(EINVAL) with file, line and column. Borrows the document.
class TomlTable {
 public:
  /// `name` is what people call it: "recipe.btrfs-raid1", empty for the document.
  TomlTable(toml::table const& table, std::string const& file, std::string name)
      : table_(table), file_(file), name_(std::move(name)) {}

  std::optional<std::string> text(std::string const& key);
  /// A whole number above zero.
  std::optional<std::int64_t> count(std::string const& key);
  std::vector<std::string> texts(std::string const& key);
  std::optional<TomlTable> table(std::string const& key);
  /// All keys, each of which must hold a table; asked for thereby.
  std::vector<std::pair<std::string, TomlTable>> tables();
  bool is_table(std::string const& key) const;
  /// Whether the key is there; asked for thereby.
  bool has(std::string const& key) { return ask(key) != nullptr; }

  /// Throws for the first key that nobody asked for, with the one that may have been meant.
  void finish() const;
  /// An error at a key's place, or the table's.
  [[nodiscard]] Error error_at(std::string_view key, std::string const& text, std::string remedy = {}) const;
  /// "recipes.toml:3"
  std::string place() const;

 private:
  toml::node const* ask(std::string const& key);
  [[nodiscard]] Error error_at(toml::source_position where, std::string const& text,
                               std::string remedy) const;
  std::string full_name(std::string_view key) const;

  toml::table const& table_;
  std::string const& file_;
  std::string name_;
  std::vector<std::string> asked_;
};

/// Parses a file. Throws Error: EINVAL with line and column, or the errno of reading it.
toml::table parse_toml(std::string const& file);

}  // namespace templatefs::cli
