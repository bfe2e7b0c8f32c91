// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/doctor_cases.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"

#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

// `templatefs doctor` on machines that something is wrong with: each of its findings is provoked.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

class DoctorOnASickMachine : public LeakCheck, public ::testing::WithParamInterface<DoctorCase> {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: mount namespaces";
  }
};

std::string name_of_case(::testing::TestParamInfo<DoctorCase> const& each) {
  return each.param.name;
}

TEST_P(DoctorOnASickMachine, NamesWhatIsWrongAndTheRemedy) {
  TempDir const dir;
  auto const output =
      run_command({"unshare", "-m", "sh", TEMPLATEFS_SOURCE_DIR "/tests/mount/sick_machine.sh",
                   program_path(), dir.path(), GetParam().prepare},
                  Deadline::after(60s));
  auto const begin = output.text.find("{\n");
  ASSERT_NE(begin, std::string::npos) << output.text;
  auto const document = Json::parse(output.text.substr(begin));
  for (auto const& expected : GetParam().expected) {
    std::string seen;
    for (auto const& check : document["checks"]) {
      if (check["finding"] != expected.finding) continue;
      seen += check["found"].get<std::string>() + "\n-> " + check["remedy"].get<std::string>() + "\n";
    }
    EXPECT_THAT(seen, HasSubstr(expected.found)) << expected.finding << "\n" << document.dump(1);
    EXPECT_THAT(seen, HasSubstr(expected.remedy)) << expected.finding;
  }
  for (char const* const words : GetParam().absent)
    EXPECT_THAT(output.text.substr(begin), Not(HasSubstr(words)));
  bool failed = false;
  for (auto const& check : document["checks"]) {
    failed = failed || check["verdict"] == "FAIL";
    EXPECT_EQ(check["verdict"] == "ok", check["finding"].get<std::string>().empty()) << check;
  }
  EXPECT_EQ(document["healthy"], !failed);
  EXPECT_EQ(output.status.describe(), failed ? "exit status 7" : "exit status 0");
}

INSTANTIATE_TEST_SUITE_P(With, DoctorOnASickMachine, ::testing::ValuesIn(doctor_cases()), name_of_case);

class Doctor : public FreshStore {};

TEST_F(Doctor, HasACaseHereForEachOfItsFindings) {
  std::set<std::string> provoked;
  for (auto const& each : doctor_cases())
    for (auto const& expected : each.expected) provoked.insert(expected.finding);
  std::set<std::string> known;
  std::istringstream lines(run_program({"doctor", "--list"}).text);
  for (std::string verdict, name, meaning; lines >> verdict >> name && std::getline(lines, meaning);) {
    known.insert(name);
    EXPECT_TRUE(verdict == "WARN" || verdict == "FAIL") << name;
  }
  EXPECT_EQ(provoked, known);
}

TEST_F(Doctor, FindsNothingWrongHere) {
  ASSERT_TRUE(run({"build", "--builder", "host", "raw/1M"}).status.success());
  auto const output = run({"doctor", "--builder", "host", "--json"});
  EXPECT_EQ(output.status.describe(), "exit status 0");
  auto const healthy = Json::parse(output.text);
  EXPECT_EQ(healthy["schema"], "templatefs.doctor/1");
  EXPECT_EQ(healthy["healthy"], true);
  std::set<std::string> well;
  for (auto const& check : healthy["checks"]) {
    EXPECT_EQ(check["verdict"], "ok") << check;
    well.insert(check["check"]);
  }
  for (char const* const name :
       {"config", "store",       "reflink",      "space",     "pins",        "quarantine",
        "debris", "budget",      "capabilities", "fuse",      "descriptors", "run",
        "mount",  "passthrough", "mkfs.btrfs",   "mkfs.ext4", "mkfs.xfs",    "mkfs.vfat",
        "mkntfs", "mkswap",      "qemu-img",     "tar",       "mount helper"})
    EXPECT_TRUE(well.contains(name)) << name;
  EXPECT_THAT(names_in(store("/sessions")), IsEmpty());
}

TEST_F(Doctor, MakesNoStore) {
  EXPECT_EQ(run({"doctor", "--builder", "host"}).status.describe(), "exit status 0");
  EXPECT_EQ(::access(store().c_str(), F_OK), -1);
}

}  // namespace

}  // namespace templatefs::test
