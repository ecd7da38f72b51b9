/* The kernel of the OS image: one hart, machine mode, no allocation. It contains the policy module, the
 * drivers and the ports. Everything else is a process in user mode behind PMP. See docs/os.md. */
#ifndef INGRESS_KERNEL_H
#define INGRESS_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* ---- memory map of QEMU's machine `virt` */
#define UART_AT 0x10000000UL
#define TEST_AT 0x00100000UL
#define CLINT_MTIMECMP 0x02004000UL
#define CLINT_MTIME 0x0200bff8UL
#define PLIC_AT 0x0c000000UL
#define VIRTIO_AT 0x10001000UL
#define TICKS_PER_MS 10000UL

/* Loaded separately from the kernel: the boot words, the policy's data and its manifest. */
#define BOOT_AT 0x80400000UL
#define MANIFEST_AT 0x80401000UL
#define MANIFEST_BYTES 115
#define POLICY_AT 0x80410000UL

/* The boot words. If nothing was loaded they are 0, so the machine serves and runs no adversaries. */
struct boot {
  uint32_t selftest;    /* 1: control frames are processed and drive the clock */
  uint32_t adversaries; /* bits: 1 binder, 2 pointer, 4 poker, 8 pretender, 16 hog */
  uint32_t address;     /* 0: 10.0.2.15 */
};

static inline uint32_t read32(uintptr_t at) { return *(volatile uint32_t *)at; }
static inline void write32(uintptr_t at, uint32_t value) { *(volatile uint32_t *)at = value; }

/* ---- processes */
struct frame {
  uint64_t pc, x[31]; /* x[n - 1] is the register xn */
};
#define REG_SP 1
#define REG_A0 9
#define REG_A1 10
#define REG_A2 11
#define REG_A3 12
#define REG_A7 16

enum state { OFF, READY, BLOCKED, STOPPED };

struct process {
  struct frame frame; /* must be first, because mscratch points to it */
  const char *name;
  uint64_t id, serves; /* FNV-1a-64 of the name, and of `listener NAME` as in the policy's tables */
  uintptr_t data, data_end;
  enum state state;
  int woken;          /* an event came since it last waited */
  uint64_t deadline;  /* ms of the policy's clock; ~0: none */
  uint32_t port;      /* its loopback port; 0: none */
};

enum { INGRESSD, WEB, HEALTH, BINDER, POINTER, POKER, PRETENDER, HOG, PROCESSES };
extern struct process processes[PROCESSES];
extern uint32_t own_address;

/* process.c */
void processes_begin(uint32_t adversaries);
void process_wake(uint32_t index);
void process_stop(struct process *, const char *cause);
struct process *process_next(void);
int process_owns(const struct process *, uint64_t at, uint64_t bytes);
/* pmp.c */
void pmp_begin(void);
void pmp_of(const struct process *);
/* trap.c, call.c */
struct frame *trap(struct frame *);
void call(struct process *);
_Noreturn void resume(struct frame *);
/* uart.c */
void print(const char *);
void print_number(uint64_t);
/* clock.c */
uint64_t clock_ms(void);         /* clock of the policy and of TCP */
uint64_t machine_ms(void);       /* since the start, always mtime */
void clock_begin(int virtual);
void clock_advance(uint32_t ms); /* only if the clock is virtual */
void timer_slice(void);
void timer_until(uint64_t ms);
/* power.c */
_Noreturn void power_off(uint32_t status);
_Noreturn void kernel_fell(uint64_t cause, uint64_t at);
_Noreturn void refuse_to_start(const char *why);
/* virtio.c */
struct queue;
uintptr_t virtio_find(uint32_t device, uint32_t *irq);
void virtio_begin(uintptr_t at, uint64_t features);
void virtio_queue(uintptr_t at, uint32_t index, struct queue *);
void virtio_ready(uintptr_t at);
/* net.c, rng.c */
void net_begin(void);
uint32_t net_take(uint8_t *to, uint32_t space); /* length of a frame; 0: none */
int net_send(const uint8_t *frame, uint32_t length); /* 0: the device takes none, and the frame is lost */
int net_waits(void);
extern uint8_t net_mac[6];
void rng_fill(void *to, uint32_t bytes); /* before the machine is ready */
/* policy.c */
void policy_begin(void);
int policy_bind(struct process *, uint32_t proto, uint32_t address, uint32_t port);
int policy_unbind(struct process *, uint32_t port);
int policy_is_open(uint32_t port);
int policy_is_complete(void); /* every port of the policy is open */
uint32_t policy_port(uint32_t index); /* the TCP ports that the policy exposes, then 0 */
uint64_t policy_owner(uint32_t listener);
int policy_is_group(uint32_t listener); /* of exposes that share a port */
/* flows.c */
void flow_frame(const uint8_t *frame, uint32_t length);
int32_t flow_peek(uint32_t port, uint32_t source);
int32_t flow_admit(uint32_t port, uint32_t source);
int32_t flow_hello(uint32_t flow, const char *name, int32_t bytes);
int32_t flow_connect(uint32_t flow);
void flow_close(uint32_t flow, int whole);
void flows_end_of(uint32_t process);
int32_t flow_move(uint32_t flow, int inward, uint8_t *bytes, uint32_t length, int put);
void flow_finish(uint32_t flow, int inward);
uint32_t flow_accept(uint32_t process);
int flow_served_by(uint32_t flow, uint32_t process);
/* markers.c */
extern int is_ready; /* ingressd has opened its ports */
void marker_ready(void);
void marker_port_open(uint32_t port);
void marker_deny(int32_t reason);
void marker_bind_denied(const struct process *);
void markers_watch(int now); /* prints the counts of deny lines that were left out */
/* selftest.c: the counters that decide the verdict; each is incremented by frames */
struct counts {
  uint32_t allowed, denied[8], served, recovered, bytes_in, bytes_out, stopped, binds_denied;
};
extern struct counts counts;
void selftest_begin(const struct boot *);
int selftest_frame(const uint8_t *frame, uint32_t length);
void selftest_watch(void);
int selftest_idle(void); /* 1: a process may be ready now */

#endif
