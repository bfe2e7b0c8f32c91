// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/lock_holders.h"
#include "cache/session.h"
#include "cache/store.h"
#include "vm/transfer.h"

#include <string>
#include <vector>

namespace templatefs::cache {

enum class Soundness {
  intact,
  unverifiable,  // no digest was recorded for it: nothing to compare with
  quarantined,   // it differed
  locked,        // it is being built or removed
  gone,          // there is no such template (any more)
};

struct Verified {
  std::string key;
  Soundness soundness = Soundness::intact;
  std::string finding;            // a sentence, unless intact
  std::string quarantine;         // its name there
  std::vector<LockHolder> users;  // of a quarantined one: who had it open
  std::vector<std::string> lost;  // the stored recipes whose image it was: no build makes it again
};

enum class Depth {
  full,  // size, superblock and every byte of data, read from the disk and not from the cache
  fast   // size and superblock
};

/// Compares a template with its manifest, and puts what differs into quarantine. A template without a digest
/// gets one by a full look, so that the next one can compare. Opens are served meanwhile: it holds the key's
/// lock shared, without waiting for it. Throws Error for what is no damage: ECANCELED, EACCES, ENOSPC.
Verified verify_template(Store const& store, Session const& session, std::string const& key, Depth depth,
                         vm::Transfer const& transfer);

}  // namespace templatefs::cache
