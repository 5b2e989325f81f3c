// The files of a key rollover, beside the configured key KEY: KEY.next (the new one),
// KEY.old (kept until it is retired) and KEY.rollover (the notes). Every change is one
// rename or unlink, synced, so that there is a whole key at KEY at every instant. Used
// by `oegate key rollover`.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "ike/crypto/rsa.hpp"
#include "publication/rollover.hpp"

namespace oegate::publication {

class KeyFiles {
  public:
    /// Takes the one lock, so that two commands do not work on one key. The error is a
    /// line for the operator.
    static Result<KeyFiles, std::string> open(const std::string& key);
    ~KeyFiles();
    KeyFiles(KeyFiles&& other) noexcept;
    KeyFiles(const KeyFiles&) = delete;
    KeyFiles& operator=(const KeyFiles&) = delete;

    /// A file that is there and no usable key is an error.
    Result<rollover::Files, std::string> read() const;
    /// RSA, of this size, into KEY.next.
    Result<PublicKey, std::string> make_coming(unsigned bits) const;
    /// KEY.next takes KEY's place, which is kept as KEY.old. May be repeated after any
    /// interruption.
    Result<void, std::string> swap() const;
    /// No file is no error: it is gone already.
    Result<void, std::string> remove_kept() const { return remove(kept()); }
    Result<void, std::string> remove_coming() const { return remove(coming()); }

    const std::string& current() const { return key_; }
    std::string coming() const { return key_ + ".next"; }
    std::string kept() const { return key_ + ".old"; }
    std::string notes() const { return key_ + ".rollover"; }

  private:
    KeyFiles(std::string key, int lock) : key_(std::move(key)), lock_(lock) {}
    Result<void, std::string> remove(const std::string& path) const;

    std::string key_;  // with its links followed
    int lock_ = -1;    // on its directory
};

/// nullopt: there is no such file. The error is a line for the operator.
Result<std::optional<std::string>, std::string> read_small_file(const std::string& path, std::size_t most);
/// Writes aside, syncs and renames; mode 0600.
Result<void, std::string> replace_file(const std::string& path, const std::string& text);

}  // namespace oegate::publication
