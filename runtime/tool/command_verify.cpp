// alea verify: the gradient against central differences, native code against the interpreter, values that are not finite,
// promises that do not hold.
#include <fmt/format.h>

#include "runtime/text_table.h"
#include "runtime/tool/commands.h"
#include "runtime/tool/verify.h"

namespace alea {

namespace {

Json json_of(const Session& session, const Verification& result) {
  Json directions = Json::array();
  for (const Direction& d : result.directions)
    directions.push_back({{"name", d.name},
                          {"gradient", json_number(d.gradient)},
                          {"difference", json_number(d.difference)},
                          {"stderr", json_number(d.standard_error)},
                          {"z", json_number(d.z)},
                          {"agrees", d.agrees}});
  Json worst = nullptr;
  if (result.worst)
    worst = {{"what", result.worst->what},
             {"native", json_number(result.worst->native)},
             {"interpreted", json_number(result.worst->interpreted)}};
  Json promises = Json::array();
  for (const BrokenPromise& promise : result.promises) {
    const LineColumn place = promise.span ? session.sources[promise.span.source].position(promise.span.begin) : LineColumn{};
    promises.push_back({{"line", place.line}, {"column", place.column}, {"what", promise.what}});
  }
  return Json{
      {"good", result.good()},
      {"step", result.step},
      {"samples", result.samples},
      {"directions", std::move(directions)},
      {"noticed", result.noticed ? json_number(*result.noticed) : Json(nullptr)},
      {"backends",
       {{"samples", result.compared_samples}, {"largest_relative", json_number(result.largest_relative)}, {"difference", worst}}},
      {"non_finite", result.non_finite.empty() ? Json(nullptr) : Json(result.non_finite)},
      {"promises", std::move(promises)}};
}

}  // namespace

int command_verify(Session& session) {
  const Model model = prepare_model(session);
  require_model(session, model, "`verify`");
  const Verification result = verify_model(session, model);
  if (session.options.json) {
    print_json(json_of(session, result));
    return result.good() ? status_done : status_numbers;
  }
  std::string text;
  if (!result.directions.empty()) {
    TextTable table({Align::left, Align::right, Align::right, Align::right, Align::left});
    table.add({"d", "gradient", "differences", "error of the gap", ""});
    for (const Direction& d : result.directions)
      table.add({d.name, number_text(d.gradient), number_text(d.difference), fmt::format("{:.1e}", d.standard_error),
                 d.agrees ? "" : "they differ"});
    text += table.print(session.colour_out);
    text += fmt::format("\ncentral differences with step {:.3g}, {} samples\n", result.step, result.samples);
    if (result.noticed) {
      const double percent = 100 * *result.noticed;
      text += percent < 100
                  ? fmt::format("an error of {:.2g} % of the gradient would be noticed, with probability 0.98\n", percent)
                  : "the gradient is lost in the noise: only an error larger than itself would be noticed; more "
                    "--samples see more\n";
    }
  }
  if (result.worst)
    text += fmt::format("native code and interpreter differ in {}: {:.17g} and {:.17g}\n", result.worst->what,
                        result.worst->native, result.worst->interpreted);
  else
    text += fmt::format("native code and interpreter agree to {:.0e} on {} samples\n", result.allowed, result.compared_samples);
  if (!result.non_finite.empty()) text += fmt::format("not finite: {}\n", result.non_finite);
  for (const BrokenPromise& promise : result.promises)
    text += fmt::format("the promise of `nonzero`{} is broken: {}\n", place_text(session, promise.span), promise.what);
  print_out(text);
  return result.good() ? status_done : status_numbers;
}

}  // namespace alea
