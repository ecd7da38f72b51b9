#include "host.h"
#include "abi.h"
#include "engine.h"
#include <string.h>

/* The engine's memory is exactly one page, and every access of the engine is checked against it. */
static _Alignas(64) uint8_t page[INGRESS_MEMORY_BYTES];
static w2c_engine engine;
static enum { EMPTY, RUNNING, POISONED } state;
static uint32_t scratch;
static int inside;

/* `mark` returns 0, and 1 after `go_back`, to the newest mark. Clang has no __builtin_setjmp for RISC-V, so there the two are the
 * registers that a call preserves. Engine and host use no floating point, so no register of it changes between them. */
#if defined __clang__ && defined __riscv
#if __riscv_xlen != 64
#error "clang makes the host for 64-bit RISC-V; use gcc for other widths"
#endif
static uint64_t resume[14];
int ingress_mark(uint64_t *) __attribute__((returns_twice));
_Noreturn void ingress_go_back(const uint64_t *);
#define EACH_REGISTER(does) \
  does " ra, 0(a0)\n" does " sp, 8(a0)\n" does " s0, 16(a0)\n" does " s1, 24(a0)\n" does " s2, 32(a0)\n" \
  does " s3, 40(a0)\n" does " s4, 48(a0)\n" does " s5, 56(a0)\n" does " s6, 64(a0)\n" does " s7, 72(a0)\n" \
  does " s8, 80(a0)\n" does " s9, 88(a0)\n" does " s10, 96(a0)\n" does " s11, 104(a0)\n"
__asm__(".pushsection .text.ingress_mark,\"ax\",@progbits\n"
  ".globl ingress_mark, ingress_go_back\n"
  ".type ingress_mark, @function\n"
  ".type ingress_go_back, @function\n"
  "ingress_mark:\n" EACH_REGISTER("sd") "li a0, 0\nret\n"
  "ingress_go_back:\n" EACH_REGISTER("ld") "li a0, 1\nret\n"
  ".popsection\n");
#define mark() ingress_mark(resume)
#define go_back() ingress_go_back(resume)
#else
static void *resume[5];
#define mark() __builtin_setjmp(resume)
#define go_back() __builtin_longjmp(resume, 1)
#endif

bool wasm_rt_is_initialized(void) { return true; }
void wasm_rt_free_memory(wasm_rt_memory_t *memory) { (void)memory; }

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t most, bool is64, uint32_t page_size) {
  memset(page, 0, sizeof page);
  *memory = (wasm_rt_memory_t){page, pages, most, sizeof page, is64};
  if (pages != 1 || most != 1 || is64 || page_size != sizeof page) wasm_rt_trap(WASM_RT_TRAP_OOB);
}

_Noreturn void wasm_rt_trap(wasm_rt_trap_t trap) {
  (void)trap;
  go_back();
}

static int32_t word(uint32_t at) {
  int32_t value;
  memcpy(&value, page + at, sizeof value);
  return value;
}

static void put(uint32_t at, uint32_t value) { memcpy(page + at, &value, sizeof value); }

static struct ingress_answer deny(int32_t code) {
  return (struct ingress_answer){INGRESS_DENY, INGRESS_REASON_POLICY, code, INGRESS_NO_RULE, 0};
}

/* The only entry to the engine. A trap returns here through `resume`, and the engine is not called again. */
typedef uint32_t call_t(const uint32_t *w);
static __attribute__((noinline)) int enter(call_t *call, const uint32_t *w, uint32_t *result) {
  if (inside) state = POISONED;
  if (state == POISONED) return 0;
  inside = 1;
  if (mark() != 0) {
    state = POISONED;
    inside = 0;
    return 0;
  }
  uint32_t value = call(w);
  inside = 0;
  if (state == POISONED) return 0;
  *result = value;
  return 1;
}

static uint32_t call_new(const uint32_t *w) { return (void)w, wasm2c_engine_instantiate(&engine), 0; }
static uint32_t call_validate(const uint32_t *w) { return w2c_engine_seed(&engine, w[0], w[1], w[2], w[3]), w2c_engine_validate(&engine); }
static uint32_t call_scratch(const uint32_t *w) { return (void)w, w2c_engine_scratch(&engine); }
static uint32_t call_clock(const uint32_t *w) { return w2c_engine_clock(&engine, w[0], w[1], w[2], w[3]), 0; }
static uint32_t call_bind(const uint32_t *w) { return w2c_engine_bind(&engine, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]); }
static uint32_t call_listener(const uint32_t *w) { return w2c_engine_listenerAt(&engine, w[0], w[1], w[2], w[3], w[4], w[5]); }
static uint32_t call_accept(const uint32_t *w) { return w2c_engine_accept6(&engine, w[0], w[1], w[2], w[3], w[4]); }
static uint32_t call_hello(const uint32_t *w) { return w2c_engine_hello(&engine, w[0], w[1], w[2], w[3], w[4], w[5]); }
static uint32_t call_charge(const uint32_t *w) { return w2c_engine_charge(&engine, w[0], w[1], w[2], w[3], w[4], 0); }
static uint32_t call_release(const uint32_t *w) { return w2c_engine_release(&engine, w[0], w[1], w[2], w[3], w[4], 0), 0; }
static uint32_t call_connections(const uint32_t *w) { return w2c_engine_connections(&engine, w[0]); }
static uint32_t call_batch(const uint32_t *w) { return (void)w, w2c_engine_batch(&engine, 1); }

