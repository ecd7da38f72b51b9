// What all modes share, and the command line:
//   load backend ECHO_PORT BULK_PORT UDP_PORT
//   load ping|refused|bulk|datagrams|connects ADDRESS PORT [key=value …]
#define _GNU_SOURCE
#include "load.h"
#include <sys/resource.h>

void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, errno == 0 ? "failed" : strerror(errno));
  exit(1);
}

const uint8_t *pattern(void) {
  static uint8_t *bytes;
  if (bytes != NULL) return bytes;
  bytes = malloc(PERIOD + CHUNK);
  uint32_t x = 2463534242u;
  for (size_t i = 0; i < PERIOD; i++) {
    x ^= x << 13; x ^= x >> 17; x ^= x << 5;
    bytes[i] = (uint8_t)x;
  }
  memcpy(bytes + PERIOD, bytes, CHUNK);
  return bytes;
}

uint64_t wrong_bytes(const uint8_t *got, const uint8_t *want, size_t n) {
  if (memcmp(got, want, n) == 0) return 0;
  uint64_t wrong = 0;
  for (size_t i = 0; i < n; i++) wrong += got[i] != want[i];
  return wrong;
}

int watched(int epoll, int fd, void *mark) {
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = mark };
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static uint32_t *listed;
static size_t listed_count;

static void read_addresses(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) die(path);
  char line[64];
  while (fgets(line, sizeof line, file) != NULL) {
    struct in_addr address;
    line[strcspn(line, "\n")] = 0;
    if (inet_pton(AF_INET, line, &address) != 1) die("an address of the list");
    listed = realloc(listed, (listed_count + 1) * sizeof *listed);
    listed[listed_count++] = ntohl(address.s_addr);
  }
  fclose(file);
}

uint32_t source_of(const struct options *o) {
  static uint32_t turn;
  turn++;
  if (listed_count > 0) return listed[turn % listed_count];
  return o->first + turn % o->addresses;
}

int dial(const struct options *o, int type) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int yes = 1;
  struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(source_of(o)) };
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  if (type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0) {
    if (connect(fd, (const struct sockaddr *)&o->to, sizeof o->to) == 0 || errno == EINPROGRESS) return fd;
  }
  close(fd);
  return -1;
}

void add_latency(struct latencies *l, uint64_t from) {
  if (l->count == l->room) {
    l->room = l->room == 0 ? 65536 : 2 * l->room;
    l->ms = realloc(l->ms, l->room * sizeof *l->ms);
    if (l->ms == NULL) die("latencies");
  }
  l->ms[l->count++] = (float)((double)(now_ns() - from) / 1e6);
}

static int by_size(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

void print_latencies(const char *name, struct latencies *l) {
  if (l->count == 0) return;
  qsort(l->ms, l->count, sizeof *l->ms, by_size);
  const double shares[] = { .5, .99, .999, 1 };
  const char *names[] = { "p50", "p99", "p999", "most" };
  printf(",\"%s\":{\"count\":%zu", name, l->count);
  for (int i = 0; i < 4; i++) {
    size_t at = (size_t)(shares[i] * (double)l->count);
    printf(",\"%s\":%.4f", names[i], l->ms[at < l->count ? at : l->count - 1]);
  }
  printf("}");
}

void print_outcome(struct outcome *o, uint64_t from) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  printf("{\"done\":%lu,\"failed\":%lu,\"wrong\":%lu,\"seconds\":%.4f,\"cpuSeconds\":%.4f", o->done, o->failed, o->wrong, (double)(now_ns() - from) / 1e9, cpu);
  print_latencies("latency", &o->all);
  print_latencies("honest", &o->honest);
  printf("}\n");
  fflush(stdout);
}

static void option(struct options *o, const char *text) {
  const char *value = strchr(text, '=');
  if (value == NULL) die(text);
  size_t n = (size_t)(value++ - text);
  struct in_addr address;
#define IS(name) (strlen(name) == n && strncmp(text, name, n) == 0)
  if (IS("from")) { if (inet_pton(AF_INET, value, &address) != 1) die(text); o->first = ntohl(address.s_addr); }
  else if (IS("addresses")) o->addresses = (uint32_t)atoi(value);
  else if (IS("list")) read_addresses(value);
  else if (IS("concurrency")) o->concurrency = atoi(value);
  else if (IS("rate")) o->rate = atoi(value);
  else if (IS("reference")) o->reference = atoi(value);
  else if (IS("honest")) o->honest_rate = atoi(value);
  else if (IS("seconds")) o->seconds = atof(value);
  else if (IS("count")) o->count = strtoull(value, NULL, 10);
  else if (IS("bytes")) o->bytes = strtoull(value, NULL, 10);
  else if (IS("payload")) o->payload = strtoull(value, NULL, 10);
  else if (IS("tls")) o->tls = atoi(value) != 0;
  else if (IS("hello")) o->hello = atoi(value) != 0;
  else if (IS("keep")) o->keep = atoi(value) != 0;
  else if (IS("cert")) o->cert = value;
  else if (IS("key")) o->key = value;
  else die(text);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  errno = 0;
  if (argc == 5 && strcmp(argv[1], "backend") == 0) run_backend(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
  if (argc < 4) die("usage: load MODE ADDRESS PORT [key=value ...]");
  struct options o = { .mode = argv[1], .first = 0x7f000101, .addresses = 200, .concurrency = 32, .seconds = 1, .payload = 64 };
  o.to.sin_family = AF_INET;
  o.to.sin_port = htons((uint16_t)atoi(argv[3]));
  if (inet_pton(AF_INET, argv[2], &o.to.sin_addr) != 1) die(argv[2]);
  for (int i = 4; i < argc; i++) option(&o, argv[i]);
  if (o.payload < 16 || o.payload > PAYLOAD_MOST) die("payload");
  if (o.tls) start_tls(&o);
  if (strcmp(o.mode, "ping") == 0) run_pings(&o);
  else if (strcmp(o.mode, "refused") == 0) run_refused(&o);
  else if (strcmp(o.mode, "bulk") == 0) run_bulk(&o);
  else if (strcmp(o.mode, "datagrams") == 0) run_datagrams(&o);
  else if (strcmp(o.mode, "connects") == 0 && o.rate > 0) run_connects(&o);
  else die("no such mode");
  return 0;
}
