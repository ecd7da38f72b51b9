// The service behind every proxy: one port echoes until the end, one sends as many bytes of the pattern as
// the first eight bytes say (little endian), one echoes datagrams.
#define _GNU_SOURCE
#include "load.h"

struct served { int fd; bool bulk, wanted, ended; uint8_t want[8]; size_t have; uint64_t left, at; uint8_t *rest; size_t rest_size; };

static void end(struct served *s) {
  close(s->fd);
  free(s->rest);
  free(s);
}

static int listening(int port, int type) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0) die("backend port");
  if (type == SOCK_STREAM && listen(fd, 4096) != 0) die("listen");
  return fd;
}

/** Whether the connection continues. */
static bool echo(struct served *s) {
  static uint8_t buffer[CHUNK];
  for (;;) {
    while (s->rest_size > 0) {
      ssize_t n = send(s->fd, s->rest, s->rest_size, 0);
      if (n < 0) return errno == EAGAIN;
      memmove(s->rest, s->rest + n, s->rest_size -= (size_t)n);
    }
    ssize_t n = recv(s->fd, buffer, sizeof buffer, 0);
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    ssize_t sent = send(s->fd, buffer, (size_t)n, 0);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) sent = 0;
    if (sent == n) { if (n < (ssize_t)sizeof buffer) return true; continue; }
    s->rest = realloc(s->rest, (size_t)(n - sent));
    memcpy(s->rest, buffer + sent, s->rest_size = (size_t)(n - sent));
  }
}

static bool bulk(struct served *s) {
  while (!s->wanted) {
    ssize_t n = recv(s->fd, s->want + s->have, 8 - s->have, 0);
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    if ((s->have += (size_t)n) < 8) continue;
    s->wanted = true;
    memcpy(&s->left, s->want, 8);
  }
  while (s->left > 0) {
    size_t want = s->left < CHUNK ? s->left : CHUNK;
    ssize_t n = send(s->fd, pattern() + s->at % PERIOD, want, 0);
    if (n < 0) return errno == EAGAIN;
    s->at += (uint64_t)n;
    s->left -= (uint64_t)n;
  }
  if (!s->ended) { shutdown(s->fd, SHUT_WR); s->ended = true; }
  uint8_t more[64];
  for (;;) {
    ssize_t n = recv(s->fd, more, sizeof more, 0);
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
  }
}

static void datagrams(int fd) {
  uint8_t buffer[2048];
  struct sockaddr_in from;
  for (;;) {
    socklen_t size = sizeof from;
    ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &size);
    if (n < 0) return;
    sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, size);
  }
}

void run_backend(int echo_port, int bulk_port, int udp_port) {
  int epoll = epoll_create1(EPOLL_CLOEXEC), yes = 1;
  int listeners[] = { listening(echo_port, SOCK_STREAM), listening(bulk_port, SOCK_STREAM), listening(udp_port, SOCK_DGRAM) };
  struct served marks[3] = { { .fd = listeners[0] }, { .fd = listeners[1], .bulk = true }, { .fd = listeners[2] } };
  for (int i = 0; i < 3; i++) {
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &marks[i] };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[i], &event) != 0) die("epoll_ctl");
  }
  printf("ready\n");
  fflush(stdout);
  struct epoll_event events[256];
  for (;;) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      struct served *s = events[i].data.ptr;
      if (s == &marks[2]) { datagrams(s->fd); continue; }
      if (s != &marks[0] && s != &marks[1]) {
        if (!(s->bulk ? bulk(s) : echo(s))) end(s);
        continue;
      }
      for (int fd; (fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct served *one = calloc(1, sizeof *one);
        one->fd = fd;
        one->bulk = s->bulk;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (watched(epoll, fd, one) != 0) end(one);
      }
    }
  }
}
