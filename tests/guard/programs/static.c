// A static binary that makes its system calls itself, without a library. Prints the
// results in one line: `any=-13 loopback=0 …`; with `i386` or `x32` it calls by that ABI and is to be killed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 300 };

static int bound(unsigned address, unsigned short port) {
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address) };
  int fd = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
  long result = syscall(SYS_bind, fd, &in, sizeof in);
  int error = result < 0 ? -errno : 0;
  close(fd);
  return error;
}

/* Listens on a bound socket that another process passed. */
static int passed(void) {
  int fd = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
  int copy = dup(fd);
  int result = listen(copy, 8) < 0 ? -errno : 0;
  close(fd);
  close(copy);
  return result;
}

/* All at once: each must get its own answer. */
static int crowd(void) {
  int wrong = 0;
  for (int i = 0; i < CHILDREN; i++) {
    if (fork() == 0) _exit(bound(INADDR_LOOPBACK, 0) == 0 && bound(INADDR_ANY, 0) == -EACCES ? 0 : 1);
  }
  for (int i = 0, status; i < CHILDREN; i++) if (wait(&status) < 0 || status != 0) wrong++;
  return wrong;
}

int main(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : "";
#ifdef __x86_64__
  if (strcmp(word, "i386") == 0) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
    printf("i386=%d\n", result);
    return 0;
  }
  if (strcmp(word, "x32") == 0) {
    printf("x32=%ld\n", syscall(SYS_getpid | 0x40000000));
    return 0;
  }
#endif
  if (strcmp(word, "crowd") == 0) {
    printf("wrong=%d\n", crowd());
    return 0;
  }
  printf("any=%d loopback=%d low=%d chosen=%d passed=%d\n", bound(INADDR_ANY, 18465), bound(INADDR_LOOPBACK, 0), bound(INADDR_ANY, 80), bound(INADDR_ANY, 0), passed());
  return 0;
}
