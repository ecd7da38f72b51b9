/* The numbers of the calls, in a7; arguments in a0 to a3, the result in a0. docs/os.md describes them. */
#ifndef INGRESS_CALLS_H
#define INGRESS_CALLS_H

enum {
  CALL_EXIT = 1, CALL_WAIT, CALL_BIND, CALL_ACCEPT, CALL_READ, CALL_WRITE, CALL_FINISH, CALL_UNBIND,
  /* ingressd's own */
  CALL_READY = 16, CALL_SELF, CALL_PORT, CALL_NOW, CALL_FRAME, CALL_SEND, CALL_PEEK, CALL_ADMIT, CALL_HELLO, CALL_CONNECT,
  CALL_PASS_IN, CALL_PASS_OUT, CALL_END_IN, CALL_CLOSE,
};

/* The result of CALL_SELF for ingressd. */
struct self_words {
  uint32_t address, mac_high, mac_low, secret[4];
};

#endif
