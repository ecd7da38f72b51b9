/* The self-test's part of the kernel: control frames, and the verdict from counters that frames increment.
 * Outside a self-test control frames are ordinary frames.
 *
 *   0         6        12       14      18   19        20          24
 *   | machine | sender | 0x88b5 | "IGST" | op | 0 … 0 | u32 number | zeros to 60 bytes
 *
 * A frame is answered with 128 added to its op (an advance is answered like a wait) once the machine is idle, so the
 * sender knows that everything it sent before has been processed. The answer to op 2 ends with the counters. */
#include "kernel.h"
#include <string.h>

#define OP_WAIT 0    /* answered when the machine is idle */
#define OP_ADVANCE 1 /* advances the clock by `number` ms */
#define OP_COUNTS 2
#define OP_END 3     /* prints the verdict and powers off */
#define ANSWER 128
#define TYPE_HIGH 0x88
#define TYPE_LOW 0xb5
#define BYTES 60
#define MOST_MS 100000 /* of mtime; the self-test is ended if no OP_END came by then */

struct counts counts;
static int on;
static uint32_t due_stopped, due_binds;
static uint8_t request[BYTES];
static int answer_due;

void selftest_begin(const struct boot *boot) {
  on = boot->selftest == 1;
  due_stopped = (boot->adversaries >> 1 & 1) + (boot->adversaries >> 2 & 1);
  due_binds = boot->adversaries & 1;
}

int selftest_frame(const uint8_t *frame, uint32_t length) {
  static const uint8_t magic[] = {TYPE_HIGH, TYPE_LOW, 'I', 'G', 'S', 'T'};
  if (!on || length < BYTES || memcmp(frame + 12, magic, sizeof magic) != 0) return 0;
  memcpy(request, frame, BYTES);
  answer_due = 1;
  return 1;
}

static void line(const char *what, int ok) {
  print("SELFTEST: ingress ");
  print(what);
  print(ok ? " ok\n" : " FAIL\n");
}

/* The verdict needs: a complete answer of a service that its client acknowledged; a refusal of each kind;
 * a source that was refused by its rate and admitted later. */
static void end(void) {
  markers_watch(1);
  int allow = counts.allowed > 0 && counts.served > 0;
  int deny = counts.denied[1] > 0 && counts.denied[2] > 0 && counts.denied[3] > 0;
  int rate = counts.denied[4] > 0 && counts.recovered > 0;
  int contained = counts.stopped == due_stopped && counts.binds_denied == due_binds;
  line("allow", allow);
  line("deny", deny);
  line("rate", rate);
  power_off(allow && deny && rate && contained ? 0 : 1);
}

/* Called at every turn, so the machine ends even if a process never waits. */
void selftest_watch(void) {
  if (on && machine_ms() > MOST_MS) end();
}

/* Called while every process waits; returns 1 if one may be ready now. */
int selftest_idle(void) {
  if (!answer_due || net_waits()) return 0;
  uint32_t number = (uint32_t)request[20] << 24 | (uint32_t)request[21] << 16 | (uint32_t)request[22] << 8 | request[23];
  if (request[18] == OP_END) end();
  if (request[18] == OP_ADVANCE) {
    clock_advance(number);
    process_wake(INGRESSD);
    /* Answered after the effects of the new time have been processed. */
    request[18] = OP_WAIT;
    return 1;
  }
  uint8_t reply[BYTES + sizeof counts] = {0};
  memcpy(reply, request + 6, 6);
  memcpy(reply + 6, net_mac, 6);
  memcpy(reply + 12, request + 12, BYTES - 12);
  memcpy(reply + BYTES, &counts, sizeof counts);
  reply[18] |= ANSWER;
  answer_due = 0;
  net_send(reply, request[18] == OP_COUNTS ? sizeof reply : BYTES);
  return 0;
}
