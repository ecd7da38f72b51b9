// Clients that connect, send a payload and want it back. Closed: a number of them at all times, each begins again
// when it is over (with keep=1 on the same connection). Open: with rate=N, N begin a second whatever the others
// do, and a latency counts from the moment at which the client was due. With count=N and keep=1: N connections stay
// open until standard input ends, and then each is tried once more.
#define _GNU_SOURCE
#include "load.h"
#include <poll.h>

struct client { int fd; SSL *ssl; bool honest, sent, shaken, closing; size_t have; uint64_t from; uint8_t payload[PAYLOAD_MOST]; struct client *next; };

static const struct options *o;
static struct outcome result;
static int epoll;
static size_t payload_size, live;
static uint8_t hello[PAYLOAD_MOST];
static uint64_t numbered, until;
/** Whether connections stay open after one ping. */
static bool resting;
static struct client *unused, **rested;
static size_t rested_count, ready_count;

static bool begin(uint64_t due, bool honest);

static void fill(struct client *c) {
  uint64_t number = ++numbered;
  memcpy(c->payload, o->hello ? hello : pattern() + number % PERIOD, payload_size);
  // In a ClientHello the random bytes begin at 11.
  memcpy(c->payload + (o->hello ? 16 : 0), &number, sizeof number);
  c->sent = false;
  c->have = 0;
}

static void finish(struct client *c, bool good) {
  if (good) result.done++; else result.failed++;
  if (c->ssl != NULL) {
    if (good) SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    c->ssl = NULL;
  }
  close(c->fd);
  c->fd = -1;
  live--;
  // `rested` has it.
  if (resting) return;
  c->next = unused;
  unused = c;
  if (o->rate == 0 && now_ns() < until) begin(now_ns(), false);
}

/** -1: an error or an end; -2: not now. */
static ssize_t moved(struct client *c, int n) {
  if (c->ssl == NULL) return n > 0 ? n : n < 0 && errno == EAGAIN ? -2 : -1;
  if (n > 0) return n;
  int why = SSL_get_error(c->ssl, n);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -2 : -1;
}

static void step(struct client *c) {
  static uint8_t buffer[PAYLOAD_MOST];
  if (c->fd < 0) return;
  for (;;) {
    if (c->ssl != NULL && !c->shaken) {
      ssize_t n = moved(c, SSL_do_handshake(c->ssl));
      if (n == -2) return;
      if (n < 0) return finish(c, false);
      c->shaken = true;
    }
    if (!c->sent) {
      ssize_t n = moved(c, c->ssl != NULL ? SSL_write(c->ssl, c->payload, (int)payload_size) : (int)send(c->fd, c->payload, payload_size, 0));
      if (n == -2) return;
      if (n != (ssize_t)payload_size) return finish(c, false);
      c->sent = true;
    }
    ssize_t n = moved(c, c->ssl != NULL ? SSL_read(c->ssl, buffer, sizeof buffer) : (int)recv(c->fd, buffer, sizeof buffer, 0));
    if (n == -2) return;
    if (n < 0) return finish(c, false);
    size_t fits = c->have + (size_t)n <= payload_size ? (size_t)n : payload_size - c->have;
    result.wrong += wrong_bytes(buffer, c->payload + c->have, fits) + ((size_t)n - fits);
    if ((c->have += (size_t)n) < payload_size) continue;
    if (o->rate > 0) add_latency(c->honest ? &result.honest : &result.all, c->from);
    if (resting) {
      if (c->closing) return finish(c, true);
      ready_count++;
      return;
    }
    if (!o->keep || now_ns() >= until) return finish(c, true);
    result.done++;
    fill(c);
  }
}

/** Whether its connection could be begun. */
static bool begin(uint64_t due, bool honest) {
  struct client *c = unused;
  if (c != NULL) unused = c->next;
  else c = calloc(1, sizeof *c);
  c->fd = dial(o, SOCK_STREAM);
  c->ssl = NULL;
  c->honest = honest;
  c->shaken = c->closing = false;
  c->from = due;
  live++;
  if (c->fd < 0) {
    // The next round of the closed loop would fail in the same way.
    result.failed++;
    live--;
    c->next = unused;
    unused = c;
    return false;
  }
  fill(c);
  if (o->tls) c->ssl = new_tls(c->fd);
  if (resting) rested[rested_count++] = c;
  if (watched(epoll, c->fd, c) != 0) die("epoll_ctl");
  return true;
}

static void turn_until(uint64_t ns) {
  struct epoll_event events[256];
  uint64_t now = now_ns(), wait = ns > now ? ns - now : 0;
  struct timespec most = { (time_t)(wait / 1000000000u), (long)(wait % 1000000000u) };
  int n = epoll_pwait2(epoll, events, 256, &most, NULL);
  for (int i = 0; i < n; i++) step(events[i].data.ptr);
}

static void turn(uint64_t wait_ms) {
  turn_until(now_ns() + wait_ms * 1000000u);
}

static void rest(void) {
  rested = calloc(o->count, sizeof *rested);
  resting = true;
  uint64_t last = now_ns() + 60000000000u;
  while (ready_count + result.failed < o->count && now_ns() < last) {
    while (rested_count < o->count && (size_t)live < ready_count + (size_t)o->concurrency) {
      if (!begin(now_ns(), false)) rested[rested_count++] = NULL;
    }
    turn(10);
  }
  printf("{\"resting\":%zu,\"failed\":%lu}\n", ready_count, result.failed);
  fflush(stdout);
  struct pollfd input = { .fd = 0, .events = POLLIN };
  while (poll(&input, 1, 0) == 0) turn(20);
  uint64_t from = now_ns();
  for (size_t i = 0; i < rested_count; i++) {
    struct client *c = rested[i];
    if (c == NULL || c->fd < 0) continue;
    fill(c);
    c->closing = true;
    step(c);
    if (i % 64 == 0) turn(0);
  }
  while (live > 0 && now_ns() - from < 20000000000u) turn(20);
  result.failed += live;
  print_outcome(&result, from);
}

static void open_loop(void) {
  uint64_t from = now_ns(), steps = 0, honest = 0;
  until = from + (uint64_t)(o->seconds * 1e9);
  for (uint64_t now; (now = now_ns()) < until;) {
    uint64_t due, honest_due = until;
    for (; (due = from + steps * 1000000000u / (uint64_t)o->rate) <= now; steps++) begin(due, false);
    if (o->honest_rate > 0) {
      for (; (honest_due = from + honest * 1000000000u / (uint64_t)o->honest_rate) <= now; honest++) begin(honest_due, true);
    }
    turn_until(due < honest_due ? due : honest_due);
  }
  // What has not come back by then counts with the time that it waited.
  uint64_t last = now_ns() + 10000000000u;
  while (live > 0 && now_ns() < last) turn(10);
  result.failed += live;
  print_outcome(&result, from);
}

void run_pings(const struct options *options) {
  o = options;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  payload_size = o->hello ? make_hello(hello, sizeof hello) : o->payload;
  if (o->count > 0) return rest();
  if (o->rate > 0) return open_loop();
  uint64_t from = now_ns();
  until = from + (uint64_t)(o->seconds * 1e9);
  for (int i = 0; i < o->concurrency; i++) begin(from, false);
  while (live > 0 && now_ns() < until + 10000000000u) turn(100);
  result.failed += live;
  print_outcome(&result, from);
}
