// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

namespace templatefs::fusefs {

/// Answers a readlink of MNT/<recipe>/auto from the job pool: finding the target may take a walk through a
/// tree. Everybody who asks meanwhile gets the same answer. An interrupt is answered with EINTR at once. A
/// failure leaves a record for <recipe>/auto. Takes the request over.
void answer_auto_link(Filesystem& fs, Request& request, cache::Recipe const& recipe);

}  // namespace templatefs::fusefs
