/* A crash tells its signal and our version: neither addresses nor registers, which may hold what
 * somebody sent. Everything is made before, as a handler may not do much. The alternate stack is
 * the main thread's; workers answer on their own. */
#include "main/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define TEXT_OF(x) #x
#define LINE(number)                                                                               \
    {                                                                                              \
        number, "drehkreuz: crash: signal " TEXT_OF(number) ", version " DREHKREUZ_VERSION "\n"    \
    }

/* In the words of the catalogue, base/events.h. */
static const struct crash_line {
    int signal;
    const char *text;
} lines[] = {
    LINE(SIGSEGV), LINE(SIGBUS), LINE(SIGILL), LINE(SIGFPE), LINE(SIGABRT), LINE(SIGSYS),
};

/* By then the signal has its default action again. */
static void tell(int signal)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (lines[i].signal == signal &&
            write(STDERR_FILENO, lines[i].text, strlen(lines[i].text)) < 0)
            break;
    }
    raise(signal);
}

/* The journal reads the level from here, sd-daemon(3). */
static void tell_journal(int signal)
{
    if (write(STDERR_FILENO, "<2>", 3) == 3)
        tell(signal);
    raise(signal);
}

static bool use_own_stack(void)
{
    enum { STACK = 1 << 16 };
    stack_t stack = {.ss_sp = mem_zalloc(STACK), .ss_size = STACK};

    return stack.ss_sp && sigaltstack(&stack, NULL) == 0;
}

void crash_watch(void)
{
    struct sigaction act = {.sa_handler = getenv("JOURNAL_STREAM") ? tell_journal : tell,
                            .sa_flags = (int)SA_RESETHAND | SA_NODEFER};

    if (MEM_IS_WATCHED)
        return;
    if (use_own_stack())
        act.sa_flags |= SA_ONSTACK;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        sigaction(lines[i].signal, &act, NULL);
}
