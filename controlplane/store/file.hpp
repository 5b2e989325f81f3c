// The store's file, one SQLite database: state.db in management.state-directory. Blocks:
// called at start, and then by the writer's thread only. Knows nothing of peers' lives.
//
// Journal: WAL with synchronous=FULL. A transaction is on disk when write() returns (one
// fsync of the WAL), and whatever instant the process or the machine dies at, opening
// recovers the last whole transaction. locking_mode=EXCLUSIVE: no second daemon shares
// the directory, and WAL needs no shared memory.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "store/records.hpp"

struct sqlite3;

namespace oegate::store {

inline constexpr int kSchemaVersion = 1;
/// More rows than that are not read: the bounds of who wrote them are lower.
inline constexpr std::size_t kMaxRows = 1'000'000;

class File {
  public:
    struct Error {
        enum class Kind : std::uint8_t {
            damaged,   // no database of ours, or one that is not whole
            newer,     // of a later version: left as it is
            in_use,    // by another process
            unusable,  // directory or file cannot be written, disk full, …
        };
        Kind kind = Kind::unusable;
        std::string text;  // names the file, and what to do
    };
    static Result<std::unique_ptr<File>, Error> open(const std::string& path);
    ~File();
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    /// Rows that are not well-formed are left out and counted.
    Result<Contents, Error> load();
    /// One transaction: all of them or none.
    Result<void, Error> write(std::span<const Action> actions);
    std::size_t num_unreadable() const { return num_unreadable_; }

  private:
    explicit File(std::string path) : path_(std::move(path)) {}
    std::optional<Error> prepare();
    std::optional<Error> run(const char* sql);
    Error failure(const std::string& doing) const;

    std::string path_;
    sqlite3* db_ = nullptr;
    std::size_t num_unreadable_ = 0;
};

/// The file of a state directory, whatever state it was found in. A damaged one is moved
/// aside, never deleted, and a new one begun; without a usable one there is no `file`.
struct Opened {
    std::unique_ptr<File> file;
    Contents contents;
    std::vector<std::string> remarks;  // for the log
    std::string alarm;                 // why nothing is kept; empty: all is well
};
/// now: seconds since the epoch, for the name of what is moved aside.
Opened open(const std::string& directory, std::int64_t now);

}  // namespace oegate::store
