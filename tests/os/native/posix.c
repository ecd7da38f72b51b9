/* A process: FILE PART. */
#include <stdio.h>
#include <stdlib.h>
#include "runner.h"

void say(const char *text) { fputs(text, stdout); }

int main(int argc, char **argv) {
  static _Alignas(8) uint8_t file[8 << 20];
  FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
  if (in == NULL || fread(file, 1, sizeof file, in) == 0) return 2;
  fclose(in);
  return run(file, (uint32_t)atoi(argv[2]));
}
