/* Runs the requests of one part of the vectors in order, and compares each answer with the recorded one:
 * verdict, reason, code and rule. Ends with a checksum of all answers. */
#include "host.h"
#include "runner.h"

enum { CLOCK = 1, BIND, LISTENER_AT, ACCEPT, ADMIT, HELLO, RELEASE, CONNECTIONS, CHARGE };

static struct ingress_answer number(uint32_t n) { return (struct ingress_answer){(int32_t)n, 0, 0, 0, 0}; }

static uint64_t wide(const uint32_t *w) { return (uint64_t)w[0] << 32 | w[1]; }

int run(const uint8_t *file, uint32_t part_number) {
  const struct part part = part_at(file, part_number);
  uint32_t wrong = 0, answers = 0;
  uint64_t sum = 0xcbf29ce484222325;
  int refused = ingress_load(part.policy, part.head[POLICY_BYTES], part.manifest, part.head[MANIFEST_BYTES], part.head + SEED);
  if (refused != INGRESS_LOADED) return say_number("refused ", (uint64_t)refused, "\n"), 1;
  for (uint32_t i = 0; i < part.head[RECORDS]; i++) {
    const uint32_t *r = part.records + 16 * i, *w = r + 1, *due = r + 11;
    struct ingress_answer a;
    switch (r[0]) {
      case CLOCK: ingress_clock(wide(w), wide(w + 2)); continue;
      case RELEASE: ingress_release(w[0], w + 1); continue;
      case BIND: a = ingress_bind(wide(w), w[2], w[3], w + 4); break;
      case LISTENER_AT: a = number((uint32_t)ingress_listener_at(w[0], w[1], w + 2)); break;
      case ACCEPT: a = ingress_accept(w[0], w + 1); break;
      case ADMIT: a = ingress_admit(w[0], w + 1); break;
      case HELLO: a = ingress_hello(w[0], w + 1, r[10] == UINT32_MAX ? NULL : part.names + r[9], r[10]); break;
      case CHARGE: a = ingress_charge(w[0], w + 1); break;
      case CONNECTIONS: a = number(ingress_connections(w[0])); break;
      default: return say_number("no such question: ", r[0], "\n"), 1;
    }
    const uint32_t said[5] = {(uint32_t)a.verdict, (uint32_t)a.reason, (uint32_t)a.code, (uint32_t)a.rule, r[0] == HELLO ? a.listener : 0};
    answers++;
    int differs = 0;
    for (int j = 0; j < 5; j++) {
      differs |= said[j] != due[j];
      sum = (sum ^ said[j]) * 0x100000001b3;
    }
    if (differs && wrong++ < 5) {
      say_number("record ", i, ":");
      for (int j = 0; j < 5; j++) say_number(" ", said[j], "");
      for (int j = 0; j < 5; j++) say_number(j == 0 ? ", not " : " ", due[j], "");
      say("\n");
    }
  }
  say_number("answers ", answers, "");
  say_number(" disagreements ", wrong, "");
  say_number(" sum ", sum, "\n");
  return wrong != 0 || ingress_poisoned();
}
