// SPDX-License-Identifier: Apache-2.0
#include "base/journal_sink.h"

#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <sys/socket.h>
#include <sys/un.h>

namespace templatefs {

namespace {

/// A datagram must fit the socket's buffer; the longest record of ours is 20 lines of a console.
constexpr std::size_t kLongest = 48 << 10;

sockaddr_un address_of(std::string const& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) throw Error(ENAMETOOLONG, "log to the journal at " + socket);
  socket.copy(address.sun_path, socket.size());
  return address;
}

/// "NAME=value\n", and for a value of several lines "NAME\n", its length as eight bytes, lowest first, the
/// value and "\n".
void append_field(std::string& datagram, std::string_view name, std::string_view value) {
  datagram += name;
  if (value.find('\n') == std::string_view::npos) {
    datagram += '=';
  } else {
    datagram += '\n';
    for (unsigned shift = 0; shift < 64; shift += 8)
      datagram += static_cast<char>(static_cast<std::uint64_t>(value.size()) >> shift & 0xff);
  }
  datagram += value;
  datagram += '\n';
}

}  // namespace

int syslog_priority(spdlog::level::level_enum level) noexcept {
  switch (level) {
    case spdlog::level::critical:
      return 2;
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

JournalSink::JournalSink(std::string socket, LogFields const& fields) : socket_(std::move(socket)) {
  append_field(fields_, "SYSLOG_IDENTIFIER", "templatefs");
  for (auto const& [name, value] : fields) append_field(fields_, name, value);
  auto const address = address_of(socket_);
  auto const make = [] {
    return Fd(check(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "make", "a socket"));
  };
  Fd const trial = make();
  check(::connect(trial.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address),
        "log to the journal at", socket_, "Without systemd there is none: log to a file, or to stderr.");
  // Not connected, so that it finds a journal that was started anew.
  fd_ = make();
}

void JournalSink::sink_it_(spdlog::details::log_msg const& record) {
  std::string datagram;
  append_field(datagram, "MESSAGE",
               std::string_view(record.payload.data(), std::min(record.payload.size(), kLongest)));
  append_field(datagram, "PRIORITY", std::to_string(syslog_priority(record.level)));
  datagram += fields_;
  auto const address = address_of(socket_);
  // As with a file: a log that cannot be written must not take the filesystem down, nor make it wait.
  [[maybe_unused]] auto const sent =
      ::sendto(fd_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<sockaddr const*>(&address), sizeof address);
}

}  // namespace templatefs
