// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/stored_names.h"

#include <gmock/gmock.h>

#include <unistd.h>

// Images of a test that become recipes.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Bake : public WithStoredNames {};

TEST_P(Bake, IsARecipeAtOnceHereAndInOtherMounts) {
  Daemon const other(mount().store());
  EXPECT_EQ(open_outcome(other / (name() + "/native/a.img"), O_RDONLY), "ENOENT");
  auto const golden = make_image("golden of " + name());
  EXPECT_THAT(bake(golden), AllOf(HasSubstr("baked " + name() + ": 1M"), HasSubstr("/native/first.img")));
  for (auto const& mount_point : {mount().mount_point(), other.mount_point()}) {
    std::string const first = mount_point + "/" + name() + "/native/a.img";
    EXPECT_THAT(names_in(mount_point), Contains(name()));
    EXPECT_EQ(stat_of(first).st_size, 1 << 20);
    EXPECT_EQ(stat_of(first).st_blocks, 0) << "a look makes nothing";
    EXPECT_EQ(contents(first), contents(golden));
    EXPECT_THAT(names_in(mount_point + "/" + name()), ElementsAre("native"));
    EXPECT_THAT(xattr_of(first, "user.templatefs.template"), HasSubstr("image-1m-"));
  }
  EXPECT_EQ(xattr_of(golden, "user.templatefs.template").substr(0, 7), "raw-1m-");
  EXPECT_THAT(run_json({"recipes", "--store", mount().store()})["recipes"].back()["lineage"]["template"],
              xattr_of(golden, "user.templatefs.template"));
}

TEST_P(Bake, GrowsToAnyCapacityAndIsNeverShrunk) {
  auto const golden = make_image("grows", 2 << 20);
  bake(golden);
  std::string const grown = of_recipe("4M/a.img");
  EXPECT_EQ(stat_of(grown).st_size, 4 << 20);
  auto const text = contents(grown);
  EXPECT_EQ(stat_of(grown).st_size, 4 << 20) << "and once it is there";
  EXPECT_EQ(text.substr(0, 2 << 20), contents(golden));
  EXPECT_EQ(text.find_first_not_of('\0', 2 << 20), std::string::npos);
  EXPECT_THAT(names_in(of_recipe("")), AllOf(Contains("4M"), Contains("native")));
  EXPECT_EQ(open_outcome(of_recipe("1M/a.img"), O_RDWR), "EINVAL");
  EXPECT_THAT(run_program({"why", of_recipe("1M/a.img")}).text,
              HasSubstr("Use " + name() + "/native, or " + name() + "/2M and larger."));
  EXPECT_EQ(names_in_store(mount(), "templates").size(), templates_before() + 1) << "one template for all";
}

TEST_P(Bake, HasItsExactSizeInWholeBlocks) {
  auto const golden = make_image("odd", (1 << 20) + 1);
  bake(golden);
  EXPECT_EQ(stat_of(of_recipe("native/a.img")).st_size, (1 << 20) + 4096);
  EXPECT_EQ(contents(of_recipe("native/a.img")).substr(0, (1 << 20) + 1), contents(golden));
  EXPECT_EQ(open_outcome(at("raw/native/a.img"), O_RDONLY), "ENOENT") << "where nothing is stored";
}

TEST_P(Bake, TakesWhatWasWrittenLast) {
  auto const golden = make_image("before");
  {
    auto const file = open_file(golden);
    write_at(file.get(), "after!", kTextAt);
  }
  bake(golden);
  EXPECT_EQ(text_in(of_recipe("native/a.img"), 6), "after!");
}

TEST_P(Bake, IsRefusedWhileSomebodyMayWriteWhoIsNamed) {
  auto const golden = make_image("held");
  {
    auto const reader = open_file(golden, O_RDONLY);
    EXPECT_EQ(xattr_of(golden, "user.templatefs.state"), "open");
    bake(golden);
  }
  {
    auto const writer = open_file(golden);
    EXPECT_EQ(xattr_of(golden, "user.templatefs.state"), "open for writing");
    auto const refused = run_program({"bake", golden, "--name", name(), "--replace"});
    EXPECT_EQ(refused.status.describe(), "exit status 1");
    EXPECT_THAT(refused.text, AllOf(HasSubstr("open for writing by"), HasSubstr("--force"),
                                    HasSubstr("(pid " + std::to_string(::getpid()) + ")")));
    write_at(writer.get(), "forced", kTextAt);
    bake(golden, {"--replace", "--force"});
  }
  EXPECT_EQ(text_in(of_recipe("native/a.img"), 6), "forced");
  bake(golden, {"--replace"});
}

TEST_P(Bake, TheStateOfAnImageCanBeAsked) {
  auto const state = [&] { return xattr_of(image(), "user.templatefs.state"); };
  EXPECT_EQ(state(), "name");
  EXPECT_EQ(xattr_of(image(), "user.templatefs.template"), "ENODATA");
  {
    auto const first = open_file(image(), O_WRONLY);
    auto const second = open_file(image(), O_RDWR);
    EXPECT_EQ(state(), "open for writing");
  }
  // The kernel tells of a close(2) a moment after it.
  EXPECT_TRUE(wait_until([&] { return state() == "idle"; }));
  EXPECT_EQ(xattr_of(at("raw/1M"), "user.templatefs.state"), "ENODATA");
}

