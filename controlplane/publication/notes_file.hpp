// The notes of a key rollover as a file beside the key: written aside, synced, renamed,
// so that it is whole at every instant. It holds public keys and times, no secret.
#pragma once

#include <string>

#include "base/result.hpp"
#include "publication/rollover.hpp"

namespace oegate::publication {

/// One JSON document.
std::string encode_notes(const rollover::Notes& notes);
/// The error says what is wrong. Never throws, whatever the text holds.
Result<rollover::Notes, std::string> decode_notes(const std::string& text);

/// No file: no rollover (State::none).
Result<rollover::Notes, std::string> load_notes(const std::string& path);
Result<void, std::string> save_notes(const std::string& path, const rollover::Notes& notes);

}  // namespace oegate::publication
