// SPDX-License-Identifier: Apache-2.0
#include "cli/json_output.h"

#include <cstdio>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

using Json = nlohmann::ordered_json;

std::string json_line(Json const& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void print_json_line(Json const& document) {
  std::printf("%s\n", json_line(document).c_str());
}

void print_json(Json const& document) {
  std::printf("%s\n", document.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace templatefs::cli
