# Entry, and the switch between a process and the kernel. mscratch is the address of the frame of the running
# process (kernel.h), and 0 while the kernel runs, because a trap in the kernel itself is fatal.
.option arch, +zicsr
.section .start, "ax"
.globl _start
_start:
  csrw mie, zero
  csrw mscratch, zero
  csrr t0, mhartid
  bnez t0, park
  la sp, kernel_stack_end
  la t0, trap_entry
  csrw mtvec, t0
  call kernel_main
park:
  wfi
  j park

.align 4
trap_entry:
  csrrw sp, mscratch, sp
  beqz sp, kernel_fault
  sd x1, 8(sp)
  .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  sd x\n, 8*\n(sp)
  .endr
  csrrw t0, mscratch, zero
  sd t0, 16(sp)
  csrr t0, mepc
  sd t0, 0(sp)
  mv a0, sp
  la sp, kernel_stack_end
  call trap
# Runs the process whose frame is in a0.
.globl resume
resume:
  csrw mscratch, a0
  ld t0, 0(a0)
  csrw mepc, t0
  mv sp, a0
  ld x1, 8(sp)
  .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  ld x\n, 8*\n(sp)
  .endr
  ld sp, 16(sp)
  mret

kernel_fault:
  la sp, kernel_stack_end
  csrr a0, mcause
  csrr a1, mepc
  tail kernel_fell

# tests/os/image.check.ts checks that no call path in the kernel is deeper.
.bss
.align 4
  .space 8192
kernel_stack_end:
