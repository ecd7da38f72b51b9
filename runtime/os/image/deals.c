/* Deals: one for each connection that the policy module has admitted, with its two pipes. Only a deal
 * that is ALLOWED can be connected, so ingressd can pass no byte that the module did not let through,
 * whatever it does. */
#include "kernel.h"
#include "abi.h"
#include "host.h"
#include <string.h>

#define DEALS 32
#define PIPE 2048
#define TCP 6

struct pipe {
  uint8_t bytes[PIPE];
  uint32_t put, taken; /* counts that wrap */
  int ended;
};

static struct deal {
  enum { FREE, OPEN, REFUSED, ALLOWED, CONNECTED } state;
  uint32_t listener, source, service;
  int accepted, gone;      /* the service has it; the service was stopped */
  uint32_t moved_in, moved_out;
  struct pipe in, out;     /* to the service, and from it */
} deals[DEALS];

static uint32_t last_rate_denied;

static void address(uint32_t words[4], uint32_t source) {
  words[0] = words[1] = 0;
  words[2] = 0xffff;
  words[3] = source;
}

/* What it says is counted, and told at its end. */
static int allowed(struct ingress_answer answer) {
  if (answer.verdict == INGRESS_ALLOW || answer.verdict == INGRESS_OPEN) return 1;
  counts.denied[answer.reason & 7]++;
  marker_deny(answer.reason);
  return 0;
}

/* A port that ingressd has not bound has none. */
static int32_t listener_at(uint32_t port) {
  uint32_t own[4];
  address(own, own_address);
  ingress_clock(clock_ms(), 0);
  return policy_is_open(port) ? ingress_listener_at(TCP, port, own) : -1;
}

static const struct ingress_answer not_exposed = {INGRESS_DENY, INGRESS_REASON_POLICY, INGRESS_CODE_NOT_EXPOSED, INGRESS_NO_RULE};

int32_t deal_peek(uint32_t port, uint32_t source) {
  int32_t listener = listener_at(port);
  uint32_t from[4];
  address(from, source);
  return allowed(listener < 0 ? not_exposed : ingress_accept((uint32_t)listener, from));
}

int32_t deal_admit(uint32_t port, uint32_t source) {
  uint32_t from[4], n = 0;
  while (n < DEALS && deals[n].state != FREE) n++;
  int32_t listener = listener_at(port);
  if (n == DEALS) return 0;
  address(from, source);
  struct ingress_answer answer = listener < 0 ? not_exposed : ingress_admit((uint32_t)listener, from);
  if (!allowed(answer)) {
    if (answer.reason == INGRESS_REASON_RATE) last_rate_denied = source;
    return 0;
  }
  if (source == last_rate_denied) {
    counts.recovered++;
    last_rate_denied = 0;
  }
  struct deal *d = &deals[n];
  memset(d, 0, sizeof *d);
  d->listener = (uint32_t)listener;
  d->source = source;
  d->state = answer.verdict == INGRESS_ALLOW ? ALLOWED : OPEN;
  if (d->state == ALLOWED) counts.allowed++;
  return (int32_t)((n + 1) << 1 | (d->state == OPEN));
}

static struct deal *deal_of(uint32_t number) {
  return number >= 1 && number <= DEALS && deals[number - 1].state != FREE ? &deals[number - 1] : NULL;
}

/* Asked once a deal. `bytes` -1: what came is no hello that can be read, and the module is not asked about it. */
int32_t deal_hello(uint32_t number, const char *name, int32_t bytes) {
  static const struct ingress_answer malformed = {INGRESS_DENY, INGRESS_REASON_SNI, INGRESS_CODE_HELLO_MALFORMED, INGRESS_NO_RULE};
  struct deal *d = deal_of(number);
  uint32_t from[4];
  if (d == NULL || d->state != OPEN) return 0;
  address(from, d->source);
  ingress_clock(clock_ms(), 0);
  struct ingress_answer answer = bytes < 0 ? malformed : ingress_hello(d->listener, from, bytes == 0 ? NULL : name, (size_t)bytes);
  /* Nothing comes after the name on this machine. */
  if (answer.verdict != INGRESS_ALLOW) {
    if (answer.verdict == INGRESS_OPEN) answer = not_exposed;
    allowed(answer);
    d->state = REFUSED;
    return 0;
  }
  d->state = ALLOWED;
  counts.allowed++;
  return 1;
}

