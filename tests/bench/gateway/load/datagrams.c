// Datagrams that are echoed: one under way for each of `concurrency` sources. One that has not come back after
// 200 ms counts as failed, and the source sends the next.
#define _GNU_SOURCE
#include "load.h"

struct flow { int fd; uint64_t number, sent; };

static void say(struct flow *f, const struct options *o) {
  static uint64_t numbered;
  uint8_t payload[PAYLOAD_MOST];
  f->number = ++numbered;
  f->sent = now_ns();
  memcpy(payload, pattern() + f->number % PERIOD, o->payload);
  memcpy(payload, &f->number, 8);
  send(f->fd, payload, o->payload, 0);
}

void run_datagrams(const struct options *o) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct outcome result = { 0 };
  struct flow *flows = calloc((size_t)o->concurrency, sizeof *flows);
  uint64_t from = now_ns(), until = from + (uint64_t)(o->seconds * 1e9), swept = from;
  for (int i = 0; i < o->concurrency; i++) {
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &flows[i] };
    if ((flows[i].fd = dial(o, SOCK_DGRAM)) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, flows[i].fd, &event) != 0) die("flow");
    say(&flows[i], o);
  }
  struct epoll_event events[256];
  for (uint64_t now; (now = now_ns()) < until;) {
    int n = epoll_wait(epoll, events, 256, 50);
    for (int i = 0; i < n; i++) {
      struct flow *f = events[i].data.ptr;
      uint8_t got[PAYLOAD_MOST], want[PAYLOAD_MOST];
      ssize_t size = recv(f->fd, got, sizeof got, 0);
      if (size < 0 && errno == EAGAIN) continue;
      memcpy(want, pattern() + f->number % PERIOD, o->payload);
      memcpy(want, &f->number, 8);
      // One that was given up and comes late is no answer to the present one.
      uint64_t number = 0;
      if (size >= 8) memcpy(&number, got, 8);
      if (size >= 8 && number < f->number) continue;
      if (size < 0) result.failed++;
      else if ((uint64_t)size != o->payload) result.wrong += o->payload;
      else {
        result.wrong += wrong_bytes(got, want, o->payload);
        result.done++;
      }
      say(f, o);
    }
    if (now - swept < 50000000u) continue;
    swept = now;
    for (int i = 0; i < o->concurrency; i++) {
      if (now < flows[i].sent + 200000000u) continue;
      result.failed++;
      say(&flows[i], o);
    }
  }
  print_outcome(&result, from);
}
