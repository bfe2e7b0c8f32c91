// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a container's capabilities and namespaces leave this process.
namespace templatefs {

/// Whether a capability of capabilities(7) is effective, by its number.
bool has_capability(unsigned number) noexcept;

/// Whether it has CAP_SYS_ADMIN now; whether it, or a setuid program that it runs, could have it at all.
bool has_sys_admin() noexcept;
bool can_have_sys_admin() noexcept;

/// Capabilities count against the machine itself here, not only inside a user namespace.
bool in_initial_user_namespace() noexcept;

/// /proc/PID is the process of that number in our pid namespace. False without a /proc, too.
bool proc_shows_our_processes() noexcept;

}  // namespace templatefs
