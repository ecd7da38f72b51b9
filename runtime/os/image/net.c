/* virtio-net: receives and sends frames, without offloads. Control frames of a self-test are filtered out here. */
#include "virtio.h"
#include <string.h>

/* virtio 1.1 section 5.1.6: 12 bytes before each frame, all 0 if there are no offloads. */
#define HEAD 12
#define FRAME 1514
#define SEND_MOST_MS 100
#define FEATURES ((1UL << 32) | (1UL << 5))

static struct queue receive, transmit;
static uint8_t incoming[QUEUE_SIZE][2048], outgoing[QUEUE_SIZE][2048];
static uint16_t sent;
static uint32_t interrupt;
uint8_t net_mac[6];

static void offer(uint16_t id) { queue_offer(&receive, id, incoming[id], HEAD + FRAME, DEVICE_WRITES); }

void net_begin(void) {
  uintptr_t at = virtio_find(1, &interrupt);
  if (at == 0) refuse_to_start("no virtio-net");
  virtio_begin(at, FEATURES);
  virtio_queue(at, 0, &receive);
  virtio_queue(at, 1, &transmit);
  transmit.available.flags = 1;
  virtio_ready(at);
  for (uint32_t i = 0; i < 6; i++) net_mac[i] = *(volatile uint8_t *)(at + 0x100 + i);
  for (uint16_t id = 0; id < QUEUE_SIZE; id++) offer(id);
  write32(PLIC_AT + 4 * interrupt, 1);
  write32(PLIC_AT + 0x2000, 1u << interrupt);
  write32(PLIC_AT + 0x200000, 0);
}

/* Whether a frame is pending; acknowledges its interrupt. */
int net_waits(void) {
  uint32_t why = read32(receive.device + 0x60);
  if (why != 0) {
    write32(receive.device + 0x64, why);
    uint32_t claimed = read32(PLIC_AT + 0x200004);
    if (claimed != 0) write32(PLIC_AT + 0x200004, claimed);
  }
  return queue_has(&receive);
}

uint32_t net_take(uint8_t *to, uint32_t space) {
  while (queue_has(&receive)) {
    uint32_t id = receive.used.ring[receive.taken % QUEUE_SIZE].id, length = receive.used.ring[receive.taken % QUEUE_SIZE].length;
    receive.taken++;
    if (id >= QUEUE_SIZE) refuse_to_start("the network device is broken");
    const uint8_t *frame = incoming[id] + HEAD;
    length = length > HEAD && length <= HEAD + FRAME ? length - HEAD : 0;
    int mine = length > 0 && !selftest_frame(frame, length) && length <= space;
    if (mine) memcpy(to, frame, length);
    offer((uint16_t)id);
    if (mine) return length;
  }
  return 0;
}

static int is_full(void) { return (uint16_t)(sent - *(volatile uint16_t *)&transmit.used.index) >= QUEUE_SIZE; }

/* Waits if all buffers are in use; the device empties them by itself. If it does not, this frame is lost, as on a wire, and
 * the next ones without a wait until the device has taken one. */
int net_send(const uint8_t *frame, uint32_t length) {
  static int is_stuck;
  const uint64_t since = machine_ms();
  while (is_full()) {
    if (is_stuck || machine_ms() - since >= SEND_MOST_MS) {
      is_stuck = 1;
      return 0;
    }
  }
  is_stuck = 0;
  uint16_t id = sent++ % QUEUE_SIZE;
  memset(outgoing[id], 0, HEAD);
  memcpy(outgoing[id] + HEAD, frame, length);
  queue_offer(&transmit, id, outgoing[id], HEAD + length, 0);
  return 1;
}
