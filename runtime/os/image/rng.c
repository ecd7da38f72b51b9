/* Seeds from the machine's entropy device. The machine does not start without one, or with one that does not
 * answer, because the limit tables and TCP sequence numbers would be predictable. */
#include "virtio.h"
#include <string.h>

static struct queue queue;
static uint8_t pool[64];

#define FILL_MOST_MS 2000

void rng_fill(void *to, uint32_t bytes) {
  uint32_t irq;
  if (queue.device == 0) {
    uintptr_t at = virtio_find(4, &irq);
    if (at == 0) refuse_to_start("no virtio-rng");
    virtio_begin(at, 1UL << 32);
    virtio_queue(at, 0, &queue);
    virtio_ready(at);
  }
  const uint64_t since = machine_ms();
  for (uint32_t done = 0; done < bytes;) {
    uint32_t want = bytes - done < sizeof pool ? bytes - done : sizeof pool;
    queue_offer(&queue, 0, pool, want, DEVICE_WRITES);
    while (!queue_has(&queue))
      if (machine_ms() - since >= FILL_MOST_MS) refuse_to_start("virtio-rng does not answer");
    uint32_t got = queue.used.ring[queue.taken++ % QUEUE_SIZE].length;
    if (got > want) got = want;
    memcpy((uint8_t *)to + done, pool, got);
    memset(pool, 0, sizeof pool);
    done += got;
    if (got == 0 && machine_ms() - since >= FILL_MOST_MS) refuse_to_start("virtio-rng does not answer");
  }
}
