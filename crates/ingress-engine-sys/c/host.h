/* The freestanding host of a compiled policy: the engine's pinned C, one page of memory, and the
 * tables of a policy, which are loaded separately. docs/os.md describes its build and its guarantees.
 *
 * Addresses are four words, most significant first; IPv4 is {0, 0, 0xffff, address}. Subjects are
 * FNV-1a-64 of the service's name, and never taken from a payload. The host supports one thread and
 * must not be called from an interrupt handler, because a nested call poisons it. */
#ifndef INGRESS_HOST_H
#define INGRESS_HOST_H

#include <stddef.h>
#include <stdint.h>

#define INGRESS_MEMORY_BYTES 65536

/* Why a policy was not loaded; 0 if it was. */
enum {
  INGRESS_LOADED = 0,
  INGRESS_SHORT = 1,    /* the length is not that of the head and the tables it announces */
  INGRESS_MAGIC = 2,    /* not policy data, or another format */
  INGRESS_VERSION = 3,  /* the engine does not read tables of this version */
  INGRESS_ENGINE = 4,   /* the tables are for another engine */
  INGRESS_MANIFEST = 5, /* not a manifest, or the manifest of another policy */
  INGRESS_TABLES = 6,   /* `validate` refused the tables: damaged, or out of bounds */
  INGRESS_TWICE = 7,    /* a policy is already loaded; loading another would reset limits */
  INGRESS_POISONED = 8, /* the engine trapped */
};

struct ingress_answer {
  int32_t verdict; /* INGRESS_DENY, _ALLOW, _OPEN (the name comes next) or _IDENTITY */
  int32_t reason;
  int32_t code;
  int32_t rule; /* canonical number, or -1 */
  uint32_t listener; /* only of ingress_hello: the listener that decided, or the group if none did */
};

/* `data` is policy.bin and `manifest` policy.manifest.json, complete and unchanged; `seed` is 128
 * unpredictable bits. A policy with any fault is not loaded at all. */
int ingress_load(const uint8_t *data, size_t bytes, const uint8_t *manifest, size_t manifest_bytes, const uint32_t seed[4]);

/* Sets the time for the following calls: monotonic milliseconds and UTC seconds (0: unknown). Neither goes backwards. */
void ingress_clock(uint64_t mono_ms, uint64_t wall_seconds);

/* Phase 0: whether `subject` may bind there. `proto` is 6 or 17. */
struct ingress_answer ingress_bind(uint64_t subject, uint32_t proto, uint32_t port, const uint32_t address[4]);

/* The listener at a local endpoint, or the group of those that share it; -1: none. */
int32_t ingress_listener_at(uint32_t proto, uint32_t port, const uint32_t address[4]);

/* Phase 1, nothing charged. */
struct ingress_answer ingress_accept(uint32_t listener, const uint32_t source[4]);

/* Phase 1 with caps and limits. A connection with the answer ALLOW or OPEN is charged and must be released,
 * but for the answer OPEN of a group, which charges nothing.
 * A link-local IPv6 source is counted by its full address, regardless of interface. */
struct ingress_answer ingress_admit(uint32_t listener, const uint32_t source[4]);

/* The caps and limits of phase 1 alone, for a connection of a group after ingress_hello has given ALLOW: at the listener
 * of that answer. A connection with the answer ALLOW is charged there, and must be released there. */
struct ingress_answer ingress_charge(uint32_t listener, const uint32_t source[4]);

/* Phases 1 and 2, nothing charged. `name` is the canonical name that the client requests; NULL if it sent none. */
struct ingress_answer ingress_hello(uint32_t listener, const uint32_t source[4], const char *name, size_t bytes);

/* Releases the caps of one admitted connection. */
void ingress_release(uint32_t listener, const uint32_t source[4]);

/* Number of connections that are counted now. */
uint32_t ingress_connections(uint32_t listener);

/* 1 after a trap, an inconsistent answer or a nested call; from then on everything is denied. */
int ingress_poisoned(void);

#endif
