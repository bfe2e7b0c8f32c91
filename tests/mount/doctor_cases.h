// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <vector>

namespace templatefs::test {

/// A machine that something is wrong with, and what `templatefs doctor` has to say about it.
struct DoctorCase {
  struct Expected {
    char const* finding;  // as `doctor --list` has it
    char const* found;    // words of what was found
    char const* remedy;   // and of what to do
  };
  char const* name;
  char const* prepare;  // for sick_machine.sh
  std::vector<Expected> expected;
  std::vector<char const*> absent = {};  // findings and words that it must not say
};

/// Its name, for GoogleTest.
inline void PrintTo(DoctorCase const& each, std::ostream* out) {
  *out << each.name;
}

std::vector<DoctorCase> const& doctor_cases();

}  // namespace templatefs::test
