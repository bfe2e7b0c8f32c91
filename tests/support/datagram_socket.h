// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <string>

namespace templatefs::test {

/// Takes datagrams at a path, as systemd's journal does. Removes the path at the end.
class DatagramSocket {
 public:
  explicit DatagramSocket(std::string path);
  ~DatagramSocket();
  DatagramSocket(DatagramSocket const&) = delete;
  DatagramSocket& operator=(DatagramSocket const&) = delete;

  /// The next one; empty where none comes for 20 s.
  std::string receive() const;
  /// The next one that holds `text`; empty as above.
  std::string receive_with(std::string const& text) const;

 private:
  std::string path_;
  Fd fd_;
};

}  // namespace templatefs::test
