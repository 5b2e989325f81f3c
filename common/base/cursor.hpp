// Bounds-checked reading and writing of wire formats. A Reader never runs past its
// end: the first failed read makes it fail for good, so that a codec may read a
// whole header and test ok() once.
#pragma once

#include <cstring>

#include "base/bytes.hpp"

namespace oegate {

class Reader {
  public:
    explicit Reader(ByteView bytes) : bytes_(bytes) {}

    bool ok() const { return ok_; }
    std::size_t remaining() const { return ok_ ? bytes_.size() - at_ : 0; }
    /// Offset of the next byte from the start.
    std::size_t offset() const { return at_; }
    bool done() const { return ok_ && at_ == bytes_.size(); }

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    /// The next num_bytes; empty and !ok() when there are fewer.
    ByteView take(std::size_t num_bytes) {
        if (!ok_ || num_bytes > bytes_.size() - at_) {
            ok_ = false;
            return {};
        }
        const ByteView part = bytes_.subspan(at_, num_bytes);
        at_ += num_bytes;
        return part;
    }
    ByteView rest() { return take(remaining()); }
    void skip(std::size_t num_bytes) { take(num_bytes); }

  private:
    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        for (std::uint8_t byte : take(width)) value = value << 8 | byte;
        return value;
    }
    ByteView bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

class Writer {
  public:
    Writer& u8(std::uint8_t value) { return number(value, 1); }
    Writer& u16(std::uint16_t value) { return number(value, 2); }
    Writer& u32(std::uint32_t value) { return number(value, 4); }
    Writer& u64(std::uint64_t value) { return number(value, 8); }
    Writer& put(ByteView bytes) {
        append(out_, bytes);
        return *this;
    }
    Writer& zeros(std::size_t num_bytes) {
        out_.resize(out_.size() + num_bytes);
        return *this;
    }
    std::size_t size() const { return out_.size(); }
    /// Overwrites two bytes already written, for lengths known only afterwards.
    void set_u16(std::size_t at, std::uint16_t value) {
        out_.at(at) = static_cast<std::uint8_t>(value >> 8);
        out_.at(at + 1) = static_cast<std::uint8_t>(value);
    }
    void set_u32(std::size_t at, std::uint32_t value) {
        set_u16(at, static_cast<std::uint16_t>(value >> 16));
        set_u16(at + 2, static_cast<std::uint16_t>(value));
    }
    void set_u8(std::size_t at, std::uint8_t value) { out_.at(at) = value; }
    ByteView view() const { return out_; }
    Bytes take() && { return std::move(out_); }

  private:
    Writer& number(std::uint64_t value, int width) {
        for (int i = width - 1; i >= 0; --i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        return *this;
    }
    Bytes out_;
};

}  // namespace oegate
