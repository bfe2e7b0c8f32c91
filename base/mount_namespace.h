// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <sys/types.h>

namespace templatefs {

/// A mount namespace of this process's own: what it mounts from now on nobody outside sees, and the kernel
/// unmounts it with the last process inside, however that ends. Mounts made outside still arrive. Without
/// CAP_SYS_ADMIN it comes with a user namespace, in which the process is still the user that it was and may
/// mount.
///
/// The process must have one thread, at the beginning and at the end.
class MountNamespace {
 public:
  /// Throws Error: EPERM, ENOSPC or EUSERS where the system allows no user namespace.
  MountNamespace();
  /// Back to the namespace that it came from, where it had the right to leave that.
  ~MountNamespace();
  MountNamespace(MountNamespace const&) = delete;
  MountNamespace& operator=(MountNamespace const&) = delete;

 private:
  Fd before_;  // empty where there is no way back
  Fd root_before_;
};

/// Joins the namespaces of a process that has a MountNamespace, and its root directory; the working directory
/// is that root then. Async-signal-safe, for a forked child. 0 or an errno.
class MountNamespaceOf {
 public:
  /// Throws Error.
  explicit MountNamespaceOf(pid_t pid);
  int enter() const noexcept;

 private:
  Fd process_;  // must still live
  Fd root_;
};

}  // namespace templatefs
