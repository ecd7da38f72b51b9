  .option arch, +zicsr
  .section .text.first, "ax"
  .global _start
_start:
  la t0, trap
  csrw mtvec, t0
  la sp, stack_top
  la t0, bss_start
  la t1, bss_end
1:
  bgeu t0, t1, 2f
  sd zero, 0(t0)
  addi t0, t0, 8
  j 1b
2:
  j start
  .balign 4
trap:
  la sp, stack_top
  j trapped
