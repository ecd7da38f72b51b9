// Newcomers at a steady rate, whatever happens to those before: each connects, sends some bytes, wants them back and
// closes. Every tenth goes to the port `reference` without a proxy, so that the machine's own delays are known. It ends
// when standard input does. The latencies are of connect(2) alone, and until the echo.
#define _GNU_SOURCE
#include "load.h"
#include <poll.h>

#define PAYLOAD 16
/** Not a client that failed: what a client waits for longest. */
#define PATIENCE_NS 20000000000u

struct newcomer { int fd; bool direct, connected; uint64_t from; size_t have; struct newcomer *next; };

static struct outcome result;
/** `all` of an outcome are the newcomers', `honest` the reference's. */
static struct latencies served, direct_served;
static size_t live;
static struct newcomer *unused;
static uint64_t refused, reset, cut;

static void over(struct newcomer *c, int error) {
  if (error == 0) result.done++;
  else {
    result.failed++;
    if (error == ECONNREFUSED) refused++; else if (error == ECONNRESET) reset++; else cut++;
  }
  close(c->fd);
  c->fd = -1;
  c->next = unused;
  unused = c;
  live--;
}

static void advance(struct newcomer *c) {
  uint8_t buffer[PAYLOAD];
  if (c->fd < 0) return;
  if (!c->connected) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return over(c, error);
    ssize_t n = send(c->fd, pattern(), PAYLOAD, 0);
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
    if (n != PAYLOAD) return over(c, n < 0 ? errno : EPIPE);
    add_latency(c->direct ? &result.honest : &result.all, c->from);
    c->connected = true;
  }
  for (;;) {
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return over(c, n < 0 ? errno : EPIPE);
    if (memcmp(buffer, pattern() + c->have, (size_t)n) != 0) result.wrong++;
    if ((c->have += (size_t)n) < PAYLOAD) continue;
    add_latency(c->direct ? &direct_served : &served, c->from);
    return over(c, 0);
  }
}

static void begin(const struct options *o, int epoll, bool direct) {
  struct newcomer *c = unused;
  struct options to = *o;
  if (c != NULL) unused = c->next;
  else c = calloc(1, sizeof *c);
  if (direct) to.to.sin_port = htons((uint16_t)o->reference);
  *c = (struct newcomer){ .direct = direct, .from = now_ns() };
  c->fd = dial(&to, SOCK_STREAM);
  live++;
  if (c->fd < 0) return over(c, errno);
  if (watched(epoll, c->fd, c) != 0) die("epoll_ctl");
}

static void turn(int epoll, uint64_t most_ns) {
  struct epoll_event events[256];
  struct timespec most = { (time_t)(most_ns / 1000000000u), (long)(most_ns % 1000000000u) };
  int n = epoll_pwait2(epoll, events, 256, &most, NULL);
  for (int i = 0; i < n; i++) advance(events[i].data.ptr);
}

void run_connects(const struct options *o) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  uint64_t from = now_ns(), steps = 0;
  struct pollfd input = { .fd = 0, .events = POLLIN };
  while (poll(&input, 1, 0) == 0) {
    uint64_t due, now = now_ns();
    for (; (due = from + steps * 1000000000u / (uint64_t)o->rate) <= now; steps++) begin(o, epoll, o->reference != 0 && steps % 10 == 9);
    turn(epoll, due - now < 1000000u ? due - now : 1000000u);
  }
  uint64_t ended = now_ns();
  while (live > 0 && now_ns() - ended < PATIENCE_NS) turn(epoll, 10000000u);
  result.failed += live;
  printf("{\"begun\":%lu,\"refused\":%lu,\"reset\":%lu,\"cut\":%lu,\"silent\":%zu,\"perSecond\":%.1f", steps, refused, reset, cut, live, (double)steps * 1e9 / (double)(ended - from));
  print_latencies("served", &served);
  print_latencies("directServed", &direct_served);
  printf("}\n");
  print_outcome(&result, from);
}
