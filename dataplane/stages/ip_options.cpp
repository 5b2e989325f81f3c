#include "stages/ip_options.hpp"

namespace oegate {

/// RFC 7126 §4.1 leaves it to policy; ours is that nobody who needs security sends them.
Drop judge_options(ByteView) {
    return Drop::ip_options;
}

}  // namespace oegate
