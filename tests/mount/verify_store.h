// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace templatefs::test {

/// What is wrong with a store's published templates: each must have a manifest, the size and the content it
/// says (sha256), and pass its filesystem's own check. Empty where all is well.
std::vector<std::string> faults_of_templates(std::string const& store);

/// Temporary names (of files being replaced, of templates being removed) outside of sessions.
std::vector<std::string> temporaries(std::string const& store);

}  // namespace templatefs::test
