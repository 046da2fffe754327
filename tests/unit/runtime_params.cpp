// Values of params and data of inputs: what fits is taken, what does not is refused by name.
#include <catch2/catch.hpp>

#include "runtime/data.h"
#include "runtime/errors.h"
#include "runtime/params.h"

using namespace alea;
using Catch::Matchers::Contains;

namespace {

Table<ParamId, GraphParam> some_params() {
  Table<ParamId, GraphParam> params;
  params.add({"theta", Type{Scalar::real, 0, {3}}, {}});
  params.add({"mean.W", Type{Scalar::real, 0, {2, 2}}, {}});
  params.add({"mean.b", Type{Scalar::real, 0, {2}}, {}});
  return params;
}

std::string usage_error(const std::string& text) {
  ParamArrays values = zero_params(some_params());
  try {
    set_param(some_params(), text, values);
  } catch (const UsageError& error) { return error.message; }
  return "no error";
}

}  // namespace

TEST_CASE("params are set by number, by list and by group") {
  const auto params = some_params();
  ParamArrays values = zero_params(params);
  set_param(params, "theta=[1, 2.5, -3e-1]", values);
  set_param(params, "mean.*=7", values);
  set_param(params, "mean.W=[[1, 2], [3, 4]]", values);
  CHECK(values[0] == std::vector<double>{1, 2.5, -0.3});
  CHECK(values[1] == std::vector<double>{1, 2, 3, 4});
  CHECK(values[2] == std::vector<double>{7, 7});
  set_params(params, {{"mean.b", {{2}, {8, 9}}}}, values);
  CHECK(named_arrays(params, values).at("mean.b").values == std::vector<double>{8, 9});
}

TEST_CASE("values that do not fit a param are refused by name") {
  CHECK_THAT(usage_error("thet=1"), Contains("did you mean `theta`?"));
  CHECK_THAT(usage_error("theta=[1, 2]"), Contains("`theta` is real[3]") && Contains("[2]"));
  CHECK_THAT(usage_error("mean.W=[[1, 2], [3]]"), Contains("ragged"));
  CHECK_THAT(usage_error("mean.W=[[1, 2], 3]"), Contains("ragged"));
  CHECK_THAT(usage_error("theta=inf"), Contains("finite"));
  CHECK_THAT(usage_error("theta=nan"), Contains("finite"));
  CHECK_THAT(usage_error("theta=abc"), Contains("no number"));
  CHECK_THAT(usage_error("theta={\"a\": 1}"), Contains("no list of numbers"));
  CHECK_THAT(usage_error("theta=" + std::string(100'000, '[')), Contains("no number"));
  CHECK_THAT(usage_error("theta"), Contains("name=value"));
  ParamArrays values = zero_params(some_params());
  CHECK_THROWS_AS(set_params(some_params(), {{"mean.b", {{3}, {1, 2, 3}}}}, values), UsageError);
}

TEST_CASE("columns of numbers are read with any separator, with and without names") {
  const Array array = read_csv("x, y\n1, 2\n\n-3.5;4e2\r\n+5\t6\n7   8\n", "a.csv");
  CHECK(array.shape == Shape{4, 2});
  CHECK(array.values == std::vector<double>{1, 2, -3.5, 400, 5, 6, 7, 8});
  CHECK_THROWS_AS(read_csv("1,2\n3\n", "a.csv"), FileError);
  CHECK_THROWS_AS(read_csv("1,2\n3,x\n", "a.csv"), FileError);
  CHECK_THROWS_AS(read_csv("1,2\n3,,4\n", "a.csv"), FileError);
}

TEST_CASE("data are bound to inputs whose shape and type they have") {
  Table<InputId, GraphInput> inputs;
  inputs.add({"x", Type{Scalar::real, 0, {2}}, {}});
  inputs.add({"label", Type{Scalar::category, 3, {}}, {}});
  const Array x{{2, 2}, {1, 2, 3, 4}}, label{{2}, {0, 2}};
  const std::vector<InputRows> data = bind_inputs(inputs, {{"x", x}, {"label", label}});
  CHECK(data.at(0).rows == 2);
  CHECK(data.at(0).values == x.values);

  const auto error = [&](const NamedArrays& arrays) -> std::string {
    try {
      bind_inputs(inputs, arrays);
    } catch (const UsageError& e) { return e.message; }
    return "no error";
  };
  CHECK_THAT(error({{"x", x}}), Contains("`label` has no data"));
  CHECK_THAT(error({{"x", x}, {"labels", label}}), Contains("did you mean `label`?"));
  CHECK_THAT(error({{"x", x}, {"label", {{3}, {0, 1, 2}}}}), Contains("2 rows") && Contains("3"));
  CHECK_THAT(error({{"x", x}, {"label", {{2}, {0, 3}}}}), Contains("row 1 holds 3"));
  CHECK_THAT(error({{"x", x}, {"label", {{2}, {0, 0.5}}}}), Contains("cat(3)"));
  CHECK_THAT(error({{"x", {{2, 3}, std::vector<double>(6)}}, {"label", label}}), Contains("[rows, 2]"));
  CHECK_THAT(error({{"x", {{0, 2}, {}}}, {"label", {{0}, {}}}}), Contains("no rows"));
}
