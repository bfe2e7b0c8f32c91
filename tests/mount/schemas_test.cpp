// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <csignal>
#include <memory>
#include <optional>

#include <gmock/gmock.h>

#include <unistd.h>

// All JSON that is printed or written, against the schemas of man/schemas/.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kChecker[] = TEMPLATEFS_SOURCE_DIR "/scripts/check-json";

class JsonSchemas : public FreshStore {
 protected:
  void SetUp() override {
    FreshStore::SetUp();
    if (IsSkipped()) return;
    auto const output = run_command({kChecker}, Deadline::after(60s));
    if (output.status.describe() == "exit status 77") GTEST_SKIP() << output.text;
  }
  static CommandOutput check(std::vector<std::string> words) {
    words.insert(words.begin(), kChecker);
    return run_command(words, Deadline::after(60s));
  }
  std::string documents() const { return beside("documents"); }
  Child spawn(std::vector<std::string> words, std::string const& into) const {
    words.insert(words.begin(), program_path());
    words.emplace_back("--json");
    Fd const out = open_at(AT_FDCWD, into, O_WRONLY | O_CREAT | O_APPEND, 0600);
    Fd const nowhere = open_at(AT_FDCWD, "/dev/null", O_WRONLY);
    return Child::spawn(words, {.descriptors = {{1, out.get()}, {2, nowhere.get()}}, .environment = {}});
  }
  /// Keeps what it prints with --json among the documents; its exit status.
  int keep(std::vector<std::string> const& words) const {
    auto child = spawn(words, documents());
    auto const status = child.wait(Deadline::after(60s));
    return status && status->exited ? status->code : -1;
  }
  int keep_of_store(std::vector<std::string> words) const {
    words.insert(words.end(), {"--store", store()});
    return keep(words);
  }
  void keep_file(std::string const& path) const {
    Fd const out = open_at(AT_FDCWD, documents(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    write_all(out.get(), read_file(AT_FDCWD, path), documents());
  }
  /// What it prints where it fails.
  void keep_failure(std::vector<std::string> words) const {
    words.emplace_back("--json");
    auto const output = run(words);
    EXPECT_FALSE(output.status.success()) << output.text;
    Fd const out = open_at(AT_FDCWD, documents(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    write_all(out.get(), output.text, documents());
  }
  void keep_listings() const {
    EXPECT_EQ(keep_of_store({"ls"}), 0);
    EXPECT_EQ(keep_of_store({"ls", "-l"}), 0);
    EXPECT_EQ(keep_of_store({"ls", "--images"}), 0);
    EXPECT_EQ(keep_of_store({"ls", "--images", "--long"}), 0);
    EXPECT_EQ(keep_of_store({"recipes"}), 0);
  }
  void keep_what_builds_print() const {
    FormatterStandIn const formatter("mkfs.ext4", "echo no luck; exit 7");
    EXPECT_EQ(keep_of_store({"build", "--builder", "host", "raw/1M", "raw/1M", "ext4/16M"}), 4);
    EXPECT_EQ(keep_of_store({"build", "--builder", "host", "raw/1M"}), 0);
  }
  void damage(std::string const& key) const {
    ASSERT_EQ(::truncate(store("/templates/" + key + "/template.img").c_str(), 0), 0);
  }
  void keep_builds_of_a_mount() const;
  void keep_what_becomes_of_images() const;
  void keep_what_is_stored() const;
  void keep_what_is_found() const;
  void keep_a_life() const;
};

/// One that fails and one that does not, while somebody watches.
void JsonSchemas::keep_builds_of_a_mount() const {
  FormatterStandIn const good("mkfs.ext2", FormatterStandIn::waiting_script());
  FormatterStandIn const bad(
      "mkfs.ext4", ": > $dir/started\n" + FormatterStandIn::waiting_line() + "echo no luck; exit 7");
  Daemon const daemon(store());
  auto const lines = beside("watched");
  auto watch = spawn({"watch", daemon.mount_point()}, lines);
  auto const tells = [&](std::string const& words) {
    return wait_until([&] { return read_file(AT_FDCWD, lines).find(words) != std::string::npos; });
  };
  for (auto const* const formatter : {&good, &bad}) {
    bool const is_good = formatter == &good;
    Client opener([path = daemon / (is_good ? "ext2/16M/a.img" : "ext4/16M/a.img")] {
      return open_outcome(path, O_RDWR) == "ok" ? 0 : 1;
    });
    EXPECT_TRUE(tells(is_good ? "ext2/16M\",\"phase\":\"format\"" : "ext4/16M\",\"phase\":\"format\""));
    keep_file(daemon / ".templatefs/status.json");
    formatter->release();
    EXPECT_EQ(opener.wait(), is_good ? 0 : 1);
    EXPECT_TRUE(tells(is_good ? "\"done\"" : "\"failed\""));
  }
  watch.signal(SIGTERM);
  EXPECT_TRUE(watch.wait(Deadline::after(15s)).has_value());
  keep_file(lines);
}

void JsonSchemas::keep_what_becomes_of_images() const {
  Daemon dead(store());
  ASSERT_EQ(open_outcome(dead / "raw/1M/d.img", O_RDWR), "ok");
  Daemon const daemon(store());
  auto const image = daemon / "ext4/16M/a.img";
  ASSERT_EQ(open_outcome(image, O_RDWR), "ok");
  ASSERT_EQ(open_outcome(daemon / "raw/1M/empty.img", O_RDWR | O_TRUNC), "ok");
  ASSERT_EQ(open_outcome(daemon / "xfs/16M/a.img", O_RDWR), "EINVAL");
  write_at(open_file(image).get(), std::string(1 << 20, 'x'), 2 << 20);
  dead.kill(false);
  EXPECT_EQ(keep({"status", daemon.mount_point(), dead.mount_point()}), 1);
  EXPECT_EQ(keep({"pin", "--reason", "fsck failed", image, daemon / "raw/1M/empty.img"}), 0);
  keep_listings();
  EXPECT_EQ(keep({"unpin", image}), 0);
  EXPECT_EQ(keep({"snapshot", image, "one"}), 0);
  EXPECT_EQ(keep({"snapshot", image}), 0);
  EXPECT_EQ(keep({"revert", image, "one"}), 0);
  EXPECT_EQ(keep({"revert", image}), 0);
  {
    auto const open = open_file(image);
    EXPECT_EQ(keep({"inspect", image}), 0);
  }
  for (auto const* const below : {"ext4/16M", "ext4/16M/name.img", "raw/1M/empty.img", "xfs/16M/a.img"})
    EXPECT_EQ(keep({"inspect", daemon / below}), 0) << below;
  EXPECT_EQ(keep({"bake", "--name", "baked", image}), 0);
  EXPECT_EQ(keep({"bake", "--name", "blank", daemon / "raw/1M/empty.img"}), 1) << "it is empty";
  EXPECT_EQ(keep_of_store({"clean"}), 0);
}

/// From the store to the unmount, and what is asked on the way.
void JsonSchemas::keep_a_life() const {
  auto const mnt = beside("mnt");
  EXPECT_EQ(keep_of_store({"provision"}), 0);
  EXPECT_EQ(keep_of_store({"mount", "--builder", "host", mnt}), 0);
  auto const image = mnt + "/ext4/18M/a.img";
  EXPECT_EQ(keep({"why", "--builder", "host", image}), 0);
  ASSERT_EQ(open_outcome(image, O_RDWR), "ok");
  EXPECT_EQ(keep({"why", "--builder", "host", image}), 0);
  EXPECT_EQ(keep({"why", mnt + "/ext4/18M/a b.img"}), 0);
  EXPECT_EQ(keep_of_store({"why", "--builder", "host", "xfs/16M"}), 0);
  EXPECT_EQ(keep({"save", image, beside("saved.img")}), 0);
  EXPECT_EQ(keep({"bake", "--name", "forgettable", image}), 0);
  EXPECT_EQ(keep({"why", mnt + "/forgettable/native"}), 0);
  EXPECT_EQ(keep({"umount", mnt}), 0);
  EXPECT_EQ(keep_of_store({"forget", "forgettable"}), 0);
  keep_failure({"forget", "forgettable", "--store", store()});
  EXPECT_EQ(keep({"path", "suite/case[1]", "a"}), 0);
  EXPECT_EQ(keep({"path", "-d", "suite#case%5B1%5D"}), 0);
}

void JsonSchemas::keep_what_is_stored() const {
  auto const file = beside("disk.gz");
  ASSERT_TRUE(run_command({"sh", "-c", "head -c 3000000 /dev/urandom | gzip >" + file}, Deadline::after(60s))
                  .status.success());
  EXPECT_EQ(keep_of_store({"import", file, "--name", "imported"}), 0);
  for (auto const& key : names_in(store("/templates")))
    keep_file(store("/templates/" + key + "/manifest.json"));
  for (auto const& name : names_in(store("/recipes"))) keep_file(store("/recipes/" + name));
  EXPECT_EQ(keep_of_store({"inspect", "image"}), 0);
  replace_file(AT_FDCWD, store("/recipes/broken.json"), "{}", 0600, false);
  keep_listings();
  ASSERT_EQ(::unlink(store("/recipes/broken.json").c_str()), 0);
}

void JsonSchemas::keep_what_is_found() const {
  EXPECT_EQ(keep_of_store({"build", "--builder", "host", "ext4/16M", "ext4/17M", "raw/1M"}), 0);
  EXPECT_EQ(keep_of_store({"gc", "--dry-run"}), 0);
  EXPECT_EQ(keep_of_store({"gc", "--dry-run", "--max-size", "1M"}), 0);
  EXPECT_EQ(keep_of_store({"verify"}), 0);
  EXPECT_EQ(keep_of_store({"verify", "no-such-key"}), 3);
  for (auto const& key : names_in(store("/templates")))
    if (key.starts_with("ext4-16m") || key.starts_with("image-")) damage(key);
  make_directories(AT_FDCWD, store("/templates/not-a-key"), 0700);
  EXPECT_EQ(keep_of_store({"verify", "--fast"}), 1);
  for (auto const& key : names_in(store("/templates")))
    if (key.starts_with("ext4-17m")) {
      replace_file(AT_FDCWD, store("/templates/" + key + "/manifest.json"), "not JSON", 0444, false);
      EXPECT_EQ(keep_of_store({"inspect", key}), 0);
    }
  keep_listings();
  EXPECT_EQ(keep_of_store({"doctor", "--builder", "host"}), 0);
  EXPECT_EQ(keep_of_store({"clean", "--quarantine"}), 0);
}

TEST_F(JsonSchemas, DescribeAllThatIsPrintedAndWritten) {
  keep_listings();
  keep_failure({"inspect", beside("nothing")});
  EXPECT_EQ(keep_of_store({"clean"}), 0);
  keep_what_builds_print();
  keep_builds_of_a_mount();
  keep_what_becomes_of_images();
  keep_what_is_stored();
  keep_what_is_found();
  keep_a_life();
  auto const output = check({"--every", documents()});
  EXPECT_TRUE(output.status.success()) << output.text;
}

TEST_F(JsonSchemas, RefuseWhatTheyDoNotKnow) {
  Json good;
  {
    Daemon const daemon(store());
    good = status_of(daemon.mount_point());
  }
  auto const expect = [&](std::string const& text, std::string const& words) {
    replace_file(AT_FDCWD, documents(), text, 0600, false);
    auto const output = check({documents()});
    EXPECT_EQ(output.status.success(), words == "no faults") << output.text;
    EXPECT_THAT(output.text, HasSubstr(words));
  };
  expect(good.dump() + good.dump(2), "no faults");
  auto wrong = good;
  wrong["store"]["extra"] = 1;
  expect(wrong.dump(), "$.store: Additional properties are not allowed ('extra' was unexpected)");
  wrong = good;
  wrong.erase("nodes");
  expect(wrong.dump(), "'nodes' is a required property");
  wrong = good;
  wrong["pid"] = "1";
  expect(wrong.dump(), "$.pid: '1' is not of type 'integer'");
  wrong = good;
  wrong["schema"] = "templatefs.status/2";
  expect(wrong.dump(), "'templatefs.status/2', which is none of");
}

}  // namespace

}  // namespace templatefs::test
