// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace templatefs::cli {

/// A document as a line without its newline: keys in the order that they were added, and U+FFFD for bytes
/// that are no UTF-8, which names of files may have.
std::string json_line(nlohmann::ordered_json const& document);

/// On standard output: as such a line, or as many, for a document that stands alone.
void print_json_line(nlohmann::ordered_json const& document);
void print_json(nlohmann::ordered_json const& document);

}  // namespace templatefs::cli
