/* The process ingressd: the network half (runtime/os/net, compiled by wasm2c) between frames and flows. Its
 * imports are system calls. Its memory is a fixed array, and every access to it is checked. */
#include "system.h"
#include "net_wasm.h"

#define PAGES 5
#define TICK_MS 500

static _Alignas(64) uint8_t memory[PAGES * 65536];
static w2c_net net;
static struct self_words own;

bool net_rt_is_initialized(void) { return true; }
void net_rt_free_memory(wasm_rt_memory_t *m) { (void)m; }

_Noreturn void net_rt_trap(wasm_rt_trap_t trap) {
  (void)trap;
  for (;;) system4(CALL_EXIT, 0, 0, 0, 0);
}

void net_rt_allocate_memory(wasm_rt_memory_t *m, uint64_t pages, uint64_t most, bool is64, uint32_t page) {
  *m = (wasm_rt_memory_t){memory, pages, most, sizeof memory, is64};
  if (pages != PAGES || most != PAGES || is64 || page != 65536) net_rt_trap(WASM_RT_TRAP_OOB);
}

/* The kernel checks that pointers lie in our data; this checks that they lie in the module's memory. */
static uint64_t at(uint32_t address, uint32_t bytes) {
  if ((uint64_t)address + bytes > sizeof memory) net_rt_trap(WASM_RT_TRAP_OOB);
  return (uint64_t)(memory + address);
}

struct w2c_kernel { int unused; };
u32 w2c_kernel_take(struct w2c_kernel *k, u32 frame, u32 most) { return (void)k, (u32)system4(CALL_FRAME, at(frame, most), most, 0, 0); }
u32 w2c_kernel_peek(struct w2c_kernel *k, u32 port, u32 source) { return (void)k, (u32)system4(CALL_PEEK, port, source, 0, 0); }
u32 w2c_kernel_admit(struct w2c_kernel *k, u32 port, u32 source) { return (void)k, (u32)system4(CALL_ADMIT, port, source, 0, 0); }
u32 w2c_kernel_hello(struct w2c_kernel *k, u32 flow, u32 name, u32 length) {
  (void)k;
  uint32_t unreadable = (int32_t)length < 0, bytes = unreadable ? 0 : length;
  return (u32)system4(CALL_HELLO, at(name, bytes), bytes, flow, unreadable);
}
u32 w2c_kernel_connect(struct w2c_kernel *k, u32 flow) { return (void)k, (u32)system4(CALL_CONNECT, flow, 0, 0, 0); }
u32 w2c_kernel_write(struct w2c_kernel *k, u32 flow, u32 from, u32 length) { return (void)k, (u32)system4(CALL_PASS_IN, at(from, length), length, flow, 0); }
u32 w2c_kernel_read(struct w2c_kernel *k, u32 flow, u32 to, u32 length) { return (void)k, (u32)system4(CALL_PASS_OUT, at(to, length), length, flow, 0); }
void w2c_kernel_finish(struct w2c_kernel *k, u32 flow) { (void)k, system4(CALL_END_IN, flow, 0, 0, 0); }
void w2c_kernel_close(struct w2c_kernel *k, u32 flow, u32 whole) { (void)k, system4(CALL_CLOSE, flow, whole, 0, 0); }
void w2c_kernel_send(struct w2c_kernel *k, u32 frame, u32 length) { (void)k, system4(CALL_SEND, at(frame, length), length, 0, 0); }

static uint64_t now(void) { return (uint64_t)system4(CALL_NOW, 0, 0, 0, 0); }

/* Opens every port that the policy exposes, and returns their number. If one fails the process exits, so the machine never serves only part of its policy. */
static uint32_t open_ports(void) {
  for (uint32_t i = 0;; i++) {
    uint32_t port = (uint32_t)system4(CALL_PORT, i, 0, 0, 0);
    if (port == 0) return i;
    if (bind(TCP, 0, port) != 0) system4(CALL_EXIT, 0, 0, 0, 0);
  }
}

void ingressd_main(void) {
  struct w2c_kernel kernel;
  system4(CALL_SELF, (uint64_t)&own, sizeof own, 0, 0);
  wasm2c_net_instantiate(&net, &kernel);
  w2c_net_start(&net, own.address, own.mac_high, own.mac_low, own.secret[0], own.secret[1], own.secret[2], own.secret[3], open_ports());
  system4(CALL_READY, 0, 0, 0, 0);
  for (;;) {
    if (w2c_net_turn(&net, (u32)now())) continue;
    wait(w2c_net_connections(&net) + w2c_net_halfOpen(&net) > 0 ? now() + TICK_MS : ALWAYS);
  }
}
