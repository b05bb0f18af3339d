// The reader of image files: it tells what is wrong with a file, and returns nothing that is half-read.
#include "idx.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace {

using namespace std::string_literals;

const std::string images_of_two = "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03"s;

class Idx : public testing::Test {
 protected:
  ~Idx() override { std::remove(file.c_str()); }

  void write(const std::string& contents) { std::ofstream(file, std::ios::binary) << contents; }
  template <class Read = decltype(idx::read_images)>
  std::string error_of(Read& read = idx::read_images) {
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
  EXPECT_NE(error_of().find("cannot be read: No such file"), std::string::npos) << error_of();
  ASSERT_TRUE(std::filesystem::create_directory(file));
  EXPECT_EQ(error_of(), file + ": cannot be read: Is a directory");
  std::filesystem::remove(file);
  write("");
  EXPECT_NE(error_of().find("is cut short"), std::string::npos) << error_of();
  write(images_of_two + "abc");
  EXPECT_NE(error_of().find("is cut short: 3 bytes are missing"), std::string::npos) << error_of();
  write(images_of_two + "abcdefg");
  EXPECT_NE(error_of().find("is longer"), std::string::npos) << error_of();
  write("\0\0\x08\x01\0\0\0\x02"s);
  EXPECT_NE(error_of().find("labels"), std::string::npos) << error_of();
  write("\x89PNG\r\n"s);
  EXPECT_NE(error_of().find("not an IDX file"), std::string::npos) << error_of();
  write("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s);
  EXPECT_NE(error_of().find("makes no sense"), std::string::npos) << error_of();
  write("\x1f\x8b\x08\0\0\0\0\0\0\x03garbage"s);
  EXPECT_NE(error_of().find("is damaged"), std::string::npos) << error_of();
  EXPECT_EQ(error_of().find(file), 0u);
}

TEST_F(Idx, ReadsLabels) {
  write("\0\0\x08\x01\0\0\0\x03\x07\0\x09"s);
  EXPECT_EQ(idx::read_labels(file), (std::vector<unsigned char>{7, 0, 9}));
  write("\0\0\x08\x01\0\0\0\x03\x07"s);
  EXPECT_NE(error_of(idx::read_labels).find("is cut short: 2 bytes are missing"), std::string::npos);
  write(images_of_two + "abcdef");
  EXPECT_NE(error_of(idx::read_labels).find("holds images, not labels"), std::string::npos);
  write("PNG, say");
  EXPECT_NE(error_of(idx::read_labels).find("not an IDX file of labels"), std::string::npos);
}

/// The largest amount of memory that this process has used, in KiB.
long peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST_F(Idx, AllocatesNoMoreThanTheFileHolds) {
  const long before = peak_memory();
  write("\0\0\x08\x03\0\0\x10\0\0\0\x04\0\0\0\x04\0"s);  // 4096 images of 1024 x 1024: 4 GiB
  EXPECT_NE(error_of().find("is cut short"), std::string::npos) << error_of();
  write("\0\0\x08\x01\x0f\xff\xff\xff\x07"s);
  EXPECT_NE(error_of(idx::read_labels).find("is cut short"), std::string::npos);
  EXPECT_LT(peak_memory() - before, 64 << 10);
}

std::string gzipped(const std::string& contents, const std::string& file) {
  const gzFile out = gzopen(file.c_str(), "wb");
  gzwrite(out, contents.data(), static_cast<unsigned>(contents.size()));
  gzclose(out);
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(Idx, RejectsOtherDataAfterCompressedData) {
  const std::string good = gzipped(images_of_two + "abcdef", file);
  EXPECT_EQ(idx::read_images(file).count, 2);
  for (const std::string& garbage : {"x"s, "garbage"s, std::string(300, '\0'), std::string(100000, 'x')}) {
    write(good + garbage);
    EXPECT_NE(error_of().find("has other data after"), std::string::npos) << error_of();
  }
}

TEST_F(Idx, ReadsCompressedDataFromAPipe) {
  const std::string good = gzipped(images_of_two + "abcdef", file);
  std::filesystem::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  std::thread writer([&] { write(good); });
  EXPECT_EQ(error_of(), "none");
  writer.join();
}

TEST_F(Idx, TellsHowMuchDoesNotFitIntoMemory) {
  write("\0\0\x08\x03\0\0\0\x60\0\0\x04\0\0\0\x04\0"s + std::string(std::size_t{96} << 20, 'x'));
  const auto read = [&] {
    const rlimit little{96 << 20, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &little);
    std::fprintf(stderr, "%s\n", error_of().c_str());
    _exit(0);
  };
  EXPECT_EXIT(read(), testing::ExitedWithCode(0), "does not fit into memory: it holds 100663296 bytes");
}

TEST_F(Idx, ReadsTrainingFilesThatBelongTogether) {
  const std::string folder = testing::TempDir() + "rectify_idx_test_folder";
  std::filesystem::create_directory(folder);
  const auto write_labels = [&](const std::string& labels) {
    std::ofstream(folder + "/train-labels-idx1-ubyte", std::ios::binary)
        << "\0\0\x08\x01\0\0\0"s + static_cast<char>(labels.size()) + labels;
  };
  const auto error = [&] {
    try {
      idx::read_training(folder);
    } catch (const std::runtime_error& wrong) {
      return std::string(wrong.what());
    }
    return "none"s;
  };
  EXPECT_NE(error().find("train-labels-idx1-ubyte.gz: no such file"), std::string::npos) << error();
  std::ofstream(folder + "/train-images-idx3-ubyte", std::ios::binary) << images_of_two + "abcdef";
  write_labels("\x09\0"s);
  EXPECT_EQ(error(), "none");
  write_labels("\x01"s);
  EXPECT_NE(error().find("1 labels, but 2 images"), std::string::npos) << error();
  write_labels("\x01\x0a"s);
  EXPECT_NE(error().find("the label of image 1 is 10, expected 0 to 9"), std::string::npos) << error();
  std::filesystem::remove_all(folder);
}

}  // namespace