/* The service of the listener's name, if it runs and has its loopback port. */
int32_t deal_connect(uint32_t number) {
  struct deal *d = deal_of(number);
  if (d == NULL || d->state != ALLOWED) return 0;
  uint64_t owner = policy_owner(d->listener);
  for (uint32_t i = 0; i < PROCESSES; i++) {
    const struct process *p = &processes[i];
    if (p->serves != owner || p->port == 0 || (p->state != READY && p->state != WAITING)) continue;
    d->service = i;
    d->state = CONNECTED;
    process_wake(i);
    return 1;
  }
  return 0;
}

/* The next connection that this service has not seen, 0 where there is none. */
uint32_t deal_accept(uint32_t process) {
  for (uint32_t n = 0; n < DEALS; n++) {
    if (deals[n].state != CONNECTED || deals[n].accepted || deals[n].service != process) continue;
    deals[n].accepted = 1;
    return n + 1;
  }
  return 0;
}

int deal_served_by(uint32_t number, uint32_t process) {
  const struct deal *d = deal_of(number);
  return d != NULL && d->state == CONNECTED && d->accepted && d->service == process;
}

/* Moves bytes into a pipe (`put`) or out of it. How many; 0 now none; -1 the end, -2 the other side is gone. */
int32_t deal_move(uint32_t number, int inward, uint8_t *bytes, uint32_t length, int put) {
  struct deal *d = deal_of(number);
  if (d == NULL || d->state != CONNECTED || d->gone) return -2;
  struct pipe *p = inward ? &d->in : &d->out;
  uint32_t there = p->put - p->taken, room = put ? PIPE - there : there, n = length < room ? length : room;
  if (put && p->ended) return -2;
  if (!put && there == 0) return p->ended ? -1 : 0;
  for (uint32_t i = 0; i < n; i++) {
    if (put) p->bytes[(p->put + i) % PIPE] = bytes[i];
    else bytes[i] = p->bytes[(p->taken + i) % PIPE];
  }
  if (put) p->put += n;
  else p->taken += n;
  if (inward && !put) d->moved_in += n, counts.bytes_in += n;
  if (!inward && !put) d->moved_out += n, counts.bytes_out += n;
  if (n > 0) process_wake(inward == put ? d->service : INGRESSD);
  return (int32_t)n;
}

void deal_finish(uint32_t number, int inward) {
  struct deal *d = deal_of(number);
  if (d == NULL || d->state != CONNECTED) return;
  (inward ? &d->in : &d->out)->ended = 1;
  process_wake(inward ? d->service : INGRESSD);
}

/* `whole`: the client has acknowledged all that the service sent, and both have ended. */
void deal_close(uint32_t number, int whole) {
  struct deal *d = deal_of(number);
  uint32_t from[4];
  if (d == NULL) return;
  if (whole && d->state == CONNECTED && d->moved_in > 0 && d->moved_out > 0) counts.served++;
  if (d->state == CONNECTED) process_wake(d->service);
  address(from, d->source);
  ingress_clock(clock_ms(), 0);
  ingress_release(d->listener, from);
  d->state = FREE;
}

/* A stopped process: its connections go; those of ingressd are all. */
void deals_end_of(uint32_t process) {
  for (uint32_t n = 0; n < DEALS; n++) {
    struct deal *d = &deals[n];
    if (process == INGRESSD && d->state != FREE) deal_close(n + 1, 0);
    else if (d->state == CONNECTED && d->service == process) d->gone = 1;
  }
  if (process != INGRESSD) process_wake(INGRESSD);
}
