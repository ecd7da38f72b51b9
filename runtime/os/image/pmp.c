/* Physical memory protection. User mode can access only memory with an entry: the code of all services
 * (execute and read) and the data of the running process. Devices, kernel, policy and the data of other
 * processes match no entry. */
#include "kernel.h"

extern char user_text[], user_text_end[];

#define TOP_OF_RANGE 0x08
#define READ 1
#define WRITE 2
#define RUN 4

#define SET(csr, value) __asm__ volatile(".option push\n.option arch, +zicsr\ncsrw " #csr ", %0\n.option pop" ::"r"(value))

void pmp_begin(void) {
  SET(pmpcfg0, 0UL);
  SET(pmpaddr0, (uintptr_t)user_text >> 2);
  SET(pmpaddr1, (uintptr_t)user_text_end >> 2);
}

void pmp_of(const struct process *p) {
  SET(pmpaddr2, p->data >> 2);
  SET(pmpaddr3, p->data_end >> 2);
  SET(pmpcfg0, ((uint64_t)(TOP_OF_RANGE | READ | RUN) << 8) | ((uint64_t)(TOP_OF_RANGE | READ | WRITE) << 24));
  __asm__ volatile("sfence.vma" ::: "memory");
}
