// The load of the long soak checks: visitors of every kind and the backends that they reach, in one process that costs
// less than the gateway does.
//
//   visitors BACKEND_PORT UDP_BACKEND_PORT CERT KEY KIND=PORT …    visits come by turns in the order of the kinds
//
// Each line `COUNT AT_ONCE RATE` of standard input is a run (RATE per second; 0: as fast as they end); its outcome is a
// line of JSON, by kind: how many were as they should be, how many not, and how many bytes were wrong.
#define _GNU_SOURCE
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

enum kind { PLAIN, PASSTHROUGH, TLS, MTLS, REFUSED, ABORT_PLAIN, ABORT_PASSTHROUGH, ABORT_TLS, UDP, KINDS };
static const char *const names[KINDS] = { "plain", "passthrough", "tls", "mtls", "refused", "abort_plain", "abort_passthrough", "abort_tls", "udp" };
static const char *const SERVER = "www.example.com";
#define MOST_TURNS 64
#define MOST_AT_ONCE 512
#define PAYLOAD 64
#define ROOM 2048
/** Datagrams of one flow. */
#define ROUNDS 3
#define AGAIN_NS 300000000u
#define STUCK_NS 20000000000u

struct end { enum { LISTENS, ECHOES, ECHOES_DATAGRAMS, INPUT, VISITS } role; int fd; };
struct visit {
  struct end end;
  enum kind kind;
  SSL *ssl;
  bool shaken, sent, live;
  uint64_t number, from, said;
  int rounds, tries;
  size_t size, have;
  uint8_t payload[ROOM];
};

static struct { enum kind kind; uint16_t port; } turns[MOST_TURNS];
static size_t turn_count, live;
static struct visit visits[MOST_AT_ONCE];
static struct { uint64_t good, bad, wrong; } outcomes[KINDS];
static int epoll;
static uint64_t numbered;
static uint8_t hello[ROOM];
static size_t hello_size;
static SSL_CTX *context, *mutual;
static SSL_SESSION *last;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void watch(struct end *end, uint32_t events) {
  struct epoll_event event = { .events = events, .data.ptr = end };
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, end->fd, &event) != 0) die("epoll_ctl");
}

static struct sockaddr_in address(uint32_t host, uint16_t port) {
  return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host) };
}

