/* The policy module. It is loaded once and decides every bind here; flows.c has its decisions on connections. */
#include "kernel.h"
#include "abi.h"
#include "host.h"
#include "numbers.h"
#include <string.h>

#define INGRESSD_ID 0xbf71cd04b2ec8134UL
#define TCP 6
#define PORTS 16

static const uint8_t *const policy = (const uint8_t *)POLICY_AT;
static uint16_t ports[PORTS];
static uint8_t opened[PORTS];
uint32_t own_address;

/* A word of the loaded tables; `at` is an address in the module's memory. The module has validated the
 * addresses in the tables before any is read here. */
static uint32_t table(uint32_t at) {
  uint32_t value;
  memcpy(&value, policy + INGRESS_POLICY_HEAD + at - INGRESS_TABLES_BASE, sizeof value);
  return value;
}

/* Finds the TCP ports at which the policy has a listener on our address. With more than PORTS the machine would serve only part of the policy. */
static void find_ports(void) {
  const uint32_t own[] = {0, 0, 0xffff, own_address};
  uint32_t keys = table(INGRESS_TABLES_BASE + H_PORT_KEYS), count = table(INGRESS_TABLES_BASE + H_PORT_COUNT), found = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t key = table(keys + 4 * i), end = i + 1 < count ? table(keys + 4 * i + 4) : (TCP + 1) << 16;
    for (; key >> 16 == TCP && key < end && ingress_listener_at(TCP, key & 0xffff, own) >= 0; key++) {
      if (found == PORTS) refuse_to_start("the policy has more than 16 ports");
      ports[found++] = (uint16_t)key;
    }
  }
}

void policy_begin(void) {
  uint32_t seed[4], bytes;
  rng_fill(seed, sizeof seed);
  memcpy(&bytes, policy + 12, sizeof bytes);
  if (bytes > INGRESS_MEMORY_BYTES) bytes = 0;
  if (ingress_load(policy, INGRESS_POLICY_HEAD + bytes, (const uint8_t *)MANIFEST_AT, MANIFEST_BYTES, seed) != INGRESS_LOADED) refuse_to_start("no sound policy");
  ingress_clock(clock_ms(), 0);
  find_ports();
}

uint32_t policy_port(uint32_t index) { return index < PORTS ? ports[index] : 0; }

/* FNV-1a-64 of `listener NAME` for the name of the expose, which the service of that name serves. */
uint64_t policy_owner(uint32_t listener) {
  uint32_t at = table(INGRESS_TABLES_BASE + H_LISTENERS) + listener * LISTENER_BYTES + R_LISTENER_IDENTITY;
  return (uint64_t)table(at + 4) << 32 | table(at);
}

int policy_is_group(uint32_t listener) { return listener >= table(INGRESS_TABLES_BASE + H_GROUP_FIRST); }

int policy_is_open(uint32_t port) {
  for (uint32_t i = 0; i < PORTS; i++)
    if (opened[i] && ports[i] == port) return 1;
  return 0;
}

int policy_is_complete(void) {
  for (uint32_t i = 0; i < PORTS; i++)
    if (ports[i] != 0 && !opened[i]) return 0;
  return 1;
}

/* Prints each port once, however often ingressd binds it. */
static void open_port(uint32_t port) {
  for (uint32_t i = 0; i < PORTS; i++) {
    if (ports[i] != port || opened[i]) continue;
    opened[i] = 1;
    marker_port_open(port);
  }
}

/* Whether the policy exposes this process, by the name under which the kernel started it. */
static int is_exposed(const struct process *p) {
  const uint32_t count = table(INGRESS_TABLES_BASE + H_LISTENER_COUNT);
  for (uint32_t i = 0; i < count; i++)
    if (policy_owner(i) == p->serves) return 1;
  return 0;
}

/* Returns 0 if the process now has the port. A service can have one loopback port, ingressd any number of ports. Here a bind of
 * loopback has no other use than to register for an expose, so it is refused without one, as an ExposeIntent on a host is. */
int policy_bind(struct process *p, uint32_t proto, uint32_t address, uint32_t port) {
  const uint32_t local[] = {0, 0, 0xffff, address};
  const int loopback = address >> 24 == 127;
  ingress_clock(clock_ms(), 0);
  if (ingress_bind(p->id, proto, port, local).verdict != INGRESS_ALLOW || (loopback && !is_exposed(p))) {
    counts.binds_denied++;
    marker_bind_denied(p);
    return -1;
  }
  /* There is no UDP, no address but ours, and no external port for a process other than ingressd, so such binds fail. */
  if (proto != TCP) return -1;
  if (!loopback && (p != &processes[INGRESSD] || (address != 0 && address != own_address))) return -1;
  /* A loopback port has one owner. */
  for (uint32_t i = 0; i < PROCESSES; i++)
    if (loopback && processes[i].port == port && &processes[i] != p) return -1;
  if (loopback) p->port = port;
  else open_port(port);
  return 0;
}

/* Gives up the loopback port, so that nobody new is connected to the service until it binds again; the connections that it has
 * continue. Returns 0, or -1 if it does not have this port. */
int policy_unbind(struct process *p, uint32_t port) {
  if (port == 0 || p->port != port) return -1;
  p->port = 0;
  return 0;
}
