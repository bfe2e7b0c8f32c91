// SPDX-License-Identifier: Apache-2.0
#include "base/random_name.h"

#include "base/digest.h"
#include "base/error.h"

#include <vector>

#include <sys/random.h>

namespace templatefs {

std::string random_hex(unsigned bytes) {
  std::vector<unsigned char> raw(bytes);
  // Up to 256 bytes arrive whole and uninterrupted (getrandom(2)).
  check(::getrandom(raw.data(), raw.size(), 0), "getrandom", "a name");
  return to_hex(raw);
}

}  // namespace templatefs
