#include "publication/key_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace oegate::publication {
namespace {

std::string failure(const std::string& path) {
    return fmt::format("{}: {}", path, std::strerror(errno));
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }
    bool close() { return ::close(release()) == 0; }

  private:
    int fd_;
};

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// The names are on disk too.
Result<void, std::string> sync_directory_of(const std::string& path) {
    const std::string directory = directory_of(path);
    const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0 || ::fsync(fd.get()) != 0) return fail(failure(directory));
    return {};
}

Result<std::optional<PublicKey>, std::string> public_of(const std::string& path) {
    const auto key = ike::PrivateKey::load(path);
    if (key) return key->public_key();
    if (key.error().kind == ike::KeyFileError::Kind::missing) return std::nullopt;
    return fail(key.error().detail);
}

}  // namespace

Result<std::optional<std::string>, std::string> read_small_file(const std::string& path, std::size_t most) {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd.get() < 0 && errno == ENOENT) return std::nullopt;
    struct stat status {};
    if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) return fail(failure(path));
    if (!S_ISREG(status.st_mode)) return fail(path + ": not a regular file");
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(failure(path));
        if (got == 0) return text;
        text.append(buffer, static_cast<std::size_t>(got));
        if (text.size() > most) return fail(path + ": too long");
    }
}

Result<void, std::string> replace_file(const std::string& path, const std::string& text) {
    const std::string aside = path + ".new";
    ::unlink(aside.c_str());  // of an interrupted command; the lock is ours
    Descriptor fd(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd.get() < 0) return fail(failure(aside));
    for (std::string_view left = text; !left.empty();) {
        const ssize_t put = ::write(fd.get(), left.data(), left.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return fail(failure(aside));
        left.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::fsync(fd.get()) != 0 || !fd.close() || ::rename(aside.c_str(), path.c_str()) != 0)
        return fail(failure(aside));
    return sync_directory_of(path);
}

Result<KeyFiles, std::string> KeyFiles::open(const std::string& key) {
    // A rename must replace the file itself, not a link to it.
    char real[PATH_MAX];
    if (::realpath(key.c_str(), real) == nullptr) return fail(failure(key));
    const std::string directory = directory_of(real);
    Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return fail(failure(directory));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return fail(errno == EWOULDBLOCK ? directory + ": another oegate key rollover is at work here"
                                         : failure(directory));
    return KeyFiles(real, fd.release());
}

KeyFiles::~KeyFiles() {
    if (lock_ >= 0) ::close(lock_);
}

KeyFiles::KeyFiles(KeyFiles&& other) noexcept
    : key_(std::move(other.key_)), lock_(std::exchange(other.lock_, -1)) {}

Result<rollover::Files, std::string> KeyFiles::read() const {
    auto current_key = public_of(current());
    if (!current_key) return fail(current_key.error());
    auto coming_key = public_of(coming());
    if (!coming_key) return fail(coming_key.error());
    auto kept_key = public_of(kept());
    if (!kept_key) return fail(kept_key.error());
    return rollover::Files{std::move(*current_key), std::move(*coming_key), std::move(*kept_key)};
}

Result<PublicKey, std::string> KeyFiles::make_coming(unsigned bits) const {
    const auto key = ike::PrivateKey::generate(bits);
    if (!key) return fail(key.error().detail);
    // A key that was cut off half written must not look like one.
    const std::string aside = coming() + ".new";
    ::unlink(aside.c_str());
    if (const auto written = key->write(aside); !written) return fail(written.error().detail);
    if (::link(aside.c_str(), coming().c_str()) != 0) {  // unlike rename, never over another key
        const std::string why = failure(coming());
        ::unlink(aside.c_str());
        return fail(why);
    }
    ::unlink(aside.c_str());
    if (const auto synced = sync_directory_of(key_); !synced) return fail(synced.error());
    return key->public_key();
}

Result<void, std::string> KeyFiles::swap() const {
    if (::link(key_.c_str(), kept().c_str()) != 0) {
        if (errno != EEXIST) return fail(failure(kept()));
        const auto files = read();
        if (!files) return fail(files.error());
        if (files->kept != files->current)
            return fail(kept() + ": is another key's; move it away, it may be the only copy");
    }
    if (const auto synced = sync_directory_of(key_); !synced) return synced;
    if (::rename(coming().c_str(), key_.c_str()) != 0) return fail(failure(coming()));
    return sync_directory_of(key_);
}

Result<void, std::string> KeyFiles::remove(const std::string& path) const {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(failure(path));
    return sync_directory_of(path);
}

}  // namespace oegate::publication
