// Forks without end, each process ending as soon as it has a child: what is looked for by its number has moved on
// already. Usage: hops PORT; it listens there first.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "0"))};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 16) != 0) return 1;
  printf("up %d %d\n", getpid(), getppid());
  fflush(stdout);
  for (;;) {
    pid_t child = fork();
    if (child > 0) _exit(0);
  }
}
