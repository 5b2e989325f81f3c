// Writes records to the file on a thread of its own, so that no fsync stalls the
// reactor: what comes together goes in one transaction, the last word about each record
// counts. When the disk refuses, records wait (bounded by their number) and are tried
// again; whoever asks is told.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "store/file.hpp"

namespace oegate::store {

class Writer {
  public:
    explicit Writer(std::unique_ptr<File> file);
    /// Writes what waits, once, and ends the thread.
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void submit(Action action);
    std::size_t num_waiting() const;
    std::uint64_t num_written() const;  // records
    /// Why the last transaction failed; empty: it did not.
    std::string trouble() const;

  private:
    using Key = std::pair<int, std::string>;  // kind of record, its name
    using Records = std::map<Key, Action>;
    static Key key_of(const Action& action);
    void work();
    Records take_batch();
    void put_back(Records batch);

    std::unique_ptr<File> file_;
    mutable std::mutex lock_;
    std::condition_variable wake_;
    Records waiting_;
    std::string trouble_;
    std::uint64_t num_written_ = 0;
    std::uint64_t num_lost_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace oegate::store
