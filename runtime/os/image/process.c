/* The processes: a fixed table, each with its own stack and data. They run in turn, wait, and are stopped
 * for good at their first fault. */
#include "kernel.h"

#define DATA_OF(name) extern char name##_data[], name##_data_end[]; void name##_main(void)
DATA_OF(ingressd);
DATA_OF(web);
DATA_OF(health);
DATA_OF(binder);
DATA_OF(pointer);
DATA_OF(poker);
DATA_OF(pretender);
DATA_OF(hog);

struct process processes[PROCESSES];
static uint32_t last;

#define FNV 0xcbf29ce484222325UL

/* The kernel assigns the identity of a service; it never comes from a message. */
static uint64_t fnv(uint64_t hash, const char *name) {
  for (; *name != 0; name++) hash = (hash ^ (uint8_t)*name) * 0x100000001b3UL;
  return hash;
}

static void begin(uint32_t index, const char *name, void (*entry)(void), char *data, char *end) {
  struct process *p = &processes[index];
  p->name = name;
  p->id = fnv(FNV, name);
  p->serves = fnv(fnv(FNV, "listener "), name);
  p->data = (uintptr_t)data;
  p->data_end = (uintptr_t)end;
  p->frame.pc = (uintptr_t)entry;
  p->frame.x[REG_SP] = (uintptr_t)end;
  p->deadline = ~0UL;
  p->state = READY;
}

#define BEGIN(index, name) begin(index, #name, name##_main, name##_data, name##_data_end)

void processes_begin(uint32_t adversaries) {
  BEGIN(WEB, web);
  BEGIN(HEALTH, health);
  BEGIN(INGRESSD, ingressd);
  if (adversaries & 1) BEGIN(BINDER, binder);
  if (adversaries & 2) BEGIN(POINTER, pointer);
  if (adversaries & 4) BEGIN(POKER, poker);
  if (adversaries & 8) BEGIN(PRETENDER, pretender);
  if (adversaries & 16) BEGIN(HOG, hog);
}

void process_wake(uint32_t index) {
  struct process *p = &processes[index];
  p->woken = 1;
  if (p->state == BLOCKED) p->state = READY;
}

void process_stop(struct process *p, const char *cause) {
  p->state = STOPPED;
  p->port = 0;
  counts.stopped++;
  print("kernel: stopped (subject=");
  print(p->name);
  print(" cause=");
  print(cause);
  print(")\n");
  flows_end_of((uint32_t)(p - processes));
}

/* The next process that is ready, in turn; NULL if all wait. */
struct process *process_next(void) {
  for (uint32_t i = 1; i <= PROCESSES; i++) {
    struct process *p = &processes[(last + i) % PROCESSES];
    if (p->state == BLOCKED && clock_ms() >= p->deadline) process_wake((uint32_t)(p - processes));
    if (p->state != READY) continue;
    last = (uint32_t)(p - processes);
    return p;
  }
  return NULL;
}

int process_owns(const struct process *p, uint64_t at, uint64_t bytes) {
  return at >= p->data && at <= p->data_end && bytes <= p->data_end - at;
}
