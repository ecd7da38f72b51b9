/* The self-test's own part of the machine: control frames, and the verdict out of counters that
 * frames moved. Outside of a self-test control frames are frames like others.
 *
 *   0         6        12       14      18   19        20          24
 *   | machine | sender | 0x88b5 | "IGST" | op | 0 … 0 | u32 number | zeros to 60 bytes
 *
 * A frame is answered with 128 in its op (an advance as a wait) once nothing in the machine moves any more: the sender knows then
 * that all that it sent before has had its effect. The answer to op 2 has the counters behind it. */
#include "kernel.h"
#include <string.h>

#define OP_WAIT 0    /* answered when all is still */
#define OP_ADVANCE 1 /* the clock goes on by `number` ms */
#define OP_COUNTS 2
#define OP_END 3     /* the verdict, and off */
#define ANSWER 128
#define TYPE_HIGH 0x88
#define TYPE_LOW 0xb5
#define BYTES 60
#define MOST_MS 100000 /* of mtime: nobody came to the end */

struct counts counts;
static int on;
static uint32_t due_stopped, due_binds;
static uint8_t asked[BYTES];
static int answer_due;

void selftest_begin(const struct boot *boot) {
  on = boot->selftest == 1;
  due_stopped = (boot->adversaries >> 1 & 1) + (boot->adversaries >> 2 & 1);
  due_binds = boot->adversaries & 1;
}

int selftest_frame(const uint8_t *frame, uint32_t length) {
  static const uint8_t magic[] = {TYPE_HIGH, TYPE_LOW, 'I', 'G', 'S', 'T'};
  if (!on || length < BYTES || memcmp(frame + 12, magic, sizeof magic) != 0) return 0;
  memcpy(asked, frame, BYTES);
  answer_due = 1;
  return 1;
}

static void line(const char *what, int ok) {
  print("SELFTEST: ingress ");
  print(what);
  print(ok ? " ok\n" : " FAIL\n");
}

/* Each of these was moved by a frame: a service's whole answer that its client acknowledged; a refusal
 * of each kind; a rate that was used up, and the same source admitted after it. */
static void end(void) {
  int allow = counts.allowed > 0 && counts.served > 0;
  int deny = counts.denied[1] > 0 && counts.denied[2] > 0 && counts.denied[3] > 0;
  int rate = counts.denied[4] > 0 && counts.recovered > 0;
  int held = counts.stopped == due_stopped && counts.binds_denied == due_binds;
  line("allow", allow);
  line("deny", deny);
  line("rate", rate);
  power_off(allow && deny && rate && held ? 0 : 1);
}

/* Called at every turn: also where a process never waits, the machine comes to its end. */
void selftest_watch(void) {
  if (on && machine_ms() > MOST_MS) end();
}

/* Called while every process waits; 1 where one may run now. */
int selftest_idle(void) {
  if (!answer_due || net_waits()) return 0;
  uint32_t number = (uint32_t)asked[20] << 24 | (uint32_t)asked[21] << 16 | (uint32_t)asked[22] << 8 | asked[23];
  if (asked[18] == OP_END) end();
  if (asked[18] == OP_ADVANCE) {
    clock_advance(number);
    process_wake(INGRESSD);
    /* Answered when what the new time brought has had its effect. */
    asked[18] = OP_WAIT;
    return 1;
  }
  uint8_t reply[BYTES + sizeof counts] = {0};
  memcpy(reply, asked + 6, 6);
  memcpy(reply + 6, net_mac, 6);
  memcpy(reply + 12, asked + 12, BYTES - 12);
  memcpy(reply + BYTES, &counts, sizeof counts);
  reply[18] |= ANSWER;
  answer_due = 0;
  net_send(reply, asked[18] == OP_COUNTS ? sizeof reply : BYTES);
  return 0;
}
