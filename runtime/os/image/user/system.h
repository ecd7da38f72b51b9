/* The system calls, which are all that a process can use. It has no initialised data. */
#ifndef INGRESS_SYSTEM_H
#define INGRESS_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include "calls.h"

#define ALWAYS (~0UL)
#define LOOPBACK 0x7f000001u
#define TCP 6

static inline int64_t system4(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  register uint64_t a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d, a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
  return (int64_t)a0;
}

/* Waits until there is an event for this process, or until `deadline`. */
static inline void wait(uint64_t deadline) { system4(CALL_WAIT, deadline, 0, 0, 0); }
/* Returns 0 if the process now has the port. */
static inline int64_t bind(uint32_t proto, uint32_t address, uint32_t port) { return system4(CALL_BIND, proto, address, port, 0); }
/* Gives the port back; from then on nobody new is connected. */
static inline int64_t unbind(uint32_t port) { return system4(CALL_UNBIND, port, 0, 0, 0); }
/* The next connection, or 0. */
static inline uint32_t accept(void) { return (uint32_t)system4(CALL_ACCEPT, 0, 0, 0, 0); }
/* Returns the bytes copied; 0: none now, -1: the other side has ended, -2: it is gone. */
static inline int64_t read(uint32_t connection, void *to, size_t bytes) { return system4(CALL_READ, (uint64_t)to, bytes, connection, 0); }
static inline int64_t write(uint32_t connection, const void *from, size_t bytes) { return system4(CALL_WRITE, (uint64_t)from, bytes, connection, 0); }
static inline void finish(uint32_t connection) { system4(CALL_FINISH, connection, 0, 0, 0); }

#endif