TEST_P(Bake, AnewUnderItsNameIsSeenByTheNextNewImage) {
  auto const golden = make_image("first");
  bake(golden);
  EXPECT_EQ(text_in(of_recipe("native/old.img"), 5), "first");
  auto const later = make_image("other", 3 << 20, "later");
  auto const refused = run_program({"bake", later, "--name", name()});
  EXPECT_EQ(refused.status.describe(), "exit status 1");
  EXPECT_THAT(refused.text, AllOf(HasSubstr("the name is taken"), HasSubstr("--replace")));
  bake(later, {"--replace"});
  EXPECT_EQ(stat_of(of_recipe("native/new.img")).st_size, 3 << 20);
  EXPECT_EQ(text_in(of_recipe("native/new.img"), 5), "other");
  EXPECT_EQ(text_in(of_recipe("native/old.img"), 5), "first") << "what exists stays as it is";
}

TEST_P(Bake, ForgottenItsImagesStayAndItsNameGoesWithThem) {
  bake(make_image("lost"));
  EXPECT_EQ(text_in(of_recipe("native/a.img"), 4), "lost");
  auto const forgotten = forget();
  EXPECT_TRUE(forgotten.status.success());
  EXPECT_THAT(forgotten.text, HasSubstr("is in use: `templatefs clean` removes it later"));
  EXPECT_EQ(text_in(of_recipe("native/a.img"), 4), "lost");
  EXPECT_THAT(names_in(mount().mount_point()), Contains(name())) << "its images are still to be found";
  EXPECT_EQ(open_outcome(of_recipe("native/b.img"), O_RDWR), "ENOENT");
  EXPECT_EQ(open_outcome(of_recipe("1G/b.img"), O_RDWR), "ENOENT");
  ASSERT_EQ(::unlink(of_recipe("native/a.img").c_str()), 0);
  EXPECT_EQ(::access(of_recipe("").c_str(), F_OK), -1);
  EXPECT_THAT(names_in(mount().mount_point()), Not(Contains(name())));
  EXPECT_EQ(forget().status.describe(), "exit status 3");
}

TEST_P(Bake, OfWhatIsNoImageMakesNone) {
  auto const sentence = [&](std::string const& path, std::string const& as) {
    auto const output = run_program({"bake", path, "--name", as});
    EXPECT_EQ(output.status.describe(), "exit status 1") << path;
    return output.text;
  };
  auto const golden = make_image("x");
  EXPECT_THAT(sentence(image("never"), name()), HasSubstr("nobody has opened it yet"));
  EXPECT_THAT(names_in(at("raw/1M")), Not(Contains(image("never").substr(image("never").rfind('/') + 1))));
  EXPECT_THAT(sentence(at("raw/1M"), name()), HasSubstr("it is no image"));
  EXPECT_THAT(sentence("/etc/hostname", name()), HasSubstr("no mounted templatefs"));
  EXPECT_THAT(sentence(golden, "ext4"), HasSubstr("a recipe of that name is built in"));
  EXPECT_THAT(sentence(golden, "a/b"), HasSubstr("no recipe's name"));
  EXPECT_THAT(names_in_store(mount(), "recipes"), Not(Contains(name() + ".json")));
}

TEST_P(Bake, KilledBeforeTheNameIsWrittenItLeavesNothingThatCleanDoesNotTake) {
  auto const golden = make_image("killed");
  auto const before = names_in_store(mount(), "templates");
  // The first renameat2 publishes the template, the second one puts the name in place.
  auto const killed = run_command(
      {"strace", "-f", "-o", "/dev/null", "-e", "trace=renameat2", "-e",
       "inject=renameat2:signal=SIGKILL:when=2", program_path(), "bake", golden, "--name", name()},
      Deadline::after(std::chrono::seconds(60)));
  EXPECT_FALSE(killed.status.success()) << killed.text;
  EXPECT_EQ(names_in_store(mount(), "templates").size(), before.size() + 1) << "it was killed too early";
  EXPECT_THAT(names_in_store(mount(), "recipes"), Not(Contains(HasSubstr(name()))));
  EXPECT_EQ(names_in_store(mount(), "sessions").size(), 2u);
  EXPECT_TRUE(run_program({"clean", "--store", mount().store()}).status.success());
  for (auto const& key : names_in_store(mount(), "templates")) EXPECT_THAT(before, Contains(key));
  EXPECT_EQ(names_in_store(mount(), "sessions").size(), 1u);
}

TEST_P(Bake, IsListed) {
  bake(make_image("listed"));
  auto const recipe = run_json({"recipes", "--store", mount().store()})["recipes"].back();
  EXPECT_EQ(recipe["name"], name());
  EXPECT_EQ(recipe["kind"], "bake");
  EXPECT_EQ(recipe["minimum_bytes"], 1 << 20);
  EXPECT_THAT(recipe["lineage"]["recipe"], "raw/1M");
  std::string const key = recipe["template"];
  EXPECT_THAT(run_program({"recipes", "--store", mount().store()}).text,
              AllOf(HasSubstr(name()), HasSubstr("baked from " + image("golden"))));
  EXPECT_THAT(run_program({"ls", "--store", mount().store()}).text,
              AllOf(HasSubstr(key), HasSubstr("bake of " + image("golden"))));
  EXPECT_THAT(run_program({"why", of_recipe("native")}).text,
              AllOf(HasSubstr(key), HasSubstr("baked from ")));
  EXPECT_THAT(run_json({"clean", "--store", mount().store()})["kept"], Contains(key));
}

INSTANTIATE_ON_ALL_STORES(Bake);

}  // namespace

}  // namespace templatefs::test
