// What an object that owns kernel sockets needs of the event loop. The reactor
// implements it; the DNS transport, the management server and tests use it. It
// owns no descriptor and never closes one.
#pragma once

#include <functional>

namespace oegate::loop {

class IoWatcher {
  public:
    virtual ~IoWatcher() = default;
    /// Calls ready on the control thread whenever fd is readable (or also writable,
    /// with want_write), has an error or was hung up: level-triggered, until
    /// unwatch. Watching a watched fd replaces want_write and ready.
    virtual void watch(int fd, bool want_write, std::function<void()> ready) = 0;
    /// Before the fd is closed; allowed from inside any ready(), its own included,
    /// after which a readiness already collected for fd is not delivered.
    virtual void unwatch(int fd) = 0;
};

}  // namespace oegate::loop
