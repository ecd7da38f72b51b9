/* Flows. The kernel has one for each connection that the policy module has admitted, with its two pipes.
 * Only a flow in state ALLOWED can be connected to a service, so ingressd cannot pass any byte that the
 * module has not allowed, even if it is compromised. */
#include "kernel.h"
#include "abi.h"
#include "host.h"
#include <string.h>

#define FLOWS 32
#define PIPE 2048
#define TCP 6

struct pipe {
  uint8_t bytes[PIPE];
  uint32_t put, taken; /* byte counts, which wrap */
  int ended;
};

static struct flow {
  enum { FREE, OPEN, REFUSED, ALLOWED, CONNECTED } state;
  uint32_t listener, source, service;
  int accepted, gone;      /* the service has accepted it; the service was stopped */
  uint32_t moved_in, moved_out;
  struct pipe in, out;     /* to the service and from it */
} flows[FLOWS];

static uint32_t last_rate_denied;

/* The frame that ingressd has now: its source and port, which lie at fixed places if it is IPv4 without options and tcp for
 * our address. Only a client with these can be peeked at or admitted, and admitted once. */
static struct {
  uint32_t source, port;
  int is_new;
} current;

static uint32_t word(const uint8_t *at) { return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]; }

void flow_frame(const uint8_t *frame, uint32_t length) {
  current.is_new = length >= 54 && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45 && frame[23] == TCP && word(frame + 30) == own_address;
  if (!current.is_new) return;
  current.source = word(frame + 26);
  current.port = (uint32_t)frame[36] << 8 | frame[37];
}

static int is_current(uint32_t port, uint32_t source) { return current.is_new && current.port == port && current.source == source; }

static void address(uint32_t words[4], uint32_t source) {
  words[0] = words[1] = 0;
  words[2] = 0xffff;
  words[3] = source;
}

/* Whether the answer lets the connection continue. A refusal is counted and printed. */
static int allowed(struct ingress_answer answer) {
  if (answer.verdict == INGRESS_ALLOW || answer.verdict == INGRESS_OPEN) return 1;
  counts.denied[answer.reason & 7]++;
  marker_deny(answer.reason);
  return 0;
}

/* The listener at a port, or -1 if ingressd has not bound the port. */
static int32_t listener_at(uint32_t port) {
  uint32_t own[4];
  address(own, own_address);
  ingress_clock(clock_ms(), 0);
  return policy_is_open(port) ? ingress_listener_at(TCP, port, own) : -1;
}

/* The process with the listener's name, if it runs and has bound its loopback port; else -1. */
static int32_t service_of(uint32_t listener) {
  const uint64_t owner = policy_owner(listener);
  for (uint32_t i = 0; i < PROCESSES; i++) {
    const struct process *p = &processes[i];
    if (p->serves == owner && p->port != 0 && (p->state == READY || p->state == BLOCKED)) return (int32_t)i;
  }
  return -1;
}

static const struct ingress_answer not_exposed = {INGRESS_DENY, INGRESS_REASON_POLICY, INGRESS_CODE_NOT_EXPOSED, INGRESS_NO_RULE, 0};

/* The listener at a port, or -1 if its service is not registered. Where exposes share the port, the name decides which one it is. */
static int32_t served_at(uint32_t port) {
  const int32_t listener = listener_at(port);
  if (listener >= 0 && !policy_is_group((uint32_t)listener) && service_of((uint32_t)listener) < 0) return -1;
  return listener;
}

int32_t flow_peek(uint32_t port, uint32_t source) {
  if (!is_current(port, source)) return 0;
  int32_t listener = served_at(port);
  uint32_t from[4];
  address(from, source);
  return allowed(listener < 0 ? not_exposed : ingress_accept((uint32_t)listener, from));
}

int32_t flow_admit(uint32_t port, uint32_t source) {
  uint32_t from[4], n = 0;
  if (!is_current(port, source)) return 0;
  current.is_new = 0;
  while (n < FLOWS && flows[n].state != FREE) n++;
  /* The service may have unregistered since the SYN. Then nothing is charged. */
  int32_t listener = served_at(port);
  if (n == FLOWS) return 0;
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
  struct flow *f = &flows[n];
  memset(f, 0, sizeof *f);
  f->listener = (uint32_t)listener;
  f->source = source;
  f->state = answer.verdict == INGRESS_ALLOW ? ALLOWED : OPEN;
  if (f->state == ALLOWED) counts.allowed++;
  return (int32_t)((n + 1) << 1 | (f->state == OPEN));
}

static struct flow *flow_of(uint32_t number) {
  return number >= 1 && number <= FLOWS && flows[number - 1].state != FREE ? &flows[number - 1] : NULL;
}

