// As Go's programs are: no C library, raw system calls, threads by clone. Each of four threads binds loopback and
// any address; the exit code has a bit for each answer that is wrong. Built with -nostdlib -static, x86-64 alone.
typedef unsigned long word;
enum { SOCKET = 41, BIND = 49, LISTEN = 50, CLONE = 56, EXIT = 60, FUTEX = 202, EXIT_GROUP = 231 };
enum { EACCES = 13, THREADS = 4, STACK = 65536 };
/* CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | PARENT_SETTID | CHILD_CLEARTID */
enum { FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x100000 | 0x200000 };

static long call(long n, word a, word b, word c, word d, word e) {
  long result;
  register word r10 __asm__("r10") = d;
  register word r8 __asm__("r8") = e;
  register word r9 __asm__("r9") = 0;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

static char stacks[THREADS][STACK] __attribute__((aligned(16)));
static volatile int alive[THREADS];
static volatile int wrong;

static long bound(unsigned address, int listens) {
  struct { unsigned short family, port; unsigned address; char zero[8]; } in = { 2, 0, address, { 0 } };
  long fd = call(SOCKET, 2, 1, 0, 0, 0);
  long result = call(BIND, fd, (word)&in, sizeof in, 0, 0);
  return result == 0 && listens ? call(LISTEN, fd, 8, 0, 0, 0) : result;
}

static void work(void) {
  for (int i = 0; i < 50; i++) {
    if (bound(0x0100007f, 1) != 0) __sync_fetch_and_or(&wrong, 1);
    if (bound(0, 0) != -EACCES) __sync_fetch_and_or(&wrong, 2);
  }
}

static void thread(int i) {
  word *top = (word *)(stacks[i] + STACK) - 2;
  alive[i] = 1;
  long result;
  register word r10 __asm__("r10") = (word)&alive[i];
  register word r8 __asm__("r8") = 0;
  top[0] = (word)work;
  __asm__ volatile(
    "syscall\n test %%eax, %%eax\n jnz 1f\n pop %%rax\n call *%%rax\n xor %%edi, %%edi\n mov $60, %%eax\n syscall\n 1:"
    : "=a"(result) : "a"(CLONE), "D"(FLAGS), "S"(top), "d"(&alive[i]), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  if (result < 0) wrong |= 4;
}

__attribute__((force_align_arg_pointer)) void _start(void) {
  for (int i = 0; i < THREADS; i++) thread(i);
  for (int i = 0; i < THREADS; i++) for (int now; (now = alive[i]) != 0;) call(FUTEX, (word)&alive[i], 0, now, 0, 0);
  call(EXIT_GROUP, wrong, 0, 0, 0, 0);
}
