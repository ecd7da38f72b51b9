// Downloads: `concurrency` streams share `bytes`; every byte is compared with the pattern, and the end must come
// exactly after the last one.
#define _GNU_SOURCE
#include "load.h"

struct stream { int fd; bool wanted; uint64_t at; };

void run_bulk(const struct options *o) {
  int epoll = epoll_create1(EPOLL_CLOEXEC), live = 0;
  struct outcome result = { 0 };
  uint64_t each = o->bytes / (uint64_t)o->concurrency, from = now_ns();
  struct stream *streams = calloc((size_t)o->concurrency, sizeof *streams);
  static uint8_t buffer[CHUNK];
  pattern();
  for (int i = 0; i < o->concurrency; i++) {
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = &streams[i] };
    if ((streams[i].fd = dial(o, SOCK_STREAM)) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, streams[i].fd, &event) != 0) die("stream");
    live++;
  }
  struct epoll_event events[64];
  while (live > 0) {
    int n = epoll_wait(epoll, events, 64, 20000);
    if (n == 0) { result.failed += (uint64_t)live; break; }
    for (int i = 0; i < n; i++) {
      struct stream *s = events[i].data.ptr;
      if (!s->wanted) {
        if (send(s->fd, &each, 8, 0) != 8) die("a stream");
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };
        epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &event);
        s->wanted = true;
        continue;
      }
      ssize_t got = recv(s->fd, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EAGAIN) continue;
      if (got > 0) {
        result.wrong += wrong_bytes(buffer, pattern() + s->at % PERIOD, (size_t)got);
        s->at += (uint64_t)got;
        result.done += (uint64_t)got;
        continue;
      }
      if (got < 0 || s->at != each) result.failed++;
      close(s->fd);
      live--;
    }
  }
  print_outcome(&result, from);
}
