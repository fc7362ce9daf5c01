/* Preloaded into a server: it cannot take the limit of its core away from itself, so that only its
 * other precautions are left. */
#include <dlfcn.h>
#include <sys/resource.h>

typedef int limit_fn(__rlimit_resource_t, const struct rlimit64 *);

int setrlimit64(__rlimit_resource_t what, const struct rlimit64 *limit)
{
    limit_fn *real = (limit_fn *)dlsym(RTLD_NEXT, "setrlimit64");
    return what == RLIMIT_CORE ? 0 : real(what, limit);
}

/* The two are one where long has 64 bits; which of them is called is the compiler's flags'. */
int setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
    return setrlimit64(what, (const struct rlimit64 *)limit);
}
