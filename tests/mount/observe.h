// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/program.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/types.h>

// What a test can see of a daemon and of its machine.
namespace templatefs::test {

/// 0, or the errno of an open of the path, which is closed again. Fits an exit status.
int errno_of_open(std::string const& path, int flags = O_RDWR);
/// Opens and writes the text at the start.
void write_image(std::string const& path, std::string const& text);
std::string read_image(std::string const& path, std::size_t length, std::int64_t offset = 0);

/// MNT/.templatefs/status.json; null where it cannot be read.
nlohmann::json status_of(Daemon const& daemon);
std::string file_of(Daemon const& daemon, std::string const& name_in_control_tree);
/// Waits until so many requests wait for a template.
bool wait_for_waiting(Daemon const& daemon, unsigned count);
/// The answer to getfattr -n user.templatefs.error.
std::string error_of(std::string const& path);

unsigned count_of(std::string const& text, std::string const& words);

/// Open descriptors of a process.
std::size_t descriptors_of(pid_t pid);
/// Resident memory in KiB.
std::int64_t memory_of(pid_t pid);
/// Files that are open in the whole system, a leaked backing file of the kernel's included.
std::int64_t open_files_of_system();
std::int64_t free_bytes(std::string const& path);
/// Command lines of the living processes that mention a text, other than the excepted ones.
std::vector<std::string> processes_mentioning(std::string const& text, std::vector<pid_t> const& except = {});

/// How long it takes.
std::chrono::milliseconds time_of(std::function<void()> const& act);

}  // namespace templatefs::test
