/* The freestanding host of a compiled policy: the engine's pinned C, one page of memory, and a
 * policy's tables that are loaded beside it. docs/os.md says how it is built and what it promises.
 *
 * Addresses are four words, most significant first; IPv4 is {0, 0, 0xffff, address}. Subjects are
 * FNV-1a-64 of the service's name, and never come out of a payload. The host is for one thread and
 * is not entered again from an interrupt: a nested call poisons it. */
#ifndef INGRESS_HOST_H
#define INGRESS_HOST_H

#include <stddef.h>
#include <stdint.h>

#define INGRESS_MEMORY_BYTES 65536

/* Why a policy was not taken; 0 is none. */
enum {
  INGRESS_LOADED = 0,
  INGRESS_SHORT = 1,    /* fewer bytes than the head and the tables it announces, or more */
  INGRESS_MAGIC = 2,    /* not a policy's data, or of another format */
  INGRESS_VERSION = 3,  /* tables of another version than the engine reads */
  INGRESS_ENGINE = 4,   /* tables for another engine than this C was made of */
  INGRESS_MANIFEST = 5, /* no manifest, or of another policy */
  INGRESS_TABLES = 6,   /* damaged, or out of their bounds: `validate` says no */
  INGRESS_TWICE = 7,    /* a policy runs already: limits would begin anew */
  INGRESS_POISONED = 8, /* a trap ended the engine */
};

struct ingress_answer {
  int32_t verdict; /* INGRESS_DENY, _ALLOW, _OPEN (the name comes next) or _IDENTITY */
  int32_t reason;
  int32_t code;
  int32_t rule; /* canonical number, or -1 */
};

/* `data` is policy.bin and `manifest` policy.manifest.json, whole and to the byte; `seed` is 128 bits
 * that nobody outside can guess. Nothing is taken unless all of it is sound. */
int ingress_load(const uint8_t *data, size_t bytes, const uint8_t *manifest, size_t manifest_bytes, const uint32_t seed[4]);

/* Monotonic milliseconds and UTC seconds (0: unknown) of what follows; a step backwards counts as none. */
void ingress_clock(uint64_t mono_ms, uint64_t wall_seconds);

/* Phase 0: may `subject` bind there? `proto` is 6 or 17. */
struct ingress_answer ingress_bind(uint64_t subject, uint32_t proto, uint32_t port, const uint32_t address[4]);

/* The listener at a local endpoint, or -1. */
int32_t ingress_listener_at(uint32_t proto, uint32_t port, const uint32_t address[4]);

/* Phase 1, nothing charged. */
struct ingress_answer ingress_accept(uint32_t listener, const uint32_t source[4]);

/* Phase 1 with caps and limits. What is answered with ALLOW or OPEN is charged and is to be released.
 * A link-local IPv6 source counts whole, whatever its interface. */
struct ingress_answer ingress_admit(uint32_t listener, const uint32_t source[4]);

/* Phases 1 and 2, nothing charged: the canonical name that the client asks for; NULL where it sent none. */
struct ingress_answer ingress_hello(uint32_t listener, const uint32_t source[4], const char *name, size_t bytes);

/* Gives the caps of one admitted connection back. */
void ingress_release(uint32_t listener, const uint32_t source[4]);

/* Connections that are counted now. */
uint32_t ingress_connections(uint32_t listener);

/* 1 after a trap, an impossible answer or a nested call: from then on everything is denied. */
int ingress_poisoned(void);

#endif
