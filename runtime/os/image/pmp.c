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

#define GET(csr) ({ uint64_t value; __asm__ volatile(".option push\n.option arch, +zicsr\ncsrr %0, " #csr "\n.option pop" : "=r"(value)); value; })
#define MISA_S (1UL << 18)

/* Nothing here relies on a value that a register has at reset: what started the machine may have changed it. A locked
 * entry stays as it is, and then the machine does not start. */
void pmp_begin(void) {
  SET(pmpcfg0, 0UL);
  SET(pmpcfg2, 0UL);
  SET(pmpaddr4, 0UL);
  SET(pmpaddr5, 0UL);
  SET(pmpaddr6, 0UL);
  SET(pmpaddr7, 0UL);
  SET(pmpaddr8, 0UL);
  SET(pmpaddr9, 0UL);
  SET(pmpaddr10, 0UL);
  SET(pmpaddr11, 0UL);
  SET(pmpaddr12, 0UL);
  SET(pmpaddr13, 0UL);
  SET(pmpaddr14, 0UL);
  SET(pmpaddr15, 0UL);
  if ((GET(pmpcfg0) | GET(pmpcfg2)) != 0) refuse_to_start("entries of PMP are locked");
  /* No counters in user mode; no trap past the kernel, and no page table. */
  SET(mcounteren, 0UL);
  if ((GET(misa) & MISA_S) != 0) {
    SET(medeleg, 0UL);
    SET(mideleg, 0UL);
    SET(satp, 0UL);
  }
  SET(pmpaddr0, (uintptr_t)user_text >> 2);
  SET(pmpaddr1, (uintptr_t)user_text_end >> 2);
}

void pmp_of(const struct process *p) {
  SET(pmpaddr2, p->data >> 2);
  SET(pmpaddr3, p->data_end >> 2);
  SET(pmpcfg0, ((uint64_t)(TOP_OF_RANGE | READ | RUN) << 8) | ((uint64_t)(TOP_OF_RANGE | READ | WRITE) << 24));
  __asm__ volatile("sfence.vma" ::: "memory");
}
