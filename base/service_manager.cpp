// SPDX-License-Identifier: Apache-2.0
#include "base/service_manager.h"

#include "base/fd.h"

#include <cstddef>
#include <cstdlib>

#include <sys/socket.h>
#include <sys/un.h>

namespace templatefs {

bool has_service_manager() noexcept {
  char const* const socket = std::getenv("NOTIFY_SOCKET");
  return socket != nullptr && (*socket == '/' || *socket == '@');
}

bool tell_service_manager(std::string_view lines) noexcept {
  if (!has_service_manager()) return false;
  std::string_view const name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() > sizeof address.sun_path) return false;
  name.copy(address.sun_path, name.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  Fd const line(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto const length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return line && ::sendto(line.get(), lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                          reinterpret_cast<sockaddr const*>(&address), length) >= 0;
}

}  // namespace templatefs
