// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace templatefs {

/// Tells the service manager that started us, where one did and wants to hear it (NOTIFY_SOCKET), how we are:
/// lines as of sd_notify(3), "READY=1\nSTATUS=3 images". False where nobody is told; that is no failure.
/// Waits for nothing; thread-safe. The protocol is systemd's documented one: a datagram to a socket, which
/// may be abstract.
bool tell_service_manager(std::string_view lines) noexcept;

/// Whether there is one to be told.
bool has_service_manager() noexcept;

}  // namespace templatefs
