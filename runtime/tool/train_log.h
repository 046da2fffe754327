// The log of a training run: one JSON object a line, for a step or for an evaluation. A run that goes on from a
// checkpoint keeps the lines up to its step and writes the others anew. What cannot be written is a FileError.
#pragma once
#include <fstream>
#include <string>

#include "runtime/learn/train.h"
#include "runtime/tool/session.h"

namespace alea {

class TrainLog {
 public:
  // `resumed`: the checkpoint's step; below 0, the log begins anew. An empty path keeps no log.
  TrainLog(std::string path, int64_t resumed);
  void add(const StepRecord&, const std::string& loss);  // `loss` is empty where there is one
  void add(const CurvePoint&);
  void flush();

 private:
  void write(const Json&);
  std::string path_;
  std::ofstream file_;
};

Json evaluation_json(const CurvePoint&);
// The evaluations of a log's text; a FileError with `name` where it is none.
std::vector<CurvePoint> read_log(const std::string& text, const std::string& name);

}  // namespace alea
