/* The virtio-mmio transport, version 2 (virtio 1.1 section 4.2). Devices access memory without PMP checks,
 * so the drivers are in the kernel. */
#include "virtio.h"

#define MAGIC 0x74726976
#define SLOTS 8

/* The first device of this kind, or 0. Devices older than virtio 1.0 are ignored. */
uintptr_t virtio_find(uint32_t device, uint32_t *irq) {
  for (uint32_t i = 0; i < SLOTS; i++) {
    uintptr_t at = VIRTIO_AT + 0x1000UL * i;
    if (read32(at) != MAGIC || read32(at + 4) != 2 || read32(at + 8) != device) continue;
    *irq = i + 1;
    return at;
  }
  return 0;
}

void virtio_begin(uintptr_t at, uint64_t features) {
  write32(at + 0x70, 0);
  write32(at + 0x70, 1 | 2);
  for (uint32_t half = 0; half < 2; half++) {
    write32(at + 0x14, half);
    if ((read32(at + 0x10) & (uint32_t)(features >> (32 * half))) != (uint32_t)(features >> (32 * half))) refuse_to_start("a device lacks a feature");
    write32(at + 0x24, half);
    write32(at + 0x20, (uint32_t)(features >> (32 * half)));
  }
  write32(at + 0x70, 1 | 2 | 8);
  if ((read32(at + 0x70) & 8) == 0) refuse_to_start("a device refused its features");
}

static void put64(uintptr_t at, const void *to) {
  write32(at, (uint32_t)(uintptr_t)to);
  write32(at + 4, (uint32_t)((uintptr_t)to >> 32));
}

void virtio_queue(uintptr_t at, uint32_t index, struct queue *q) {
  write32(at + 0x30, index);
  if (read32(at + 0x34) < QUEUE_SIZE) refuse_to_start("a device's queue is too short");
  write32(at + 0x38, QUEUE_SIZE);
  put64(at + 0x80, q->descriptors);
  put64(at + 0x90, &q->available);
  put64(at + 0xa0, &q->used);
  write32(at + 0x44, 1);
  q->device = at;
  q->number = index;
}

void virtio_ready(uintptr_t at) { write32(at + 0x70, 1 | 2 | 4 | 8); }
