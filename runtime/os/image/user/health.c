/* The service `health`: one HTTP answer per connection, after the first empty line. */
#include "system.h"

static uint8_t bytes[512];
static struct { uint32_t id, seen; } open[32];

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

/* Whether two line ends in a row have come; a carriage return between them is ignored. */
static int is_whole(uint32_t *seen, const uint8_t *at, int64_t n) {
  for (; n > 0; n--, at++) {
    if (*at == '\n') *seen += 1;
    else if (*at != '\r') *seen = 0;
    if (*seen == 2) return 1;
  }
  return 0;
}

static int serve(uint32_t c, uint32_t *seen) {
  for (;;) {
    int64_t n = read(c, bytes, sizeof bytes);
    if (n == 0) return 1;
    if (n < 0) {
      finish(c);
      return 0;
    }
    if (!is_whole(seen, bytes, n)) continue;
    for (size_t i = 0; i < sizeof answer - 1; i++) bytes[i] = (uint8_t)answer[i];
    write(c, bytes, sizeof answer - 1);
    finish(c);
    return 0;
  }
}

void health_main(void) {
  bind(TCP, LOOPBACK, 9001);
  for (;;) {
    uint32_t c;
    while ((c = accept()) != 0) open[c - 1].id = c, open[c - 1].seen = 0;
    for (size_t i = 0; i < 32; i++)
      if (open[i].id != 0 && !serve(open[i].id, &open[i].seen)) open[i].id = 0;
    wait(ALWAYS);
  }
}
