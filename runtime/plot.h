// Line charts as SVG. In: series of points, each with a band around it if it has one. Out: one self-contained picture.
// Points that are not finite break a line. The same series give the same bytes.
#pragma once
#include <string>
#include <vector>

namespace alea {

struct Series {
  std::string name;  // empty: not in the legend
  std::vector<double> x, y;
  std::vector<double> error;  // half the band's height by point; empty: no band
  bool faint = false;
};

struct Chart {
  std::string title, x_label, y_label;
  std::vector<Series> series;
};

std::string draw(const Chart&);

}  // namespace alea
