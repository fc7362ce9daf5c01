/* The one door to the heap, which is our own (base/pool.h) and forgets: whatever is freed is
 * overwritten. Tests make the n-th call fail and count what is still alive. */
#ifndef RELAY_BASE_MEM_H
#define RELAY_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Sanitizers see the ends of blocks of the C heap only, so their builds use that; and they report
 * crashes themselves. */
#if defined(__has_feature)
#define MEM_HAS_FEATURE(x) __has_feature(x)
#else
#define MEM_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    MEM_HAS_FEATURE(address_sanitizer) || MEM_HAS_FEATURE(thread_sanitizer) ||                     \
    MEM_HAS_FEATURE(memory_sanitizer)
#define MEM_IS_WATCHED 1
#else
#define MEM_IS_WATCHED 0
#endif

/* n bytes of zeroes, or NULL. Release with mem_free. */
void *mem_zalloc(size_t n);

/* Overwrites the block. Accepts NULL. */
void mem_free(void *p);

/* As mem_free; says where it matters that the n bytes are overwritten. */
void mem_free_wiped(void *p, size_t n);

/* For libraries that are given our heap: as realloc(3). What is added is zeroes, and what is left
 * behind is overwritten. */
void *mem_realloc(void *p, size_t n);

/* Overwrites what calls that have returned have left below the caller's frame: enough for a message
 * to be answered, or as far as a handshake goes. */
enum mem_stack { MEM_STACK_ANSWER = 1 << 13, MEM_STACK_HANDSHAKE = 1 << 16 };
void mem_wipe_stack(enum mem_stack n);

/* Tests only: the call after n further successful ones fails, once; -1 = never. */
void mem_fail_after(int64_t n);

/* Tests only: blocks handed out and not yet freed. */
int64_t mem_live(void);

#endif