/* INVARIANT: the four numbers are consistent; if they are not, the engine is poisoned. */
static struct ingress_answer checked(int32_t verdict, int32_t reason, int32_t code, int32_t rule) {
  static const int8_t reasons[] = INGRESS_REASON_OF_CODE;
  int sound = code >= 0 && code < (int32_t)sizeof reasons && reason == reasons[code]
    && rule >= INGRESS_NO_RULE && rule < word(INGRESS_TABLES_BASE + INGRESS_H_RULE_COUNT);
  if (sound && verdict == INGRESS_ALLOW) sound = INGRESS_ADMITS(code);
  else if (sound && verdict == INGRESS_OPEN) sound = code == INGRESS_CODE_OPEN;
  else if (sound && verdict == INGRESS_IDENTITY) sound = code == INGRESS_CODE_OPEN_IDENTITY;
  else sound = sound && verdict == INGRESS_DENY && reason != INGRESS_REASON_NONE;
  if (sound) return (struct ingress_answer){verdict, reason, code, rule, 0};
  state = POISONED;
  return deny(INGRESS_CODE_MODULE_RESULT);
}

static struct ingress_answer evaluate(call_t *call, const uint32_t *w) {
  uint32_t verdict;
  if (state == EMPTY) return deny(INGRESS_CODE_NO_MODULE);
  if (!enter(call, w, &verdict)) return deny(INGRESS_CODE_MODULE_TRAP);
  const uint32_t at = INGRESS_DETAIL_BASE;
  if (word(at + INGRESS_DETAIL_VERDICT) != (int32_t)verdict) return checked(-1, 0, 0, 0);
  return checked((int32_t)verdict, word(at + INGRESS_DETAIL_REASON), word(at + INGRESS_DETAIL_CODE), word(at + INGRESS_DETAIL_RULE));
}

