// SPDX-License-Identifier: Apache-2.0
#include "fusefs/node_table.h"

#include <gtest/gtest.h>

namespace templatefs::fusefs {
namespace {

class NodeTableTest : public ::testing::Test {
 protected:
  NodeTableTest() {
    auto& root = *table_.find(FUSE_ROOT_ID);
    auto& recipe = table_.insert(std::make_unique<RecipeNode>(&root, book_.find("btrfs")));
    recipe_ = recipe.number;
    auto& capacity = table_.insert(std::make_unique<CapacityNode>(
        &recipe, cache::TemplateRequest{book_.find("btrfs"), Capacity::of_mib(256)}));
    capacity.lookups = 1;
    capacity_ = &capacity;
  }
  ImageNode& add_image(std::string const& name) {
    auto& image = table_.insert(std::make_unique<ImageNode>(capacity_, name));
    image.lookups = 1;
    return image;
  }
  SetNode& add_set(std::string const& name) {
    auto& set = table_.insert(std::make_unique<SetNode>(capacity_, name));
    set.lookups = 1;
    return set;
  }
  ImageNode& add_disk(SetNode& set, std::string const& name) {
    auto& image = table_.insert(std::make_unique<ImageNode>(&set, name));
    image.lookups = 1;
    return image;
  }
  cache::RecipeBook const book_;
  NodeTable table_;
  CapacityNode* capacity_;
  fuse_ino_t recipe_;
};

TEST_F(NodeTableTest, FindsByNumberAndByName) {
  auto& image = add_image("a.img");
  EXPECT_EQ(table_.find(image.number), &image);
  EXPECT_EQ(table_.find_child(*capacity_, "a.img"), &image);
  EXPECT_EQ(table_.find_child(*capacity_, "b.img"), nullptr);
  EXPECT_EQ(table_.find(999999), nullptr);
  EXPECT_EQ(NodeTable::path(image), "btrfs/256M/a.img");
  EXPECT_EQ(NodeTable::path(*table_.find(FUSE_ROOT_ID)), "");
}

TEST_F(NodeTableTest, ANameTheKernelForgotIsGoneAndItsDirectoriesWithIt) {
  auto const number = add_image("a.img").number;
  table_.forget(capacity_->number, 1);
  EXPECT_NE(table_.find(recipe_), nullptr) << "an image hangs on it";
  table_.forget(number, 1);
  EXPECT_EQ(table_.find(number), nullptr);
  EXPECT_EQ(table_.find(recipe_), nullptr);
  EXPECT_EQ(table_.size(), 1u);
}

TEST_F(NodeTableTest, AnImageThatExistsOutlivesTheKernelsInterest) {
  auto& image = add_image("a.img");
  image.appear(1);
  auto const number = image.number;
  table_.forget(number, 1);
  EXPECT_EQ(table_.find_child(*capacity_, "a.img"), &image);
  EXPECT_EQ(capacity_->changed_ns, 1);
  table_.drop(image, 2);
  EXPECT_EQ(table_.find(number), nullptr);
  EXPECT_EQ(capacity_->changed_ns, 2);
}

TEST_F(NodeTableTest, ASetIsListedWhileItHasAnImage) {
  auto& set = add_set("a.d");
  auto& test = add_disk(set, "TEST.img");
  auto& pool = add_disk(set, "POOL0.img");
  EXPECT_EQ(NodeTable::path(pool), "btrfs/256M/a.d/POOL0.img");
  EXPECT_EQ(pool.store_name(), "a.d/POOL0.img");
  EXPECT_EQ(&pool.directory().capacity(), capacity_);
  EXPECT_FALSE(set.owned());
  test.appear(1);
  pool.appear(2);
  EXPECT_TRUE(set.owned());
  EXPECT_EQ(capacity_->listed.size(), 1u);
  EXPECT_EQ(capacity_->changed_ns, 1) << "a second image changes the set alone";
  table_.drop(test, 3);
  EXPECT_FALSE(set.emptied);
  table_.drop(pool, 4);
  EXPECT_TRUE(set.emptied);
  EXPECT_FALSE(set.owned());
  EXPECT_TRUE(capacity_->listed.empty());
  EXPECT_EQ(capacity_->changed_ns, 4);
}

TEST_F(NodeTableTest, ASetWithAnImageOutlivesTheKernelsInterest) {
  auto& set = add_set("a.d");
  auto const numbers = std::pair(set.number, add_disk(set, "TEST.img").number);
  static_cast<ImageNode*>(table_.find(numbers.second))->appear(1);
  table_.forget(numbers.second, 1);
  table_.forget(numbers.first, 1);
  table_.forget(capacity_->number, 1);
  ASSERT_EQ(table_.find_child(*capacity_, "a.d"), &set);
  table_.drop(static_cast<ImageNode&>(*table_.find(numbers.second)), 2);
  EXPECT_EQ(table_.find(numbers.first), nullptr);
  EXPECT_EQ(table_.size(), 1u) << "and its directories with it";
}

TEST_F(NodeTableTest, ATableEndsWithSetsInIt) {
  auto& set = add_set("a.d");
  add_disk(set, "TEST.img").appear(1);
  add_image("b.img").appear(1);
}

TEST_F(NodeTableTest, ASetIsItsOwnersWhileAnImageIsBeingMade) {
  auto& set = add_set("a.d");
  auto& disk = add_disk(set, "TEST.img");
  disk.busy = true;
  ++set.making;
  disk.waiters = {7, 8};
  EXPECT_TRUE(set.owned());
  EXPECT_EQ(disk.end_busy(), (std::vector<std::uint64_t>{7, 8}));
  EXPECT_FALSE(set.owned());
  EXPECT_TRUE(disk.waiters.empty());
  // Opened again, and unlinked meanwhile: nothing was being made.
  disk.appear(1);
  disk.busy = true;
  disk.disappear(2);
  disk.end_busy();
  EXPECT_EQ(set.making, 0u);
}

TEST_F(NodeTableTest, AnUnnamedNodeLivesOnForItsHolders) {
  auto& old = add_image("a.img");
  auto const number = old.number;
  table_.unname(old);
  EXPECT_EQ(table_.find_child(*capacity_, "a.img"), nullptr);
  auto& fresh = add_image("a.img");
  EXPECT_NE(fresh.number, number);
  EXPECT_EQ(table_.find(number), &old);
  table_.forget(number, 1);
  EXPECT_EQ(table_.find(number), nullptr);
  EXPECT_EQ(table_.find_child(*capacity_, "a.img"), &fresh);
}

TEST_F(NodeTableTest, ARenameMovesTheName) {
  auto& image = add_image("a.img");
  table_.rename(image, "b.img");
  EXPECT_EQ(table_.find_child(*capacity_, "a.img"), nullptr);
  EXPECT_EQ(table_.find_child(*capacity_, "b.img"), &image);
}

TEST_F(NodeTableTest, ForgettingTooMuchOrTheUnknownIsHarmless) {
  auto& image = add_image("a.img");
  image.opens = 1;
  table_.forget(image.number, 1000);
  EXPECT_EQ(table_.find_child(*capacity_, "a.img"), &image);
  image.opens = 0;
  table_.forget(424242, 1);
  table_.forget(FUSE_ROOT_ID, 1000);
  EXPECT_NE(table_.find(FUSE_ROOT_ID), nullptr);
}

TEST_F(NodeTableTest, GrowsAndShrinksBackToNothing) {
  std::vector<fuse_ino_t> numbers;
  for (int each = 0; each < 20000; ++each)
    numbers.push_back(add_image("i" + std::to_string(each) + ".img").number);
  EXPECT_EQ(table_.size(), 20003u);
  for (auto const number : numbers) ASSERT_NE(table_.find(number), nullptr);
  EXPECT_NE(table_.find_child(*capacity_, "i19999.img"), nullptr);
  for (auto const number : numbers) table_.forget(number, 1);
  EXPECT_EQ(table_.size(), 3u);
}

}  // namespace
}  // namespace templatefs::fusefs
