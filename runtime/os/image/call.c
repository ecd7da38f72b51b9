/* The system calls. Before any byte is copied, the whole range of a pointer must lie in the caller's
 * own data; otherwise the process is stopped. */
#include "kernel.h"
#include "calls.h"
#include <string.h>

#define FRAME_MOST 1514

static int64_t wait(struct process *p, uint64_t deadline) {
  p->deadline = deadline;
  if (p->woken == 0) p->state = BLOCKED;
  p->woken = 0;
  return 0;
}

/* Given once, so that nobody can make the kernel wait for the entropy device later. */
static int64_t self(struct self_words *to) {
  static int is_given;
  if (is_given) return -1;
  is_given = 1;
  to->address = own_address;
  to->mac_high = (uint32_t)net_mac[0] << 8 | net_mac[1];
  to->mac_low = (uint32_t)net_mac[2] << 24 | (uint32_t)net_mac[3] << 16 | (uint32_t)net_mac[4] << 8 | net_mac[5];
  rng_fill(to->secret, sizeof to->secret);
  return 0;
}

static int64_t frame(uint8_t *to, uint32_t space) {
  uint32_t length = net_take(to, space);
  flow_frame(to, length);
  return length;
}

static int64_t of_ingressd(uint64_t number, const uint64_t *a, uint8_t *at) {
  switch (number) {
    case CALL_READY: return marker_ready(), 0;
    case CALL_SELF: return self((struct self_words *)at);
    case CALL_PORT: return policy_port((uint32_t)a[0]);
    case CALL_NOW: return (int64_t)clock_ms();
    case CALL_FRAME: return frame(at, (uint32_t)a[1]);
    case CALL_SEND: return a[1] <= FRAME_MOST && net_send(at, (uint32_t)a[1]) ? 0 : -1;
    case CALL_PEEK: return flow_peek((uint32_t)a[0], (uint32_t)a[1]);
    case CALL_ADMIT: return flow_admit((uint32_t)a[0], (uint32_t)a[1]);
    case CALL_HELLO: return flow_hello((uint32_t)a[2], (const char *)at, a[3] != 0 ? -1 : (int32_t)a[1]);
    case CALL_CONNECT: return flow_connect((uint32_t)a[0]);
    case CALL_PASS_IN: return flow_move((uint32_t)a[2], 1, at, (uint32_t)a[1], 1);
    case CALL_PASS_OUT: return flow_move((uint32_t)a[2], 0, at, (uint32_t)a[1], 0);
    case CALL_END_IN: return flow_finish((uint32_t)a[0], 1), 0;
    case CALL_CLOSE: return flow_close((uint32_t)a[0], a[1] != 0), 0;
    default: return -1;
  }
}

/* Calls whose a0 is a pointer to a1 bytes. */
static int takes_pointer(uint64_t number) {
  return number == CALL_READ || number == CALL_WRITE || number == CALL_SELF || number == CALL_FRAME || number == CALL_SEND
    || number == CALL_HELLO || number == CALL_PASS_IN || number == CALL_PASS_OUT;
}

static int64_t answer(struct process *p, uint64_t number, const uint64_t *a, uint8_t *at) {
  uint32_t index = (uint32_t)(p - processes);
  switch (number) {
    case CALL_WAIT: return wait(p, a[0]);
    case CALL_BIND: return policy_bind(p, (uint32_t)a[0], (uint32_t)a[1], (uint32_t)a[2]);
    case CALL_UNBIND: return policy_unbind(p, (uint32_t)a[0]);
    case CALL_ACCEPT: return flow_accept(index);
    case CALL_READ: return flow_served_by((uint32_t)a[2], index) ? flow_move((uint32_t)a[2], 1, at, (uint32_t)a[1], 0) : -2;
    case CALL_WRITE: return flow_served_by((uint32_t)a[2], index) ? flow_move((uint32_t)a[2], 0, at, (uint32_t)a[1], 1) : -2;
    case CALL_FINISH: return flow_served_by((uint32_t)a[0], index) ? (flow_finish((uint32_t)a[0], 0), 0) : -2;
    default: return index == INGRESSD ? of_ingressd(number, a, at) : -1;
  }
}

void call(struct process *p) {
  uint64_t *x = p->frame.x, number = x[REG_A7];
  const uint64_t a[] = {x[REG_A0], x[REG_A1], x[REG_A2], x[REG_A3]};
  if (number == CALL_EXIT) {
    process_stop(p, "exit");
    return;
  }
  if (number == CALL_READY && p == &processes[INGRESSD] && (is_ready || !policy_is_complete())) {
    process_stop(p, "ready");
    return;
  }
  if (takes_pointer(number) && (!process_owns(p, a[0], a[1]) || (number == CALL_SELF && (a[1] < sizeof(struct self_words) || a[0] % 4 != 0)))) {
    process_stop(p, "pointer");
    return;
  }
  x[REG_A0] = (uint64_t)answer(p, number, a, (uint8_t *)a[0]);
}
