/* The service `web`: TLS passes through to it. It has no keys, so it answers every hello with the
 * fatal alert `handshake_failure` (RFC 8446 section 6.2), which shows the client that the service answered. */
#include "system.h"

static uint8_t bytes[512];
static uint32_t open[32];

static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};

/* Returns 0 when the connection has ended for this service. */
static int serve(uint32_t c) {
  for (;;) {
    int64_t n = read(c, bytes, sizeof bytes);
    if (n == 0) return 1;
    if (n == -2) return 0;
    if (n > 0) {
      for (size_t i = 0; i < sizeof alert; i++) bytes[i] = alert[i];
      write(c, bytes, sizeof alert);
    }
    finish(c);
    return 0;
  }
}

void web_main(void) {
  bind(TCP, LOOPBACK, 9000);
  for (;;) {
    uint32_t c;
    while ((c = accept()) != 0) open[c - 1] = c;
    for (size_t i = 0; i < 32; i++)
      if (open[i] != 0 && !serve(open[i])) open[i] = 0;
    wait(ALWAYS);
  }
}
