// The load of `npm run bench:gateway`: clients and backend in one single-threaded process, all sockets
// in one edge-triggered epoll. Numbers are in nanoseconds and bytes.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/** The bytes of a bulk transfer repeat after this many, a prime: no displaced block fits. */
#define PERIOD 1000003
#define CHUNK 262144
/** The largest payload of a ping: a ClientHello. */
#define PAYLOAD_MOST 2048

struct options {
  const char *mode;
  struct sockaddr_in to;
  /** Clients come from addresses `first`, `first + 1`, … in turn. */
  uint32_t first, addresses;
  const char *addresses_file;
  int concurrency, rate, honest_rate;
  /** A port that is reached without a proxy; 0: none. */
  int reference;
  double seconds;
  uint64_t count, bytes, payload;
  bool tls, hello, keep;
  const char *cert, *key;
};

struct latencies { float *ms; size_t count, room; };

struct outcome {
  uint64_t done, failed, wrong;
  struct latencies all, honest;
};

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void die(const char *what);
/** PERIOD + CHUNK bytes. */
const uint8_t *pattern(void);
uint64_t wrong_bytes(const uint8_t *got, const uint8_t *want, size_t n);
int watched(int epoll, int fd, void *mark);
/** A nonblocking socket whose connection is under way; -1 where no connection can start. */
int dial(const struct options *o, int type);
uint32_t source_of(const struct options *o);
void add_latency(struct latencies *l, uint64_t from);
/** `,"name":{…}`; nothing where there are none. */
void print_latencies(const char *name, struct latencies *l);
void print_outcome(struct outcome *o, uint64_t from);

void run_backend(int echo_port, int bulk_port, int udp_port);
void run_pings(const struct options *o);
void run_refused(const struct options *o);
void run_bulk(const struct options *o);
void run_datagrams(const struct options *o);
void run_connects(const struct options *o);
void start_tls(const struct options *o);
SSL *new_tls(int fd);
/** A ClientHello of OpenSSL for bench.test, without a connection. */
size_t make_hello(uint8_t *into, size_t room);
