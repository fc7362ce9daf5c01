/* The one door to the heap. Tests make the n-th call fail and count what is still alive. */
#ifndef RELAY_BASE_MEM_H
#define RELAY_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* n bytes of zeroes, or NULL. Release with mem_free. */
void *mem_zalloc(size_t n);

/* Accepts NULL. */
void mem_free(void *p);

/* As mem_free, after overwriting the n bytes: for whatever named a person. Accepts NULL. */
void mem_free_wiped(void *p, size_t n);

/* Tests only: the call after n further successful ones fails, once; -1 = never. */
void mem_fail_after(int64_t n);

/* Tests only: blocks handed out and not yet freed. */
int64_t mem_live(void);

#endif
