// SPDX-License-Identifier: Apache-2.0
#include "vm/guest_snapshot.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "vm/guest_process.h"
#include "vm/host_identity.h"
#include "vm/memory_file.h"

#include <array>
#include <cerrno>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

constexpr int kProtocol = 1;  // of these files and of what the guest is told
constexpr char kMemoryFile[] = "memory", kStateFile[] = "state", kDescription[] = "guest.json";
constexpr std::int64_t kMemoryBytes = std::int64_t{GuestMachine::kMemoryMib} << 20;
// What an ordinary user's pipe may hold: QEMU can write all of the state before anybody reads it.
constexpr int kPipeBytes = 1 << 20;

std::array<Fd, 2> make_pipe() {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "make", "a pipe");
  std::array<Fd, 2> pipe{Fd(ends[0]), Fd(ends[1])};
  check(::fcntl(pipe[1].get(), F_SETPIPE_SZ, kPipeBytes), "set the size of", "a pipe");
  return pipe;
}

std::string read_all_there_is(Fd const& pipe) {
  std::string out(kPipeBytes, '\0');
  std::size_t used = 0;
  while (used < out.size()) {
    auto const got = ::read(pipe.get(), out.data() + used, out.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) throw_errno("read", "the state of a guest");
    if (got <= 0) break;
    used += static_cast<std::size_t>(got);
  }
  out.resize(used);
  return out;
}

void write_new_file(int dir, char const* name, std::string_view bytes) {
  Fd const file = open_at(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  write_all(file.get(), bytes, name);
}

/// Memory is not in the stream: it is in a file already.
void agree_on_migration(GuestProcess& guest) {
  guest.command("migrate-set-capabilities", R"({"capabilities":[
    {"capability":"x-ignore-shared","state":true},{"capability":"events","state":true}]})");
}

[[noreturn]] void throw_damaged(std::string const& how) {
  throw GuestBroke(EBADMSG, "the saved guest " + how);
}

}  // namespace

SavedGuest SavedGuest::open(int dir) {
  SavedGuest saved;
  // QEMU opens it for writing, though it maps it privately.
  saved.memory = open_at(dir, kMemoryFile, O_RDWR);
  auto const state = read_file(dir, kStateFile, kPipeBytes);
  auto const found = nlohmann::json::parse(read_file(dir, kDescription, 1 << 16), nullptr, false);
  if (!found.is_object()) throw_damaged("has no description");
  auto const text = [&](char const* key) {
    auto const at = found.find(key);
    return at != found.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  saved.kernel = text("kernel");
  saved.memory_digest = text("memory_xxh3");
  struct stat st {};
  check(::fstat(saved.memory.get(), &st), "stat", kMemoryFile);
  if (st.st_size != kMemoryBytes) throw_damaged("has a memory of another size");
  if (digest_of_bytes(state) != text("state_xxh3")) throw_damaged("has another state than was saved");
  auto pipe = make_pipe();
  write_all(pipe[1].get(), state, "a pipe");
  check(::fcntl(pipe[0].get(), F_SETFL, 0), "set the mode of", "a pipe");
  saved.state = std::move(pipe[0]);
  return saved;
}

void SavedGuest::require_intact() const try {
  if (digest_of_memory(memory.get()) != memory_digest) throw_damaged("has another memory than was saved");
} catch (GuestBroke const&) {
  throw;
} catch (Error const& error) {
  throw_damaged("cannot be read: " + error.sentence());
}

std::string saved_guest_name(std::string const& formatter, std::vector<Input> const& inputs,
                             GuestMachine const& machine) {
  GuestMachine shape = machine;
  shape.qemu.clear();
  shape.initrd.clear();
  shape.image = "disk";
  shape.tsc_khz = 0;
  nlohmann::json const identity{{"protocol", kProtocol},
                                {"host_boot", read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 100)},
                                {"cpu", cpu_model()},
                                {"qemu", identity_of_file(machine.qemu)},
                                {"machine", qemu_argv(shape)}};
  Sha256 sum;
  sum.update(identity.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  for (auto const& [field, value] : inputs) sum.update("\n" + field + "=" + value);
  return formatter + "-" + sum.finish().substr(0, 16);
}

Fd make_guest_memory() {
  Fd memory(check(::memfd_create("templatefs-guest", MFD_CLOEXEC), "make", "the memory of a guest"));
  check(::ftruncate(memory.get(), kMemoryBytes), "set the size of", "the memory of a guest");
  return memory;
}

void save_guest(GuestProcess& guest, Fd const& memory, std::string const& kernel, int dir) {
  auto pipe = make_pipe();
  guest.command("stop");
  agree_on_migration(guest);
  guest.command("getfd", R"({"fdname":"state"})", pipe[1].get());
  guest.command("migrate", R"({"uri":"fd:state"})");
  guest.await_migration();
  auto const state = read_all_there_is(pipe[0]);
  std::string memory_digest;
  {
    Fd const file = open_at(dir, kMemoryFile, O_RDWR | O_CREAT | O_EXCL, 0600);
    memory_digest = copy_memory(memory.get(), file.get(), kMemoryBytes);
  }
  write_new_file(dir, kStateFile, state);
  nlohmann::ordered_json const description{{"kernel", kernel},
                                           {"memory_xxh3", memory_digest},
                                           {"state_xxh3", digest_of_bytes(state)},
                                           {"saved", rfc3339(epoch_ms_now())}};
  write_new_file(dir, kDescription, description.dump(2) + "\n");
  guest.command("cont");
}

void resume_saved_guest(GuestProcess& guest, std::int64_t disk_bytes) {
  agree_on_migration(guest);
  guest.command("migrate-incoming", format(R"({{"uri":"fd:{}"}})", kStateFdInQemu));
  guest.await_migration();
  guest.command("cont");
  // The disk has that size already: this makes the guest look at it.
  guest.command("block_resize", format(R"({{"node-name":"disk","size":{}}})", disk_bytes));
}

}  // namespace templatefs::vm
