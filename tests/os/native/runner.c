#include "runner.h"

void say_number(const char *before, uint64_t number, const char *after) {
  char digits[24];
  int at = sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  say(before);
  say(digits + at);
  say(after);
}

static uint32_t rounded(uint32_t bytes) { return (bytes + 3) & ~3u; }

struct part part_at(const uint8_t *file, uint32_t number) {
  const uint32_t *index = (const uint32_t *)(const void *)file;
  const uint32_t *head = (const uint32_t *)(const void *)(file + index[2 + 2 * number]);
  const uint32_t *records = head + HEAD_WORDS;
  const uint8_t *names = (const uint8_t *)(records + 16 * head[RECORDS]);
  const uint8_t *policy = names + rounded(head[NAME_BYTES]);
  return (struct part){head, records, (const char *)names, policy, policy + rounded(head[POLICY_BYTES])};
}
