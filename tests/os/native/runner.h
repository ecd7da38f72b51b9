/* Shared by the tests of native code: output and vectors. A machine (posix.c, virt.c) provides `say`, the
 * file and a number, and calls `run`, which returns 0 on success. */
#ifndef INGRESS_RUNNER_H
#define INGRESS_RUNNER_H
#include <stddef.h>
#include <stdint.h>

void say(const char *text);
void say_number(const char *before, uint64_t number, const char *after);
int run(const uint8_t *file, uint32_t part);

enum { RECORDS, NAME_BYTES, POLICY_BYTES, MANIFEST_BYTES, SEED, HEAD_WORDS = 8 };

struct part {
  const uint32_t *head;
  const uint32_t *records;
  const char *names;
  const uint8_t *policy;
  const uint8_t *manifest;
};

struct part part_at(const uint8_t *file, uint32_t number);
#endif
