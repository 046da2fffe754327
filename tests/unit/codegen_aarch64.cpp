// Code for AArch64: what its object file and assembly hold, and, run by qemu, that it gives the bits of this machine.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "runtime/file.h"
#include "tests/unit/codegen_pendulum.h"

using namespace alea;
using namespace alea::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

CompiledKernel cross_compiled(const Program& program) {
  JitOptions options;
  options.target = named_target("aarch64-linux-gnu", "");
  options.keep_text = true;
  return {program, options, CompiledKernel::Link::no};
}

// The numbers' bits as assembly.
std::string quads(const std::string& label, const std::vector<double>& values) {
  std::vector<std::string> words;
  for (double value : values) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, 8);
    words.push_back(fmt::format("{:#x}", bits));
  }
  return fmt::format("{}: .quad {}\n", label, fmt::join(words, ", "));
}

void run(const std::string& line) {
  INFO(line);
  REQUIRE(std::system(line.c_str()) == 0);
}

}  // namespace

TEST_CASE("AArch64: an ELF object with NEON's fused multiply-add and no call for it") {
  const CompiledKernel kernel = cross_compiled(pendulum(40));
  REQUIRE(kernel.objects()[0].size() > 64);
  CHECK(kernel.objects()[0].substr(0, 4) ==
        "\x7f"
        "ELF");
  constexpr char aarch64 = static_cast<char>(183);  // EM_AARCH64
  CHECK(kernel.objects()[0][18] == aarch64);
  const std::string& text = kernel.assembly();
  CHECK_THAT(text, Contains("fmla\tv") && Contains("fdiv\tv") && Contains(".2d") && !Contains("bl\tfma"));
  CHECK(kernel.workspace_bytes() == CompiledKernel(pendulum(40), {}).workspace_bytes());
}

TEST_CASE("AArch64: the pendulum gives the bits of this machine") {
  constexpr int64_t horizon = 40, count = 41;
  constexpr uint64_t first_sample = 192;
  const Program program = pendulum(horizon);
  const NoiseFunctions noise{pendulum_noise<double>, pendulum_noise<double>};
  const std::vector<double> params(std::begin(pendulum_params), std::end(pendulum_params));
  const auto inputs = pendulum_inputs<double>();
  const CompiledKernel here(program, {});
  const NativeResult expected = Runner<double>{program, here, noise, params, inputs}.run(first_sample / 64, count);

  const CompiledKernel there = cross_compiled(program);
  std::vector<double> drawn(horizon * 64);
  pendulum_noise<double>(0, first_sample, 0, horizon, 1, drawn.data());
  std::string text = read_file(std::string(ALEA_SOURCE_DIR) + "/tests/aarch64/start.s");
  text += fmt::format(
      ".data\n.balign 64\narguments: .quad params, uniform, arena, inputs, keys, functions, objective, gradient, {}, {}\n",
      first_sample, count);
  text += "inputs: .quad angles, 1024, speeds, 1024\nkeys: .quad 0\n";
  text += "functions: .quad fill_noise, fill_noise, 0, 0, 0, 0\n";
  text += quads("params", params) + quads("angles", inputs[0]) + quads("speeds", inputs[1]) + quads("noise", drawn);
  text += ".bss\n.balign 64\nobjective: .skip 512\ngradient: .skip 40\n.set result_bytes, 552\n";
  text += fmt::format(".balign 64\narena: .skip {}\n.balign 64\nuniform: .skip {}\n", there.workspace_bytes(),
                      std::max<int64_t>(there.uniform_bytes(), 8));

  const fs::path folder = fs::temp_directory_path() / fmt::format("alea_aarch64_{}", getpid());
  fs::create_directories(folder);
  const auto file = [&](const char* name) { return (folder / name).string(); };
  write_file(file("start.s"), text);
  write_file(file("kernel.o"), there.objects()[0]);
  run(fmt::format("llvm-mc-19 --triple=aarch64-linux-gnu --filetype=obj -o {} {}", file("start.o"), file("start.s")));
  run(fmt::format("mold -m aarch64linux -static -o {} {} {}", file("program"), file("start.o"), file("kernel.o")));
  run(fmt::format("qemu-aarch64 {} > {}", file("program"), file("out")));
  const std::string out = read_file(file("out"));
  fs::remove_all(folder);
  REQUIRE(out.size() == 552);
  for (int64_t k = 0; k < count; ++k) {
    INFO(k);
    CHECK(std::memcmp(out.data() + 8 * k, &expected.objective[static_cast<size_t>(k)], 8) == 0);
  }
  CHECK(std::memcmp(out.data() + 512, expected.gradient.data(), 40) == 0);
}
