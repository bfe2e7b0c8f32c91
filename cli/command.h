// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace templatefs::cli {

/// Exit statuses, stable and documented in templatefs(1).
enum Exit : int {
  kOk = 0,
  kFailed = 1,  // verify: also where something was put into quarantine
  kUsage = 2,
  kNotFound = 3,  // no such mount, store, stored recipe or template
  kBuildFailed = 4,
  kTimedOut = 5,
  kDoctorFound = 7,
  // Of `run`, as of env(1) and timeout(1); all others are its command's.
  kRunFailed = 125,
  kNotExecutable = 126,
  kNoSuchCommand = 127,
  kKilledBySignal = 128,  // added to the signal's number
};

/// What a parsed command line wants done: returns the exit status, throws Error.
using Action = std::function<int()>;

// Each adds one command to the program; parsing it sets `action`. One file each, cmd_<name>.cpp.
void add_mount(CLI::App& program, Action& action);
void add_run(CLI::App& program, Action& action);
void add_umount(CLI::App& program, Action& action);
void add_ls(CLI::App& program, Action& action);
void add_status(CLI::App& program, Action& action);
void add_inspect(CLI::App& program, Action& action);
void add_watch(CLI::App& program, Action& action);
void add_top(CLI::App& program, Action& action);
void add_build(CLI::App& program, Action& action);
void add_import(CLI::App& program, Action& action);
void add_bake(CLI::App& program, Action& action);
void add_save(CLI::App& program, Action& action);
void add_snapshot(CLI::App& program, Action& action);
void add_revert(CLI::App& program, Action& action);
void add_pin(CLI::App& program, Action& action);
void add_unpin(CLI::App& program, Action& action);
void add_forget(CLI::App& program, Action& action);
void add_why(CLI::App& program, Action& action);
void add_path(CLI::App& program, Action& action);
void add_provision(CLI::App& program, Action& action);
void add_recipes(CLI::App& program, Action& action);
void add_verify(CLI::App& program, Action& action);
void add_gc(CLI::App& program, Action& action);
void add_clean(CLI::App& program, Action& action);
void add_doctor(CLI::App& program, Action& action);
void add_completion(CLI::App& program, Action& action);

}  // namespace templatefs::cli
