/* Cases that must be refused: damaged data, a trap, an inconsistent answer, a nested call. The host is
 * included in this file, so that its memory can be damaged. The low four bits of the number choose the case. */
#include "../../../runtime/os/host.c"
#include "runner.h"

static const uint32_t nobody[4] = {0, 0, 0xffff, 0xcb007109}, loopback[4] = {0, 0, 0xffff, 0x7f000001};
static const uint64_t INGRESSD = 0xbf71cd04b2ec8134;
static struct part part;
static uint8_t copy[65536];

static int load_with(const uint8_t *policy, size_t bytes, const uint8_t *manifest, size_t manifest_bytes) {
  return ingress_load(policy, bytes, manifest, manifest_bytes, part.head + SEED);
}

static int load_sound(void) { return load_with(part.policy, part.head[POLICY_BYTES], part.manifest, part.head[MANIFEST_BYTES]); }

static int failed(const char *what) { return say("FAIL "), say(what), say("\n"), 1; }

static int is_denied(struct ingress_answer a, int32_t code) {
  return a.verdict == INGRESS_DENY && a.reason == INGRESS_REASON_POLICY && a.code == code && a.rule == -1;
}

/* Every kind of request, including a loopback bind, which a policy always allows. */
static int all_denied(int32_t code) {
  return is_denied(ingress_bind(INGRESSD, 6, 8080, loopback), code) && is_denied(ingress_bind(1, 17, 0, nobody), code)
    && is_denied(ingress_accept(0, nobody), code) && is_denied(ingress_admit(0, nobody), code)
    && is_denied(ingress_hello(0, nobody, "a.example", 9), code) && is_denied(ingress_hello(0, nobody, NULL, 0), code)
    && ingress_listener_at(6, 443, nobody) == -1 && ingress_connections(0) == 0;
}

static int dead(void) {
  ingress_clock(1, 1);
  ingress_release(0, nobody);
  return ingress_poisoned() && all_denied(INGRESS_CODE_MODULE_TRAP) && load_sound() == INGRESS_POISONED && all_denied(INGRESS_CODE_MODULE_TRAP);
}

