// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

namespace templatefs::fusefs {

/// Has the image made once its template is there: joins the job for that template, or starts one on the pool.
/// The image is busy, and stays so until the job finishes or fails it. Where `uid` has as many builds under
/// way as the quota lets it, one that has to be built waits its turn; somebody else's wish for the same
/// template may bring it forward.
void wait_for_template(Filesystem& fs, cache::TemplateRequest const& request, fuse_ino_t image, uid_t uid);

}  // namespace templatefs::fusefs
