// Clients of a source that is not allowed: each connects, sends nothing, and expects an end without a byte.
#define _GNU_SOURCE
#include "load.h"

static int begin(const struct options *o, int epoll) {
  int fd = dial(o, SOCK_STREAM);
  struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = fd };
  if (fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  return fd;
}

void run_refused(const struct options *o) {
  int epoll = epoll_create1(EPOLL_CLOEXEC), live = 0;
  struct outcome result = { 0 };
  uint64_t from = now_ns(), until = from + (uint64_t)(o->seconds * 1e9);
  for (int i = 0; i < o->concurrency; i++) {
    if (begin(o, epoll) >= 0) live++; else result.failed++;
  }
  struct epoll_event events[256];
  while (live > 0 && now_ns() < until + 10000000000u) {
    int n = epoll_wait(epoll, events, 256, 100);
    for (int i = 0; i < n; i++) {
      uint8_t buffer[64];
      int fd = events[i].data.fd;
      ssize_t got = recv(fd, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EAGAIN) continue;
      if (got > 0) result.wrong += (uint64_t)got;
      else if (got == 0 || errno == ECONNRESET) result.done++;
      else result.failed++;
      close(fd);
      live--;
      if (now_ns() >= until) continue;
      if (begin(o, epoll) >= 0) live++; else result.failed++;
    }
  }
  result.failed += (uint64_t)live;
  print_outcome(&result, from);
}
