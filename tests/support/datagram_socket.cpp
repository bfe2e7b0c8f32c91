// SPDX-License-Identifier: Apache-2.0
#include "tests/support/datagram_socket.h"

#include "base/error.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace templatefs::test {

DatagramSocket::DatagramSocket(std::string path)
    : path_(std::move(path)),
      fd_(check(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "make", "a socket")) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  check(::bind(fd_.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address), "bind to", path_);
}

DatagramSocket::~DatagramSocket() {
  ::unlink(path_.c_str());
}

std::string DatagramSocket::receive() const {
  pollfd event{fd_.get(), POLLIN, 0};
  if (::poll(&event, 1, 20'000) <= 0) return {};
  std::string datagram(1 << 17, '\0');
  auto const got = check(::recv(fd_.get(), datagram.data(), datagram.size(), 0), "receive from", path_);
  datagram.resize(static_cast<std::size_t>(got));
  return datagram;
}

std::string DatagramSocket::receive_with(std::string const& text) const {
  for (;;) {
    auto datagram = receive();
    if (datagram.empty() || datagram.find(text) != std::string::npos) return datagram;
  }
}

}  // namespace templatefs::test