static int is_manifest(const uint8_t *text, size_t bytes, const uint8_t *tree) {
  static const char before[] = INGRESS_MANIFEST_BEFORE, after[] = INGRESS_MANIFEST_AFTER, digits[] = "0123456789abcdef";
  const size_t from = sizeof before - 1, to = from + 64;
  if (text == NULL || bytes != to + sizeof after - 1 || memcmp(text, before, from) != 0 || memcmp(text + to, after, bytes - to) != 0) return 0;
  for (size_t i = 0; i < 64; i++)
    if (text[from + i] != (uint8_t)digits[(tree[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15]) return 0;
  return 1;
}

int ingress_load(const uint8_t *data, size_t bytes, const uint8_t *manifest, size_t manifest_bytes, const uint32_t seed[4]) {
  static const uint8_t engine_sha256[32] = INGRESS_ENGINE_SHA256;
  uint32_t head[4], result;
  if (state == POISONED) return INGRESS_POISONED;
  if (state == RUNNING) return INGRESS_TWICE;
  if (data == NULL || bytes < INGRESS_POLICY_HEAD) return INGRESS_SHORT;
  memcpy(head, data, sizeof head);
  if (head[0] != INGRESS_POLICY_MAGIC || head[1] != INGRESS_POLICY_FORMAT) return INGRESS_MAGIC;
  if (head[2] != INGRESS_ABI_VERSION) return INGRESS_VERSION;
  if (head[3] != bytes - INGRESS_POLICY_HEAD || head[3] > INGRESS_MEMORY_BYTES - INGRESS_TABLES_BASE) return INGRESS_SHORT;
  if (memcmp(data + 16, engine_sha256, 32) != 0) return INGRESS_ENGINE;
  if (!is_manifest(manifest, manifest_bytes, data + 48)) return INGRESS_MANIFEST;
  if (!enter(call_new, NULL, &result)) return INGRESS_POISONED;
  memcpy(page + INGRESS_TABLES_BASE, data + INGRESS_POLICY_HEAD, head[3]);
  if (word(INGRESS_TABLES_BASE + INGRESS_H_TABLES_END) != (int32_t)(INGRESS_TABLES_BASE + head[3])) return INGRESS_TABLES;
  if (!enter(call_validate, seed, &result)) return INGRESS_POISONED;
  if (result != 0) return INGRESS_TABLES;
  if (!enter(call_scratch, NULL, &scratch)) return INGRESS_POISONED;
  state = RUNNING;
  return INGRESS_LOADED;
}

void ingress_clock(uint64_t mono_ms, uint64_t wall) {
  const uint32_t w[] = {(uint32_t)(mono_ms >> 32), (uint32_t)mono_ms, (uint32_t)(wall >> 32), (uint32_t)wall};
  uint32_t result;
  if (state == RUNNING) enter(call_clock, w, &result);
}

struct ingress_answer ingress_bind(uint64_t subject, uint32_t proto, uint32_t port, const uint32_t a[4]) {
  const uint32_t w[] = {(uint32_t)(subject >> 32), (uint32_t)subject, proto, port, a[0], a[1], a[2], a[3]};
  return evaluate(call_bind, w);
}

int32_t ingress_listener_at(uint32_t proto, uint32_t port, const uint32_t a[4]) {
  const uint32_t w[] = {proto, port, a[0], a[1], a[2], a[3]};
  uint32_t result;
  if (state != RUNNING || !enter(call_listener, w, &result)) return -1;
  return result < (uint32_t)word(INGRESS_TABLES_BASE + INGRESS_H_LISTENER_COUNT) ? (int32_t)result : -1;
}

struct ingress_answer ingress_accept(uint32_t listener, const uint32_t a[4]) {
  const uint32_t w[] = {listener, a[0], a[1], a[2], a[3]};
  return evaluate(call_accept, w);
}

struct ingress_answer ingress_admit(uint32_t listener, const uint32_t a[4]) {
  if (state == EMPTY) return deny(INGRESS_CODE_NO_MODULE);
  const uint32_t at = scratch;
  uint32_t done;
  put(at + INGRESS_R_BATCH_LISTENER, listener);
  for (uint32_t i = 0; i < 4; i++) put(at + INGRESS_R_BATCH_SOURCE + 4 * i, a[i]);
  put(at + INGRESS_R_BATCH_VERDICT, INGRESS_DENY);
  put(at + INGRESS_BATCH_ZONE, 0);
  if (!enter(call_batch, NULL, &done)) return deny(INGRESS_CODE_MODULE_TRAP);
  if (done != 1) return checked(-1, 0, 0, 0);
  /* The first byte is what a dryrun cap or limit would have refused, which changes nothing. */
  const uint32_t both = (uint32_t)word(at + INGRESS_R_BATCH_CODE);
  return checked(word(at + INGRESS_R_BATCH_VERDICT), (int32_t)(both >> 16 & 0xff), (int32_t)(both & 0xffff), word(at + INGRESS_R_BATCH_RULE));
}

struct ingress_answer ingress_hello(uint32_t listener, const uint32_t a[4], const char *name, size_t bytes) {
  if (state == EMPTY) return deny(INGRESS_CODE_NO_MODULE);
  /* A name longer than the maximum is refused, and so is an empty name, which is not the same as a missing one. */
  uint32_t length = bytes == 0 || bytes > INGRESS_MAX_NAME_BYTES ? INGRESS_MAX_NAME_BYTES + 1 : (uint32_t)bytes;
  if (name == NULL) length = 0;
  if (length <= INGRESS_MAX_NAME_BYTES) memcpy(page + scratch, name == NULL ? "" : name, length);
  const uint32_t w[] = {listener, a[0], a[1], a[2], a[3], length};
  struct ingress_answer answer = evaluate(call_hello, w);
  if (state != RUNNING) return answer;
  /* INVARIANT: an answer that permits is that of a listener. */
  answer.listener = (uint32_t)word(INGRESS_DETAIL_BASE + INGRESS_DETAIL_LISTENER);
  return answer.verdict == INGRESS_DENY || answer.listener < (uint32_t)word(INGRESS_TABLES_BASE + INGRESS_H_GROUP_FIRST) ? answer : checked(-1, 0, 0, 0);
}

struct ingress_answer ingress_charge(uint32_t listener, const uint32_t a[4]) {
  const uint32_t w[] = {listener, a[0], a[1], a[2], a[3]};
  return evaluate(call_charge, w);
}

void ingress_release(uint32_t listener, const uint32_t a[4]) {
  const uint32_t w[] = {listener, a[0], a[1], a[2], a[3]};
  uint32_t result;
  if (state == RUNNING) enter(call_release, w, &result);
}

uint32_t ingress_connections(uint32_t listener) {
  uint32_t result;
  return state == RUNNING && enter(call_connections, &listener, &result) ? result : 0;
}

int ingress_poisoned(void) { return state == POISONED; }
