// Preloaded into User-Mode Linux by uml.sh. On a processor with AMX the host demands
// the whole extended state, 11 KiB, of PTRACE_SETREGSET, and Debian 12's linux.uml
// (6.1) hands in less: every guest dies at its first process with "ptrace set fp regs
// failed". Here what it hands in is laid over the state that the process has.
#include <dlfcn.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <cstdarg>
#include <cstring>

extern "C" long ptrace(enum __ptrace_request request, ...) {
    va_list arguments;
    va_start(arguments, request);
    const long pid = va_arg(arguments, long);
    void* address = va_arg(arguments, void*);
    void* data = va_arg(arguments, void*);
    va_end(arguments);
    using Ptrace = long (*)(int, long, void*, void*);
    static const auto real = reinterpret_cast<Ptrace>(dlsym(RTLD_NEXT, "ptrace"));
    if (request == PTRACE_SETREGSET && reinterpret_cast<long>(address) == NT_X86_XSTATE) {
        const auto* partial = static_cast<const iovec*>(data);
        alignas(64) static thread_local unsigned char state[32768];
        iovec whole{state, sizeof state};
        if (real(PTRACE_GETREGSET, pid, address, &whole) == 0 && whole.iov_len > partial->iov_len) {
            std::memcpy(state, partial->iov_base, partial->iov_len);
            return real(PTRACE_SETREGSET, pid, address, &whole);
        }
    }
    return real(static_cast<int>(request), pid, address, data);
}
