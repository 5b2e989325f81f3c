#include "store/file.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

namespace oegate::store {
namespace {

constexpr int kApplicationId = 0x6f656731;  // "oeg1"
constexpr const char* kSchema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE peers (own TEXT NOT NULL, peer TEXT NOT NULL, local TEXT NOT NULL, remote TEXT NOT NULL,"
    " verdict TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (own, peer)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sticky (destination TEXT NOT NULL PRIMARY KEY, times INTEGER NOT NULL,"
    " last INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 1868916529;"
    "PRAGMA user_version = 1;"
    "COMMIT;";
static_assert(kApplicationId == 1868916529 && kSchemaVersion == 1);

using Error = File::Error;

struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Statement prepare_statement(sqlite3* db, const char* sql) {
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
    return Statement(raw);
}

void bind_value(sqlite3_stmt* statement, int at, const std::string& text) {
    sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}
void bind_value(sqlite3_stmt* statement, int at, std::int64_t number) {
    sqlite3_bind_int64(statement, at, number);
}

std::string text_at(sqlite3_stmt* statement, int column) {
    const auto* text = sqlite3_column_text(statement, column);
    const auto len = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text), len);
}

/// SQLite takes a file of a few bytes for an empty one, and would write over it. A page
/// of zeros is for SQLite to judge: its log may have the rest.
bool looks_ours(int fd) {
    char start[16] = {};
    const ssize_t len = ::pread(fd, start, sizeof start, 0);
    return len == 0 || std::memcmp(start, "SQLite format 3", sizeof start) == 0 ||
           (len == sizeof start && std::all_of(start, start + sizeof start, [](char c) { return c == 0; }));
}

/// As Identity::text() writes it.
std::optional<Identity> identity_of(const std::string& text) {
    if (text.size() > 1 && text.front() == '@') return Identity::of_name(text.substr(1));
    const auto address = Address::parse(text);
    return address ? std::optional(Identity::of(*address)) : std::nullopt;
}

std::optional<Verdict> verdict_of(const std::string& text) {
    for (const Verdict verdict : {Verdict::secure, Verdict::insecure, Verdict::bogus, Verdict::indeterminate})
        if (text == to_text(verdict)) return verdict;
    return std::nullopt;
}

/// From 1970 to the year 9999: arithmetic on it cannot overflow.
bool is_time(std::int64_t seconds) {
    return seconds >= 0 && seconds <= 253'402'300'799;
}

std::optional<PeerRecord> peer_at(sqlite3_stmt* row) {
    const auto own = identity_of(text_at(row, 0));
    const auto peer = identity_of(text_at(row, 1));
    const auto local = Address::parse(text_at(row, 2));
    const auto remote = Address::parse(text_at(row, 3));
    const auto verdict = verdict_of(text_at(row, 4));
    const std::int64_t since = sqlite3_column_int64(row, 5);
    if (!own || !peer || !local || !remote || !verdict || local->family() != remote->family() ||
        !is_time(since))
        return std::nullopt;
    return PeerRecord{*own, *peer, *local, *remote, *verdict, since};
}

std::optional<StickyRecord> sticky_at(sqlite3_stmt* row) {
    const auto destination = Address::parse(text_at(row, 0));
    const std::int64_t times = sqlite3_column_int64(row, 1);
    const std::int64_t last = sqlite3_column_int64(row, 2);
    if (!destination || times < 0 || times > UINT32_MAX || !is_time(last)) return std::nullopt;
    return StickyRecord{*destination, static_cast<std::uint32_t>(times), last};
}

struct Bind {
    sqlite3* db;
    Statement operator()(const PutPeer& put) const {
        auto s = prepare_statement(db, "INSERT OR REPLACE INTO peers VALUES (?,?,?,?,?,?)");
        const PeerRecord& r = put.record;
        bind_value(s.get(), 1, r.own.text());
        bind_value(s.get(), 2, r.peer.text());
        bind_value(s.get(), 3, r.local.text());
        bind_value(s.get(), 4, r.remote.text());
        bind_value(s.get(), 5, std::string(to_text(r.verdict)));
        bind_value(s.get(), 6, r.since);
        return s;
    }
    Statement operator()(const RemovePeer& remove) const {
        auto s = prepare_statement(db, "DELETE FROM peers WHERE own = ? AND peer = ?");
        bind_value(s.get(), 1, remove.own.text());
        bind_value(s.get(), 2, remove.peer.text());
        return s;
    }
    Statement operator()(const PutSticky& put) const {
        auto s = prepare_statement(db, "INSERT OR REPLACE INTO sticky VALUES (?,?,?)");
        bind_value(s.get(), 1, put.record.destination.text());
        bind_value(s.get(), 2, std::int64_t{put.record.times});
        bind_value(s.get(), 3, put.record.last);
        return s;
    }
    Statement operator()(const RemoveSticky& remove) const {
        auto s = prepare_statement(db, "DELETE FROM sticky WHERE destination = ?");
        bind_value(s.get(), 1, remove.destination.text());
        return s;
    }
};

}  // namespace

File::~File() {
    sqlite3_close_v2(db_);
}

Error File::failure(const std::string& doing) const {
    const int code = sqlite3_extended_errcode(db_) & 0xff;
    Error error;
    error.kind = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? Error::Kind::damaged
                 : code == SQLITE_BUSY || code == SQLITE_LOCKED  ? Error::Kind::in_use
                                                                 : Error::Kind::unusable;
    error.text = fmt::format("{}: {}: {}", path_, doing, sqlite3_errmsg(db_));
    if (error.kind == Error::Kind::in_use)
        error.text += "; is another oegated running with this management.state-directory?";
    return error;
}

