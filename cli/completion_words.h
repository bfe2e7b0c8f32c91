// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace templatefs::cli {

/// The hidden command `templatefs __complete WHAT[,WHAT] [PREFIX [-- WORD...]]`, for the shells' scripts:
/// prints the words that begin with PREFIX, a line each. The WORDs are those of the command line so far, from
/// the command on; --store, --config and the image of a snapshot are taken from them.
///
/// Reads the configuration, the mount table and the store's directory, and nothing in a mount. Takes no lock
/// and makes nothing. Never says why it prints nothing, and is killed by SIGALRM where a directory does not
/// answer within a second. Returns 0.
int complete(std::vector<std::string> const& arguments);

/// The same as a list, for tests; throws Error.
std::vector<std::string> completion_words(std::string_view what, std::string const& prefix,
                                          std::vector<std::string> const& words);

}  // namespace templatefs::cli
