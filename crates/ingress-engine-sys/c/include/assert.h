/* Freestanding stub. */
#define assert(x) ((void)0)
