// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <algorithm>

namespace templatefs {

std::string printable(std::string_view bytes) {
  std::string out(bytes);
  std::replace_if(
      out.begin(), out.end(), [](char each) { return each < ' ' || each > '~'; }, '?');
  return out;
}

}  // namespace templatefs
