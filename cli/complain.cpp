// SPDX-License-Identifier: Apache-2.0
#include "cli/complain.h"

#include "cli/json_output.h"

#include <atomic>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

std::atomic<bool> in_json = false;

void complain_as_json(int err, std::string const& message, std::string const& remedy, int exit_status) {
  nlohmann::ordered_json const document = {{"schema", "templatefs.error/1"},
                                           {"errno", errno_name(err)},
                                           {"message", message},
                                           {"remedy", remedy},
                                           {"exit_code", exit_status}};
  std::fprintf(stderr, "%s\n", json_line(document).c_str());
}

}  // namespace

void complain_in_json() noexcept {
  in_json = true;
}

int complain(Error const& error, int exit_status) {
  if (in_json)
    complain_as_json(error.err(), error.text() + ": " + errno_words(error.err()), error.remedy(),
                     exit_status);
  else
    std::fprintf(stderr, "templatefs: %s\n", error.sentence().c_str());
  return exit_status;
}

int complain(int err, std::string const& message, std::string const& remedy, int exit_status) {
  if (in_json)
    complain_as_json(err, message, remedy, exit_status);
  else
    std::fprintf(stderr, "templatefs: %s%s%s\n", message.c_str(), remedy.empty() ? "" : ". ", remedy.c_str());
  return exit_status;
}

}  // namespace templatefs::cli