/* Called once per flow. If `bytes` is -1 the hello was malformed, and the module is not called. */
int32_t flow_hello(uint32_t number, const char *name, int32_t bytes) {
  static const struct ingress_answer malformed = {INGRESS_DENY, INGRESS_REASON_SNI, INGRESS_CODE_HELLO_MALFORMED, INGRESS_NO_RULE, 0};
  struct flow *f = flow_of(number);
  uint32_t from[4];
  if (f == NULL || f->state != OPEN) return 0;
  address(from, f->source);
  ingress_clock(clock_ms(), 0);
  struct ingress_answer answer = bytes < 0 ? malformed : ingress_hello(f->listener, from, bytes == 0 ? NULL : name, (size_t)bytes);
  /* At a shared port the name has led to a listener, whose caps and limits are charged now. */
  const uint32_t led = answer.listener;
  const int at_group = answer.verdict == INGRESS_ALLOW && led != f->listener;
  if (at_group) answer = service_of(led) < 0 ? not_exposed : ingress_charge(led, from);
  /* This machine has no phase after the name. */
  if (answer.verdict != INGRESS_ALLOW) {
    if (answer.verdict == INGRESS_OPEN) answer = not_exposed;
    allowed(answer);
    f->state = REFUSED;
    return 0;
  }
  if (at_group) f->listener = led;
  f->state = ALLOWED;
  counts.allowed++;
  return 1;
}

/* Connects the flow to the service with the listener's name. */
int32_t flow_connect(uint32_t number) {
  struct flow *f = flow_of(number);
  if (f == NULL || f->state != ALLOWED) return 0;
  int32_t service = service_of(f->listener);
  if (service < 0) return 0;
  f->service = (uint32_t)service;
  f->state = CONNECTED;
  process_wake(f->service);
  return 1;
}

/* The next connection that this service has not accepted yet, or 0. */
uint32_t flow_accept(uint32_t process) {
  for (uint32_t n = 0; n < FLOWS; n++) {
    if (flows[n].state != CONNECTED || flows[n].accepted || flows[n].service != process) continue;
    flows[n].accepted = 1;
    return n + 1;
  }
  return 0;
}

int flow_served_by(uint32_t number, uint32_t process) {
  const struct flow *f = flow_of(number);
  return f != NULL && f->state == CONNECTED && f->accepted && f->service == process;
}

/* Copies bytes into a pipe (`put`) or out of it. Returns their number; 0: none now, -1: end of stream, -2: the other side is gone. */
int32_t flow_move(uint32_t number, int inward, uint8_t *bytes, uint32_t length, int put) {
  struct flow *f = flow_of(number);
  if (f == NULL || f->state != CONNECTED || f->gone) return -2;
  struct pipe *p = inward ? &f->in : &f->out;
  uint32_t there = p->put - p->taken, space = put ? PIPE - there : there, n = length < space ? length : space;
  if (put && p->ended) return -2;
  if (!put && there == 0) return p->ended ? -1 : 0;
  for (uint32_t i = 0; i < n; i++) {
    if (put) p->bytes[(p->put + i) % PIPE] = bytes[i];
    else bytes[i] = p->bytes[(p->taken + i) % PIPE];
  }
  if (put) p->put += n;
  else p->taken += n;
  if (inward && !put) f->moved_in += n, counts.bytes_in += n;
  if (!inward && !put) f->moved_out += n, counts.bytes_out += n;
  if (n > 0) process_wake(inward == put ? f->service : INGRESSD);
  return (int32_t)n;
}

void flow_finish(uint32_t number, int inward) {
  struct flow *f = flow_of(number);
  if (f == NULL || f->state != CONNECTED) return;
  (inward ? &f->in : &f->out)->ended = 1;
  process_wake(inward ? f->service : INGRESSD);
}

/* `whole`: the client has acknowledged everything that the service sent, and both halves have ended. */
void flow_close(uint32_t number, int whole) {
  struct flow *f = flow_of(number);
  uint32_t from[4];
  if (f == NULL) return;
  if (whole && f->state == CONNECTED && f->moved_in > 0 && f->moved_out > 0) counts.served++;
  if (f->state == CONNECTED) process_wake(f->service);
  address(from, f->source);
  ingress_clock(clock_ms(), 0);
  ingress_release(f->listener, from);
  f->state = FREE;
}

/* Ends the flows of a stopped process; for ingressd, all flows. */
void flows_end_of(uint32_t process) {
  for (uint32_t n = 0; n < FLOWS; n++) {
    struct flow *f = &flows[n];
    if (process == INGRESSD && f->state != FREE) flow_close(n + 1, 0);
    else if (f->state == CONNECTED && f->service == process) f->gone = 1;
  }
  if (process != INGRESSD) process_wake(INGRESSD);
}
