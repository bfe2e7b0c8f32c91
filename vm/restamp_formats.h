// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "vm/image_draft.h"

#include <string>

// A new UUID, format by format: one file each. They find the superblock's magic where the table says.
namespace templatefs::vm {

void restamp_btrfs(ImageDraft& draft);
void restamp_ext(ImageDraft& draft);  // ext2, ext3, ext4
void restamp_f2fs(ImageDraft& draft);
void restamp_vfat(ImageDraft& draft);
void restamp_xfs(ImageDraft& draft);

/// Why this one cannot be given a UUID of its own. Error(EOPNOTSUPP).
[[nodiscard]] Error cannot_restamp(std::string const& reason, std::string const& remedy = {});

}  // namespace templatefs::vm
