/* Freestanding stub; memory.c defines the four functions. */
#ifndef INGRESS_STRING_H
#define INGRESS_STRING_H
#include <stddef.h>
void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
#endif
