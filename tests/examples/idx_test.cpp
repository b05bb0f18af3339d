// The reader of image files: what is wrong with a file is said, and nothing half-read comes back.
#include "idx.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace {

using namespace std::string_literals;

const std::string images_of_two = "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03"s;

class Idx : public testing::Test {
 protected:
  ~Idx() override { std::remove(file.c_str()); }

  void write(const std::string& contents) { std::ofstream(file, std::ios::binary) << contents; }
  template <class Read = decltype(idx::read_images)>
  std::string refusal(Read& read = idx::read_images) {
    try {
      read(file);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "none";
  }

  std::string file = testing::TempDir() + "rectify_idx_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(Idx, ReadsImages) {
  write(images_of_two + "abcdef");
  const idx::Images images = idx::read_images(file);
  EXPECT_EQ(images.count, 2);
  EXPECT_EQ(images.rows, 1);
  EXPECT_EQ(images.cols, 3);
  EXPECT_EQ(std::string(images.pixels.begin(), images.pixels.end()), "abcdef");
}

TEST_F(Idx, SaysWhatIsWrong) {
  EXPECT_NE(refusal().find("cannot be read: No such file"), std::string::npos) << refusal();
  write("");
  EXPECT_NE(refusal().find("is cut short"), std::string::npos) << refusal();
  write(images_of_two + "abc");
  EXPECT_NE(refusal().find("is cut short: 3 bytes are missing"), std::string::npos) << refusal();
  write(images_of_two + "abcdefg");
  EXPECT_NE(refusal().find("is longer"), std::string::npos) << refusal();
  write("\0\0\x08\x01\0\0\0\x02"s);
  EXPECT_NE(refusal().find("labels"), std::string::npos) << refusal();
  write("\x89PNG\r\n"s);
  EXPECT_NE(refusal().find("not an IDX file"), std::string::npos) << refusal();
  write("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s);
  EXPECT_NE(refusal().find("makes no sense"), std::string::npos) << refusal();
  write("\x1f\x8b\x08\0\0\0\0\0\0\x03garbage"s);
  EXPECT_NE(refusal().find("is damaged"), std::string::npos) << refusal();
  EXPECT_EQ(refusal().find(file), 0u);
}

TEST_F(Idx, ReadsLabels) {
  write("\0\0\x08\x01\0\0\0\x03\x07\0\x09"s);
  EXPECT_EQ(idx::read_labels(file), (std::vector<unsigned char>{7, 0, 9}));
  write("\0\0\x08\x01\0\0\0\x03\x07"s);
  EXPECT_NE(refusal(idx::read_labels).find("is cut short: 2 bytes are missing"), std::string::npos);
  write(images_of_two + "abcdef");
  EXPECT_NE(refusal(idx::read_labels).find("holds images, not labels"), std::string::npos);
  write("PNG, say");
  EXPECT_NE(refusal(idx::read_labels).find("not an IDX file of labels"), std::string::npos);
}

}  // namespace