std::optional<Error> File::run(const char* sql) {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return std::nullopt;
    return failure("cannot be used");
}

Result<std::unique_ptr<File>, Error> File::open(const std::string& path) {
    std::unique_ptr<File> file(new File(path));
    // Made here, so that nobody else may read it for even an instant.
    const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (made < 0)
        return fail(Error{Error::Kind::unusable, fmt::format("{}: {}", path, std::strerror(errno))});
    const bool foreign = !looks_ours(made);
    if (!foreign) ::fchmod(made, 0600);  // whoever copied it back: its log gets the same mode
    ::close(made);
    if (foreign) return fail(Error{Error::Kind::damaged, path + ": is not a file of oegate's"});
    if (sqlite3_open_v2(path.c_str(), &file->db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) !=
        SQLITE_OK)
        return fail(file->failure("cannot be opened"));
    if (auto error = file->prepare()) return fail(*error);
    return file;
}

std::optional<Error> File::prepare() {
    if (auto error = run("PRAGMA locking_mode = EXCLUSIVE;"
                         "PRAGMA journal_mode = WAL;"
                         "PRAGMA synchronous = FULL;"
                         "PRAGMA trusted_schema = OFF;"))
        return error;
    const auto number = [&](const char* sql) {
        const Statement statement = prepare_statement(db_, sql);
        return statement && sqlite3_step(statement.get()) == SQLITE_ROW
                   ? std::optional(sqlite3_column_int64(statement.get(), 0))
                   : std::nullopt;
    };
    const auto tables = number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return failure("cannot be read");
    if (*tables == 0) return run(kSchema);
    const auto version = number("PRAGMA user_version");
    if (number("PRAGMA application_id") != kApplicationId || !version || *version < 1)
        return Error{Error::Kind::damaged, path_ + ": is not a file of oegate's"};
    if (*version > kSchemaVersion)
        return Error{Error::Kind::newer,
                     fmt::format("{}: was written by a later oegate (version {} of the file, known is {}); "
                                 "it is left as it is and not used",
                                 path_, *version, kSchemaVersion)};
    const Statement check = prepare_statement(db_, "PRAGMA quick_check(1)");
    if (!check || sqlite3_step(check.get()) != SQLITE_ROW) return failure("cannot be read");
    if (const std::string said = text_at(check.get(), 0); said != "ok")
        return Error{Error::Kind::damaged, path_ + ": " + said};
    return std::nullopt;
}

Result<Contents, Error> File::load() {
    Contents contents;
    const auto read = [&](const char* sql, auto& list, auto parse) {
        const Statement statement = prepare_statement(db_, sql);
        int code = statement ? SQLITE_ROW : SQLITE_ERROR;
        while (statement && (code = sqlite3_step(statement.get())) == SQLITE_ROW) {
            if (list.size() >= kMaxRows) return SQLITE_DONE;
            if (const auto record = parse(statement.get()))
                list.push_back(*record);
            else
                ++num_unreadable_;
        }
        return code;
    };
    if (read("SELECT own, peer, local, remote, verdict, since FROM peers ORDER BY since DESC", contents.peers,
             peer_at) != SQLITE_DONE ||
        read("SELECT destination, times, last FROM sticky", contents.sticky, sticky_at) != SQLITE_DONE)
        return fail(failure("cannot be read"));
    return contents;
}

Result<void, Error> File::write(std::span<const Action> actions) {
    if (auto error = run("BEGIN IMMEDIATE")) return fail(*error);
    for (const Action& action : actions) {
        const Statement statement = std::visit(Bind{db_}, action);
        if (statement && sqlite3_step(statement.get()) == SQLITE_DONE) continue;
        Error error = failure("cannot be written");
        run("ROLLBACK");
        return fail(std::move(error));
    }
    if (auto error = run("COMMIT")) {
        run("ROLLBACK");
        return fail(*error);
    }
    return {};
}

Opened open(const std::string& directory, std::int64_t now) {
    Opened opened;
    std::error_code made;
    const bool is_new = std::filesystem::create_directories(directory, made);
    if (is_new && !made) ::chmod(directory.c_str(), 0700);
    const std::string path = directory + "/state.db";
    constexpr std::string_view kConsequence =
        "; what is learned is not kept over a restart, see management.state-directory";
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto file = File::open(path);
        auto contents = file ? (*file)->load() : fail(file.error());
        if (contents) {
            opened.file = std::move(*file);
            opened.contents = std::move(*contents);
            if (const std::size_t lost = opened.file->num_unreadable())
                opened.remarks.push_back(
                    fmt::format("{}: {} rows that are not well-formed are left out", path, lost));
            return opened;
        }
        const Error error = contents.error();
        if (error.kind != Error::Kind::damaged || attempt == 1) {
            opened.alarm = error.text + std::string(kConsequence);
            return opened;
        }
        file = fail(error);  // closes it
        const std::string aside = fmt::format("{}.damaged-{}", path, now);
        for (const char* part : {"", "-wal", "-journal", "-shm"})
            if (::rename((path + part).c_str(), (aside + part).c_str()) != 0 && errno != ENOENT) {
                opened.alarm = fmt::format("{}; it cannot be moved to {} ({}){}", error.text, aside,
                                           std::strerror(errno), kConsequence);
                return opened;
            }
        opened.remarks.push_back(fmt::format(
            "{}; moved to {}, and a new one is begun: peers of before are not told of this restart",
            error.text, aside));
    }
    return opened;
}

}  // namespace oegate::store
