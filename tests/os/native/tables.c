/* The table fuzzer: policies of the vectors with changed bytes, words, stretches and lengths. Half of them get a new seal, as from somebody who
 * can compute it. The number is how many thousands are tried; the seed is fixed.
 *
 * Without a new seal, no changed policy is loaded, and everything is denied after it. With one, the policy is another, so its answers may be
 * too; but no table turns a deny that does not depend on tables into an allow, and after a trap everything is denied. At the end the
 * sound policies give the recorded answers. */
#define run faults_run
#include "faults.c"
#undef run
#define run vectors_run
#include "vectors.c"
#undef run

/* More than the largest policy that fits the page. */
#define MOST_BYTES (INGRESS_MEMORY_BYTES + INGRESS_POLICY_HEAD)
static _Alignas(8) uint8_t blob[MOST_BYTES];
static uint32_t blob_bytes, parts;
static const uint8_t *whole_file;

static void set_word(uint32_t at, uint32_t value) {
  if (at + 4 <= blob_bytes) memcpy(blob + at, &value, 4);
}

static uint32_t word_of(uint32_t at) {
  uint32_t value = 0;
  if (at + 4 <= blob_bytes) memcpy(&value, blob + at, 4);
  return value;
}

/* A place in the tables: their header half of the time. */
static uint32_t place(void) {
  const uint32_t words = (blob_bytes - INGRESS_POLICY_HEAD) / 4;
  return INGRESS_POLICY_HEAD + 4 * (chance() % 2 == 0 ? chance() % (TEST_HEADER_BYTES / 4) : chance() % words);
}

static void change(void) {
  const uint32_t at = place(), other = place(), old = word_of(at), bytes = 4 * (1 + chance() % 32);
  const uint32_t values[] = {0, UINT32_MAX, chance(), old + 1, old - 1, old ^ 1u << chance() % 32, 65528, 1024, 0x7fffffff, 0x80000000};
  const struct part from = part_at(whole_file, chance() % parts);
  switch (chance() % 8) {
    case 0: blob[at + chance() % 4] ^= (uint8_t)(1 << chance() % 8); break;
    case 1: case 2: case 3: set_word(at, values[chance() % 10]); break;
    case 4: set_word(at, word_of(other)), set_word(other, old); break;
    case 5: if (at + bytes <= blob_bytes && other + bytes <= blob_bytes) memmove(blob + at, blob + other, bytes); break;
    case 6: if (at + bytes <= blob_bytes && at + bytes <= from.head[POLICY_BYTES]) memcpy(blob + at, from.policy + at, bytes); break;
    default:
      /* Other lengths, which the head announces. */
      blob_bytes = INGRESS_POLICY_HEAD + TEST_HEADER_BYTES + 4 * (chance() % ((MOST_BYTES - INGRESS_POLICY_HEAD - TEST_HEADER_BYTES) / 4));
      set_word(12, blob_bytes - INGRESS_POLICY_HEAD);
      set_word(INGRESS_POLICY_HEAD + INGRESS_H_TABLES_END, INGRESS_TABLES_BASE + blob_bytes - INGRESS_POLICY_HEAD);
  }
}

/* Denies that no table decides: an unknown listener, a port out of range, another service's bind, and where a name decides, one that is none. */
static int denies_what_no_table_allows(const uint32_t *from) {
  static const char name[INGRESS_MAX_NAME_BYTES + 1] = "a";
  const uint32_t listener = chance() % 8, none = 0x10000 + chance() % 0x7fff0000;
  const int named = ingress_accept(listener, from).verdict == INGRESS_OPEN;
  return ingress_bind(INGRESSD, 6, 65536 + chance() % 65536, nobody).verdict == INGRESS_DENY
    && ingress_bind(INGRESSD + 1 + chance() % 1000, 6, 1 + chance() % 65535, nobody).verdict == INGRESS_DENY
    && ingress_accept(none, from).verdict == INGRESS_DENY && ingress_admit(none, from).verdict == INGRESS_DENY
    && ingress_charge(none, from).verdict == INGRESS_DENY && ingress_hello(none, from, NULL, 0).verdict == INGRESS_DENY
    && (!named || ingress_hello(listener, from, "", 0).verdict == INGRESS_DENY)
    && (!named || ingress_hello(listener, from, name, INGRESS_MAX_NAME_BYTES + 1).verdict == INGRESS_DENY);
}

