/* One virtqueue of a virtio 1.x device, the split layout (virtio 1.1 section 2.6). */
#ifndef INGRESS_VIRTIO_H
#define INGRESS_VIRTIO_H

#include "kernel.h"

#define QUEUE_SIZE 16

struct queue {
  struct { uint64_t address; uint32_t length; uint16_t flags, next; } descriptors[QUEUE_SIZE] __attribute__((aligned(16)));
  struct { uint16_t flags, index, ring[QUEUE_SIZE], unused; } available __attribute__((aligned(16)));
  struct { uint16_t flags, index; struct { uint32_t id, length; } ring[QUEUE_SIZE]; uint16_t unused; } used __attribute__((aligned(16)));
  uint16_t taken; /* of the used ring */
  uintptr_t device;
  uint32_t number;
};

#define DEVICE_WRITES 2

/* Gives the buffer of descriptor `id` to the device. */
static inline void queue_offer(struct queue *q, uint16_t id, void *at, uint32_t length, uint16_t flags) {
  q->descriptors[id].address = (uintptr_t)at;
  q->descriptors[id].length = length;
  q->descriptors[id].flags = flags;
  q->available.ring[q->available.index % QUEUE_SIZE] = id;
  __asm__ volatile("fence" ::: "memory");
  *(volatile uint16_t *)&q->available.index = (uint16_t)(q->available.index + 1);
  __asm__ volatile("fence" ::: "memory");
  /* VIRTQ_USED_F_NO_NOTIFY: the device looks by itself. */
  if ((*(volatile uint16_t *)&q->used.flags & 1) == 0) write32(q->device + 0x50, q->number);
}

static inline int queue_has(struct queue *q) {
  __asm__ volatile("fence" ::: "memory");
  return *(volatile uint16_t *)&q->used.index != q->taken;
}

#endif
