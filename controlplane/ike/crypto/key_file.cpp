// The gateway's private key: PEM files, generation. Signing is in rsa.cpp.
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/secret.hpp"
#include "ike/crypto/private_key.hpp"

namespace oegate::ike {
namespace {

using Kind = KeyFileError::Kind;
constexpr std::size_t kMaxFileLen = 65536;

auto failed(Kind kind, std::string detail) {
    return fail(KeyFileError{kind, std::move(detail)});
}

class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const { return descriptor_; }
    bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

  private:
    int descriptor_;
};

/// The checked bytes of a key file.
Result<Secret, KeyFileError> read_file(const std::string& path) {
    File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) {
        const Kind kind = errno == ENOENT || errno == ENOTDIR ? Kind::missing : Kind::unreadable;
        return failed(kind, fmt::format("{}: {}{}", path, std::strerror(errno),
                                        kind == Kind::missing ? "; make one with: oegate key generate" : ""));
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return failed(Kind::unreadable, fmt::format("{}: not a regular file", path));
    if (status.st_mode & 077)
        return failed(Kind::permissions, fmt::format("{}: mode {:04o} lets others use the key; chmod 600 it",
                                                     path, status.st_mode & 07777));
    Secret text(kMaxFileLen);
    std::size_t len = 0;
    while (len < text.size()) {
        const ssize_t got = ::read(file.get(), text.mutable_view().data() + len, text.size() - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(Kind::unreadable, fmt::format("{}: {}", path, std::strerror(errno)));
        if (got == 0) break;
        len += static_cast<std::size_t>(got);
    }
    if (len == text.size()) return failed(Kind::not_a_key, fmt::format("{}: too long for a key", path));
    return Secret(text.view().first(len));
}

/// Never asks: an encrypted key is an error, not a prompt.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

/// The whole text is written and on disk.
bool write_all(File& file, ByteView text) {
    while (!text.empty()) {
        const ssize_t put = ::write(file.get(), text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        text = text.subspan(static_cast<std::size_t>(put));
    }
    return ::fsync(file.get()) == 0 && file.close();
}

/// The new name is on disk too.
void sync_directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    File file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (file.get() >= 0) ::fsync(file.get());
}

}  // namespace

PrivateKey::PrivateKey(std::shared_ptr<const Key> key)
    : key_(std::move(key)),
      public_key_(rfc3110_of(key_->pkey.get())),
      bits_(static_cast<unsigned>(EVP_PKEY_get_bits(key_->pkey.get()))) {}

Result<PrivateKey, KeyFileError> PrivateKey::from_pem(std::string_view pem) {
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!bio) return failed(Kind::library, "out of memory");
    PkeyPtr pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    if (!pkey) return failed(Kind::not_a_key, "no PEM private key that can be read without a passphrase");
    if (!EVP_PKEY_is_a(pkey.get(), "RSA")) {
        const char* name = EVP_PKEY_get0_type_name(pkey.get());
        return failed(Kind::not_rsa, fmt::format("an {} key; an RSA key is needed", name ? name : "unknown"));
    }
    const int bits = EVP_PKEY_get_bits(pkey.get());
    if (bits < static_cast<int>(kMinRsaBits) || bits > static_cast<int>(kMaxRsaBits))
        return failed(Kind::size,
                      fmt::format("{} bits; {} to {} are needed", bits, kMinRsaBits, kMaxRsaBits));
    return PrivateKey(std::make_shared<const Key>(Key{std::move(pkey)}));
}

Result<PrivateKey, KeyFileError> PrivateKey::load(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return fail(text.error());
    auto key = from_pem({reinterpret_cast<const char*>(text->view().data()), text->size()});
    if (!key) return failed(key.error().kind, fmt::format("{}: {}", path, key.error().detail));
    return key;
}

Result<PrivateKey, KeyFileError> PrivateKey::generate(unsigned bits) {
    if (bits < kMinRsaBits || bits > kMaxRsaBits)
        return failed(Kind::size,
                      fmt::format("{} bits; {} to {} are needed", bits, kMinRsaBits, kMaxRsaBits));
    PkeyPtr pkey(EVP_RSA_gen(bits));
    if (!pkey) return failed(Kind::library, "the library made no key");
    return PrivateKey(std::make_shared<const Key>(Key{std::move(pkey)}));
}

Result<void, KeyFileError> PrivateKey::write(const std::string& path) const {
    const BioPtr bio(BIO_new(BIO_s_secmem()));
    if (!bio ||
        !PEM_write_bio_PKCS8PrivateKey(bio.get(), key_->pkey.get(), nullptr, nullptr, 0, nullptr, nullptr))
        return failed(Kind::library, "the library wrote no PEM");
    char* data = nullptr;
    const long len = BIO_get_mem_data(bio.get(), &data);
    File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) {
        const Kind kind = errno == EEXIST ? Kind::exists : Kind::unwritable;
        return failed(kind, fmt::format("{}: {}", path,
                                        kind == Kind::exists ? "already there, not overwritten"
                                                             : std::strerror(errno)));
    }
    if (!write_all(file, {reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(len)})) {
        const int error = errno;
        ::unlink(path.c_str());
        return failed(Kind::unwritable, fmt::format("{}: {}", path, std::strerror(error)));
    }
    sync_directory_of(path);
    return {};
}

}  // namespace oegate::ike