/* Requests of every kind; nonzero where a deny became an allow. */
static int requested(void) {
  static const char *const names[] = {"a.example", "www.example.com", "x", NULL};
  for (uint32_t n = 0; n < 12; n++) {
    const uint32_t from[4] = {chance() % 2 == 0 ? 0 : chance(), 0, chance() % 2 == 0 ? 0xffff : chance(), chance()}, at = chance() % 5;
    const char *name = names[chance() % 4];
    ingress_clock(chance(), chance());
    ingress_bind(INGRESSD, chance() % 2 == 0 ? 6 : 17, chance() % 65536, from);
    const int32_t found = ingress_listener_at(6, 1000 + chance() % 4000, from);
    ingress_accept(found < 0 ? at : (uint32_t)found, from);
    ingress_admit(at, from);
    const struct ingress_answer named = ingress_hello(at, from, name, name == NULL ? 0 : 1);
    if (named.verdict == INGRESS_ALLOW) ingress_charge(named.listener, from);
    ingress_release(at, from);
    ingress_connections(at);
    if (!denies_what_no_table_allows(from)) return 1;
  }
  return 0;
}

static int fuzzed(uint32_t times) {
  uint32_t refused = 0, same = 0, loaded = 0, ended = 0, refusals[16] = {0};
  for (uint32_t i = 0; i < times; i++) {
    part = part_at(whole_file, chance() % parts);
    const uint32_t before = part.head[POLICY_BYTES];
    blob_bytes = before;
    memset(blob, 0, sizeof blob);
    memcpy(blob, part.policy, before);
    for (uint32_t n = 1 + chance() % 2; n > 0; n--) change();
    const int sealed = chance() % 2 == 0;
    state = EMPTY;
    if (blob_bytes == before && memcmp(blob, part.policy, before) == 0) {
      same++;
      continue;
    }
    if (sealed) seal((uint32_t *)(void *)(blob + INGRESS_POLICY_HEAD), (blob_bytes - INGRESS_POLICY_HEAD) / 4);
    const int result = load_with(blob, blob_bytes, part.manifest, part.head[MANIFEST_BYTES]);
    if (result != INGRESS_LOADED) {
      refused++, refusals[result]++;
      if (result == INGRESS_POISONED ? !dead() : !all_denied(INGRESS_CODE_NO_MODULE)) return failed("after a refusal");
      continue;
    }
    if (!sealed) return say_number("change ", i, " "), failed("was loaded with the old seal");
    loaded++;
    if (requested()) return say_number("change ", i, " "), failed("made an allow of a deny");
    if (!ingress_poisoned()) continue;
    ended++;
    if (!dead()) return failed("after tables that end the engine");
  }
  say_number("changed ", times - same, ""), say_number(", refused ", refused, ""), say_number(", let in ", loaded, ""), say_number(", ended ", ended, "");
  for (uint32_t i = 1; i < 16; i++) if (refusals[i] != 0) say_number(", ", refusals[i], ""), say_number(" as ", i, "");
  say("\n");
  return loaded < times / 200 || refused < times / 2 ? failed("too few of a kind to say anything") : 0;
}

int run(const uint8_t *file, uint32_t thousands) {
  whole_file = file;
  parts = ((const uint32_t *)(const void *)file)[1];
  if (fuzzed(1000 * thousands) != 0) return 1;
  for (uint32_t i = 0; i < parts; i++) {
    state = EMPTY;
    if (vectors_run(file, i) != 0) return failed("the sound policy");
  }
  say("ok\n");
  return 0;
}