static void serve(struct end *end, int type, uint16_t port) {
  struct sockaddr_in at = address(INADDR_LOOPBACK, port);
  int yes = 1, room = 4 << 20;
  end->fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(end->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  setsockopt(end->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (bind(end->fd, (struct sockaddr *)&at, sizeof at) != 0 || (type == SOCK_STREAM && listen(end->fd, 4096) != 0)) die("a backend");
  watch(end, EPOLLIN);
}

static void accept_all(const struct end *listener) {
  for (int fd; (fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    struct end *end = malloc(sizeof *end);
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    *end = (struct end){ .role = ECHOES, .fd = fd };
    watch(end, EPOLLIN);
  }
}

static void echo(struct end *end) {
  uint8_t bytes[65536];
  ssize_t n = recv(end->fd, bytes, sizeof bytes, 0);
  if (n < 0 && errno == EAGAIN) return;
  // The kernel has room for the few bytes of a visit.
  if (n > 0 && send(end->fd, bytes, (size_t)n, MSG_NOSIGNAL) == n) return;
  close(end->fd);
  free(end);
}

static void echo_datagrams(const struct end *end) {
  uint8_t bytes[ROOM];
  struct sockaddr_in from;
  for (;;) {
    socklen_t room = sizeof from;
    ssize_t n = recvfrom(end->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &room);
    if (n < 0) return;
    sendto(end->fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, room);
  }
}

static void finish(struct visit *v, bool good) {
  if (good) outcomes[v->kind].good++; else outcomes[v->kind].bad++;
  if (v->ssl != NULL) {
    if (good) SSL_shutdown(v->ssl);
    if (good && v->kind == TLS && v->number % 3 == 0) {
      SSL_SESSION_free(last);
      last = SSL_get1_session(v->ssl);
    }
    SSL_free(v->ssl);
  }
  close(v->end.fd);
  v->live = false;
  live--;
}

static void reset(struct visit *v) {
  struct linger now = { 1, 0 };
  setsockopt(v->end.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  finish(v, true);
}

static void start_tls(struct visit *v) {
  v->ssl = SSL_new(v->kind == MTLS ? mutual : context);
  if (v->ssl == NULL || SSL_set_fd(v->ssl, v->end.fd) != 1 || SSL_set_tlsext_host_name(v->ssl, SERVER) != 1) die("SSL_new");
  if (v->number % 4 == 0) SSL_set_max_proto_version(v->ssl, TLS1_2_VERSION);
  else if (v->kind == TLS && last != NULL && v->number % 2 == 0) SSL_set_session(v->ssl, last);
  SSL_set_connect_state(v->ssl);
}

static void say(struct visit *v) {
  v->said = now_ns();
  v->tries++;
  send(v->end.fd, v->payload, v->size, 0);
}

static void begin(void) {
  struct visit *v = visits;
  while (v->live) v++;
  uint64_t number = ++numbered;
  size_t turn = number % turn_count;
  enum kind kind = turns[turn].kind;
  *v = (struct visit){ .end = { .role = VISITS }, .kind = kind, .number = number, .from = now_ns(), .live = true, .size = PAYLOAD };
  live++;
  for (size_t i = 0; i < PAYLOAD; i++) v->payload[i] = (uint8_t)(number * 31 + i * 7);
  memcpy(v->payload, &number, sizeof number);
  if (kind == PASSTHROUGH || kind == ABORT_PASSTHROUGH || kind == ABORT_TLS) {
    memcpy(v->payload, hello, v->size = hello_size);
    // In a ClientHello the random bytes begin at 11.
    memcpy(v->payload + 16, &number, sizeof number);
  }
  int yes = 1, type = kind == UDP ? SOCK_DGRAM : SOCK_STREAM;
  // Those that are refused come from 127.9.0.0/16, all others from 127.0.1.0/24.
  struct sockaddr_in from = address(kind == REFUSED ? 0x7f090001 + number % 60000 : 0x7f000101 + number % 250, 0), to = address(INADDR_LOOPBACK, turns[turn].port);
  v->end.fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (v->end.fd < 0) die("socket");
  setsockopt(v->end.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  if (type == SOCK_STREAM) setsockopt(v->end.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (bind(v->end.fd, (struct sockaddr *)&from, sizeof from) != 0 || (connect(v->end.fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) return finish(v, false);
  if (kind == TLS || kind == MTLS) start_tls(v);
  watch(&v->end, kind == UDP ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  if (kind == UDP) say(v);
}

/** -1: an error or an end; -2: not now. */
static ssize_t moved(struct visit *v, int n) {
  if (v->ssl == NULL) return n > 0 ? n : n < 0 && errno == EAGAIN ? -2 : -1;
  if (n > 0) return n;
  int why = SSL_get_error(v->ssl, n);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -2 : -1;
}

static void step_datagram(struct visit *v) {
  uint8_t got[ROOM];
  ssize_t n = recv(v->end.fd, got, sizeof got, 0);
  if (n < 0) return;
  // The answer to one that was sent again.
  if ((size_t)n == v->size && got[8] != v->payload[8]) return;
  if ((size_t)n != v->size || memcmp(got, v->payload, v->size) != 0) outcomes[UDP].wrong += v->size;
  if (++v->rounds == ROUNDS) return finish(v, true);
  v->payload[8]++;
  v->tries = 0;
  say(v);
}

/** Ends with a reset: at once, in the middle of what is sent, behind all of it, or when something comes back. */
static void step_abort(struct visit *v) {
  uint8_t got[ROOM];
  int stage = (int)(v->number / turn_count % 4);
  if (!v->sent) {
    size_t some = stage == 0 ? 0 : stage == 1 ? v->size / 2 : v->size;
    if (some > 0 && send(v->end.fd, v->payload, some, 0) < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
    v->sent = true;
  }
  if (stage == 3 && recv(v->end.fd, got, sizeof got, 0) < 0 && errno == EAGAIN) return;
  reset(v);
}

static void step(struct visit *v) {
  uint8_t got[ROOM];
  if (v->kind == UDP) return step_datagram(v);
  struct tcp_info info;
  socklen_t room = sizeof info;
  if (getsockopt(v->end.fd, IPPROTO_TCP, TCP_INFO, &info, &room) == 0 && info.tcpi_state == 2) return;
  if (v->kind >= ABORT_PLAIN && v->kind <= ABORT_TLS) return step_abort(v);
  if (v->kind == REFUSED) {
    ssize_t n = recv(v->end.fd, got, sizeof got, 0);
    if (n < 0 && errno == EAGAIN) return;
    return finish(v, n == 0 || (n < 0 && errno == ECONNRESET));
  }
  if (v->ssl != NULL && !v->shaken) {
    ssize_t n = moved(v, SSL_do_handshake(v->ssl));
    if (n == -2) return;
    if (n < 0) return finish(v, false);
    v->shaken = true;
  }
  if (!v->sent) {
    ssize_t n = moved(v, v->ssl != NULL ? SSL_write(v->ssl, v->payload, (int)v->size) : (int)send(v->end.fd, v->payload, v->size, 0));
    if (n == -2) return;
    if (n != (ssize_t)v->size) return finish(v, false);
    v->sent = true;
  }
  while (v->have < v->size) {
    size_t want = v->size - v->have;
    ssize_t n = moved(v, v->ssl != NULL ? SSL_read(v->ssl, got, (int)want) : (int)recv(v->end.fd, got, want, 0));
    if (n == -2) return;
    if (n < 0) return finish(v, false);
    for (ssize_t i = 0; i < n; i++) outcomes[v->kind].wrong += got[i] != v->payload[v->have + (size_t)i];
    v->have += (size_t)n;
  }
  finish(v, true);
}

static void sweep(void) {
  uint64_t now = now_ns();
  for (struct visit *v = visits; v < visits + MOST_AT_ONCE; v++) {
    if (!v->live) continue;
    if (now - v->from > STUCK_NS || v->tries > 10) finish(v, false);
    else if (v->kind == UDP && now - v->said > AGAIN_NS) say(v);
  }
}

static void take(struct epoll_event *events, int count, const struct end *input, bool *has_input) {
  for (int i = 0; i < count; i++) {
    struct end *end = events[i].data.ptr;
    if (end == input) *has_input = true;
    else if (end->role == LISTENS) accept_all(end);
    else if (end->role == ECHOES) echo(end);
    else if (end->role == ECHOES_DATAGRAMS) echo_datagrams(end);
    else if (((struct visit *)end)->live) step((struct visit *)end);
  }
}

static void run(uint64_t count, size_t at_once, uint64_t rate) {
  struct epoll_event events[256];
  uint64_t from = now_ns(), begun = 0, swept = from;
  bool ignored = false;
  memset(outcomes, 0, sizeof outcomes);
  while (begun < count || live > 0) {
    uint64_t now = now_ns();
    while (begun < count && live < at_once && (rate == 0 || begun * 1000000000u / rate <= now - from)) {
      begun++;
      begin();
    }
    take(events, epoll_wait(epoll, events, 256, rate == 0 ? 50 : 2), NULL, &ignored);
    if (now - swept > 100000000u) {
      swept = now;
      sweep();
    }
  }
  printf("{\"seconds\":%.2f", (double)(now_ns() - from) / 1e9);
  for (int kind = 0; kind < KINDS; kind++) printf(",\"%s\":[%lu,%lu,%lu]", names[kind], outcomes[kind].good, outcomes[kind].bad, outcomes[kind].wrong);
  printf("}\n");
  fflush(stdout);
}

/** The first bytes that a client of OpenSSL sends. */
static void make_hello(void) {
  SSL *ssl = SSL_new(context);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);
  SSL_set_tlsext_host_name(ssl, SERVER);
  SSL_set_connect_state(ssl);
  SSL_do_handshake(ssl);
  int n = BIO_read(out, hello, sizeof hello);
  if (n < 64) die("ClientHello");
  hello_size = (size_t)n;
  SSL_free(ssl);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc < 6) die("usage: visitors BACKEND_PORT UDP_BACKEND_PORT CERT KEY KIND=PORT ...");
  epoll = epoll_create1(EPOLL_CLOEXEC);
  context = SSL_CTX_new(TLS_client_method());
  mutual = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_use_certificate_chain_file(mutual, argv[3]) != 1 || SSL_CTX_use_PrivateKey_file(mutual, argv[4], SSL_FILETYPE_PEM) != 1) die(argv[3]);
  make_hello();
  for (int i = 5; i < argc && turn_count < MOST_TURNS; i++) {
    const char *port = strchr(argv[i], '=');
    int kind = 0;
    while (port != NULL && kind < KINDS && (strlen(names[kind]) != (size_t)(port - argv[i]) || strncmp(names[kind], argv[i], (size_t)(port - argv[i])) != 0)) kind++;
    if (port == NULL || kind == KINDS) die(argv[i]);
    turns[turn_count].kind = (enum kind)kind;
    turns[turn_count++].port = (uint16_t)atoi(port + 1);
  }
  static struct end listener = { .role = LISTENS }, datagrams = { .role = ECHOES_DATAGRAMS }, input = { .role = INPUT, .fd = 0 };
  serve(&listener, SOCK_STREAM, (uint16_t)atoi(argv[1]));
  serve(&datagrams, SOCK_DGRAM, (uint16_t)atoi(argv[2]));
  watch(&input, EPOLLIN);
  printf("up\n");
  fflush(stdout);
  // Between two runs the backends continue.
  for (struct epoll_event events[256];;) {
    bool has_input = false;
    take(events, epoll_wait(epoll, events, 256, -1), &input, &has_input);
    if (!has_input) continue;
    char line[128];
    ssize_t n = read(0, line, sizeof line - 1);
    if (n <= 0) return 0;
    line[n] = 0;
    unsigned long count, at_once, rate;
    if (sscanf(line, "%lu %lu %lu", &count, &at_once, &rate) != 3 || at_once == 0 || at_once > MOST_AT_ONCE) die("a run");
    run(count, at_once, rate);
  }
}
