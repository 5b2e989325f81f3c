// The operator's commands are those of the program that was built, in a process of its own.
#include "operator.hpp"

namespace operating {
namespace {

Outcome run(const char* program, const Directory& directory, const std::vector<std::string>& arguments) {
    const std::string out = directory.file("out");
    const std::string err = directory.file("err");
    std::vector<const char*> argv{program};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    argv.push_back(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (freopen(out.c_str(), "w", stdout) == nullptr || freopen(err.c_str(), "w", stderr) == nullptr)
            _exit(126);
        execv(program, const_cast<char* const*>(argv.data()));
        _exit(127);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return {WEXITSTATUS(status), contents(out), contents(err)};
}

}  // namespace

Outcome oegate(const Directory& directory, const std::vector<std::string>& arguments) {
    return run(OEGATE_PROGRAM, directory, arguments);
}

Outcome oegated(const Directory& directory, const std::vector<std::string>& arguments) {
    return run(OEGATE_DAEMON, directory, arguments);
}

}  // namespace operating
