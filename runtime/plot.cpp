// Axes end at round numbers: steps of 1, 2 or 5 times a power of ten.
#include "runtime/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace alea {

namespace {

constexpr double width = 720, height = 432, left = 84, right = 24, top = 44, bottom = 56;
// Apart for readers who see few colours too (Okabe and Ito).
constexpr std::array colours{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '&') out += "&amp;";
    else out += c;
  }
  return out;
}

struct Axis {
  double low = 0, high = 1, step = 1;  // multiples of the step
};

Axis axis_over(double low, double high) {
  if (!(low <= high)) return {};
  if (low == high) low -= 0.5, high += 0.5;
  const double rough = (high - low) / 6, power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : rough / power > 1 ? 2 : 1);
  return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
}

// What is drawn in the frame of the two axes.
struct Frame {
  Axis x, y;
  double across(double value) const { return left + (value - x.low) / (x.high - x.low) * (width - left - right); }
  double down(double value) const { return height - bottom - (value - y.low) / (y.high - y.low) * (height - top - bottom); }
  std::string point(double at, double value) const { return fmt::format("{:.2f},{:.2f} ", across(at), down(value)); }
};

std::string grid(const Frame& frame) {
  std::string text;
  const double base = height - bottom;
  for (int k = 0; frame.x.low + k * frame.x.step <= frame.x.high + frame.x.step / 2; ++k) {
    const double value = frame.x.low + k * frame.x.step, at = frame.across(value);
    text += fmt::format(R"(<line class="grid" x1="{0:.2f}" y1="{1}" x2="{0:.2f}" y2="{2}"/>)", at, top, base);
    text += fmt::format(R"(<text x="{:.2f}" y="{}" text-anchor="middle">{:.6g}</text>)", at, base + 18, value) + "\n";
  }
  for (int k = 0; frame.y.low + k * frame.y.step <= frame.y.high + frame.y.step / 2; ++k) {
    const double value = frame.y.low + k * frame.y.step, at = frame.down(value);
    text += fmt::format(R"(<line class="grid" x1="{1}" y1="{0:.2f}" x2="{2}" y2="{0:.2f}"/>)", at, left, width - right);
    text += fmt::format(R"(<text x="{}" y="{:.2f}" text-anchor="end">{:.6g}</text>)", left - 8, at + 4, value) + "\n";
  }
  return text;
}

// The runs of points that follow each other without a gap.
template <class Draw>
void each_run(const Series& series, Draw draw) {
  for (size_t begin = 0; begin < series.x.size();) {
    size_t end = begin;
    while (end < series.x.size() && std::isfinite(series.x[end]) && std::isfinite(series.y[end])) ++end;
    if (end > begin) draw(begin, end);
    begin = std::max(end, begin + 1);
  }
}

double error_of(const Series& series, size_t k) {
  return k < series.error.size() && std::isfinite(series.error[k]) ? series.error[k] : 0;
}

std::string lines(const Frame& frame, const Series& series, const char* colour) {
  std::string text;
  each_run(series, [&](size_t begin, size_t end) {
    if (!series.error.empty()) {
      std::string band;
      for (size_t k = begin; k < end; ++k) band += frame.point(series.x[k], series.y[k] + error_of(series, k));
      for (size_t k = end; k-- > begin;) band += frame.point(series.x[k], series.y[k] - error_of(series, k));
      text += fmt::format(R"(<polygon fill="{}" fill-opacity="0.2" points="{}"/>)", colour, band) + "\n";
    }
    std::string points;
    for (size_t k = begin; k < end; ++k) points += frame.point(series.x[k], series.y[k]);
    text += fmt::format(R"(<polyline fill="none" stroke="{}" stroke-width="{}" stroke-opacity="{}" points="{}"/>)", colour,
                        series.faint ? 1 : 2, series.faint ? 0.5 : 1, points) +
            "\n";
  });
  return text;
}

}  // namespace

std::string draw(const Chart& chart) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double x_low = infinity, x_high = -infinity, y_low = infinity, y_high = -infinity;
  for (const Series& series : chart.series)
    each_run(series, [&](size_t begin, size_t end) {
      for (size_t k = begin; k < end; ++k) {
        const double error = error_of(series, k);
        x_low = std::min(x_low, series.x[k]), x_high = std::max(x_high, series.x[k]);
        y_low = std::min(y_low, series.y[k] - error), y_high = std::max(y_high, series.y[k] + error);
      }
    });
  const Frame frame{axis_over(x_low, x_high), axis_over(y_low, y_high)};

  std::string text =
      fmt::format(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}">)", width, height);
  text += "\n<style>text{font:12px sans-serif;fill:#333}.grid{stroke:#ddd}</style>\n";
  text += fmt::format("<rect width=\"{}\" height=\"{}\" fill=\"#fff\"/>\n", width, height) + grid(frame);
  size_t colour = 0, row = 0;
  std::string legend;
  for (const Series& series : chart.series) {
    const char* stroke = colours[colour++ % colours.size()];
    text += lines(frame, series, stroke);
    if (series.name.empty()) continue;
    const double y = top + 16 + 16 * static_cast<double>(row++);
    legend += fmt::format(R"(<line x1="{0}" y1="{2}" x2="{1}" y2="{2}" stroke="{3}" stroke-width="2" stroke-opacity="{4}"/>)",
                          left + 10, left + 30, y - 4, stroke, series.faint ? 0.5 : 1);
    legend += fmt::format(R"(<text x="{}" y="{}">{}</text>)", left + 36, y, escaped(series.name)) + "\n";
  }
  text += legend;
  text += fmt::format(R"(<text x="{}" y="24" text-anchor="middle" style="font-size:15px">{}</text>)", width / 2,
                      escaped(chart.title)) +
          "\n";
  text += fmt::format(R"(<text x="{}" y="{}" text-anchor="middle">{}</text>)", (left + width - right) / 2, height - 14,
                      escaped(chart.x_label)) +
          "\n";
  text += fmt::format(R"svg(<text transform="translate(18,{}) rotate(-90)" text-anchor="middle">{}</text>)svg",
                      (top + height - bottom) / 2, escaped(chart.y_label));
  return text + "\n</svg>\n";
}

}  // namespace alea
