// Typed indices. Every table of the project is indexed by its own Id type, so that a node of one
// table cannot be used to look into another. An Id is never a pointer: it survives growth of its
// table, prints, compares and hashes.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <vector>

namespace alea {

template <class Tag>
struct Id {
  uint32_t index = UINT32_MAX;
  explicit operator bool() const { return index != UINT32_MAX; }
  auto operator<=>(const Id&) const = default;
};

// A table keyed by Id: facts that sit beside another table, or that table itself.
template <class IdType, class Value>
class Table {
 public:
  Table() = default;
  explicit Table(size_t size, Value value = Value{}) : values_(size, value) {}
  IdType add(Value value) {
    values_.push_back(std::move(value));
    return IdType{static_cast<uint32_t>(values_.size() - 1)};
  }
  typename std::vector<Value>::reference operator[](IdType id) { return values_[id.index]; }
  typename std::vector<Value>::const_reference operator[](IdType id) const { return values_[id.index]; }
  size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  void resize(size_t size, Value value = Value{}) { values_.resize(size, value); }
  auto begin() { return values_.begin(); }
  auto end() { return values_.end(); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  Value& back() { return values_.back(); }

 private:
  std::vector<Value> values_;
};

}  // namespace alea

template <class Tag>
struct std::hash<alea::Id<Tag>> {
  size_t operator()(alea::Id<Tag> id) const noexcept { return std::hash<uint32_t>{}(id.index); }
};
