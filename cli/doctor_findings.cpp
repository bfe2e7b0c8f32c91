// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_findings.h"

#include "base/error.h"

#include <exception>

namespace templatefs::cli {

char const* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::warn:
      return "WARN";
    case Verdict::fail:
      return "FAIL";
  }
  return "?";
}

Finding all_well(std::string check, std::string found) {
  return {Verdict::ok, "", std::move(check), std::move(found), ""};
}

Finding in_trouble(TroubleName name, std::string check, std::string found, std::string remedy) {
  auto const& trouble = *name;
  return {trouble.verdict, std::string(trouble.name), std::move(check), std::move(found), std::move(remedy)};
}

Finding in_trouble(TroubleName name, std::string check, std::exception_ptr const& failure,
                   std::string const& also) {
  auto const error = to_error(failure);
  auto remedy = error.remedy();
  if (!remedy.empty() && !also.empty()) remedy += remedy.ends_with('.') || remedy.ends_with('?') ? " " : ". ";
  return in_trouble(name, std::move(check), error.text() + ": " + errno_words(error.err()), remedy + also);
}

Finding attempt(TroubleName name, std::string const& check, std::function<Finding()> const& look) {
  try {
    return look();
  } catch (...) {
    return in_trouble(name, check, std::current_exception());
  }
}

}  // namespace templatefs::cli