/* Every `step`th bit of the data and of the manifest, flipped one at a time. */
static int flipped(uint32_t step) {
  const uint32_t bytes = part.head[POLICY_BYTES], manifest_bytes = part.head[MANIFEST_BYTES];
  uint32_t tried = 0, refusals[16] = {0};
  if (!all_denied(INGRESS_CODE_NO_MODULE)) return failed("without a policy");
  memcpy(copy, part.policy, bytes);
  for (uint32_t bit = 0; bit < 8 * bytes; bit += step, tried++) {
    copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    const int refused = load_with(copy, bytes, part.manifest, manifest_bytes);
    if (refused == INGRESS_LOADED) return say_number("bit ", bit, " "), failed("of the data");
    refusals[refused]++;
    copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  memcpy(copy, part.manifest, manifest_bytes);
  for (uint32_t bit = 0; bit < 8 * manifest_bytes; bit += step, tried++) {
    copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (load_with(part.policy, bytes, copy, manifest_bytes) != INGRESS_MANIFEST) return say_number("bit ", bit, " "), failed("of the manifest");
    copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  if (load_with(part.policy, bytes - 1, part.manifest, manifest_bytes) != INGRESS_SHORT) return failed("a byte less");
  if (load_with(part.policy, bytes + 1, part.manifest, manifest_bytes) != INGRESS_SHORT) return failed("a byte more");
  if (load_with(part.policy, 79, part.manifest, manifest_bytes) != INGRESS_SHORT) return failed("less than the head");
  if (load_with(NULL, bytes, part.manifest, manifest_bytes) != INGRESS_SHORT) return failed("no data");
  if (load_with(part.policy, bytes, NULL, manifest_bytes) != INGRESS_MANIFEST) return failed("no manifest");
  if (load_with(part.policy, bytes, part.manifest, manifest_bytes - 1) != INGRESS_MANIFEST) return failed("a shorter manifest");
  if (load_with(part.policy, bytes, part.manifest, manifest_bytes + 1) != INGRESS_MANIFEST) return failed("a longer manifest");
  if (!all_denied(INGRESS_CODE_NO_MODULE) || ingress_poisoned()) return failed("after refusals");
  if (load_sound() != INGRESS_LOADED || ingress_bind(1, 6, 1, loopback).verdict != INGRESS_ALLOW) return failed("the sound policy");
  if (load_sound() != INGRESS_TWICE || ingress_bind(1, 6, 1, loopback).verdict != INGRESS_ALLOW) return failed("a second policy");
  say_number("refused ", tried, " of as many");
  for (uint32_t i = 1; i < 16; i++) if (refusals[i] != 0) say_number(", ", refusals[i], ""), say_number(" as ", i, "");
  say("\n");
  return 0;
}

static int trapping(void) {
  const uint32_t at = INGRESS_TABLES_BASE + TEST_H_RESIDUALS;
  if (load_sound() != INGRESS_LOADED) return failed("load");
  if (is_denied(ingress_accept(0, nobody), INGRESS_CODE_MODULE_TRAP)) return failed("a sound question");
  const uint32_t sound = (uint32_t)word(at);
  put(at, 0xfffffff0);
  if (!is_denied(ingress_accept(0, nobody), INGRESS_CODE_MODULE_TRAP)) return failed("the trap");
  put(at, sound);
  return dead() ? 0 : failed("after the trap");
}

/* An allow with the code of a refusal; an unknown code or rule. */
static int impossible(uint32_t offset, uint32_t value) {
  if (load_sound() != INGRESS_LOADED) return failed("load");
  const uint32_t residuals = (uint32_t)word(INGRESS_TABLES_BASE + TEST_H_RESIDUALS), count = (uint32_t)word(INGRESS_TABLES_BASE + TEST_H_RESIDUAL_COUNT);
  for (uint32_t i = 0; i < count; i++) put(residuals + i * TEST_RESIDUAL_BYTES + offset, value);
  if (!is_denied(ingress_accept(0, nobody), INGRESS_CODE_MODULE_RESULT)) return failed("the answer");
  return dead() ? 0 : failed("after the answer");
}

static uint32_t call_within(const uint32_t *w) { return (void)w, (uint32_t)ingress_accept(0, nobody).code; }

static int nested(void) {
  if (load_sound() != INGRESS_LOADED) return failed("load");
  if (!is_denied(evaluate(call_within, NULL), INGRESS_CODE_MODULE_TRAP)) return failed("the outer call");
  return dead() ? 0 : failed("after a call within a call");
}

static uint32_t chance(void) {
  static uint32_t x = 2463534242;
  x ^= x << 13, x ^= x >> 17, x ^= x << 5;
  return x;
}

static uint32_t turned(uint32_t w, uint32_t bits) { return w << bits | w >> (32 - bits); }

/* The same seal as in compiler/emit/seal.ts, because an attacker who changes the tables can compute it too. */
static void seal(uint32_t *tables, uint32_t words) {
  uint32_t first = TEST_SEAL_START, second = 0;
  for (uint32_t i = 0; i < words; i++) {
    if (i == TEST_H_SEAL / 4) i += 2;
    if (i >= words) break;
    first = turned(first ^ tables[i], TEST_SEAL_TURN_FIRST) * (uint32_t)TEST_SEAL_PRIME_FIRST;
    second = turned(second + tables[i], TEST_SEAL_TURN_SECOND) * (uint32_t)TEST_SEAL_PRIME_SECOND;
  }
  tables[TEST_H_SEAL / 4] = first, tables[TEST_H_SEAL / 4 + 1] = second;
}

/* Tables with changed words and a new seal. A module that is loaded must answer or poison the engine, and must
 * access nothing but its page. `state` is reset, which otherwise only a restart does. */
static int resealed(uint32_t times) {
  static uint32_t blob[16384];
  const uint32_t bytes = part.head[POLICY_BYTES], words = (bytes - INGRESS_POLICY_HEAD) / 4;
  uint32_t *tables = blob + INGRESS_POLICY_HEAD / 4, loaded = 0, ended = 0;
  for (uint32_t i = 0; i < times; i++) {
    memcpy(blob, part.policy, bytes);
    for (uint32_t n = 1 + chance() % 3; n > 0; n--) {
      uint32_t *at = tables + (chance() % 2 == 0 ? chance() % (TEST_HEADER_BYTES / 4) : chance() % words);
      const uint32_t values[] = {0, UINT32_MAX, chance(), *at + 1, *at - 1, *at ^ 1u << chance() % 32, 65528, 1024};
      *at = values[chance() % 8];
    }
    seal(tables, words);
    state = EMPTY;
    if (load_with((const uint8_t *)blob, bytes, part.manifest, part.head[MANIFEST_BYTES]) != INGRESS_LOADED) continue;
    loaded++;
    for (uint32_t n = 0; n < 24 && !ingress_poisoned(); n++) {
      const uint32_t from[4] = {chance() % 2 == 0 ? 0 : chance(), 0, chance() % 2 == 0 ? 0xffff : chance(), chance()};
      ingress_clock(chance(), chance());
      ingress_bind(INGRESSD, 6, chance() % 65536, from);
      ingress_listener_at(6, 1000 + chance() % 4000, from);
      ingress_accept(chance() % 4, from);
      ingress_admit(chance() % 4, from);
      ingress_hello(chance() % 4, from, (const char *)copy, chance() % 257);
      ingress_release(chance() % 4, from);
      ingress_connections(chance() % 4);
    }
    if (!ingress_poisoned()) continue;
    ended++;
    if (!dead()) return failed("after tables that end the engine");
  }
  say_number("changed ", times, "");
  say_number(", let in ", loaded, "");
  say_number(", ended ", ended, "\n");
  return loaded < times / 100 ? failed("too few were let in to say anything") : 0;
}

int run(const uint8_t *file, uint32_t number) {
  part = part_at(file, number >> 4);
  int status;
  switch (number & 15) {
    case 0: status = flipped(1); break;
    case 1: status = flipped(61); break;
    case 2: status = trapping(); break;
    case 3: status = impossible(TEST_R_RESIDUAL_VERDICT, INGRESS_ALLOW); break;
    case 4: status = impossible(TEST_R_RESIDUAL_CODE, 99); break;
    case 5: status = impossible(TEST_R_RESIDUAL_RULE, 1 << 20); break;
    /* The engine itself gives such a code the reason `cidr`. */
    case 7: status = impossible(TEST_R_RESIDUAL_CODE, INGRESS_CODE_LIMIT_SOURCE); break;
    case 8: status = resealed(20000); break;
    case 9: status = resealed(1000); break;
    case 6: status = nested(); break;
    default: status = failed("no such case");
  }
  if (status == 0) say("ok\n");
  return status;
}
