// A client of TLS 1.3 that never resumes a session. It checks the server's signature, and not by whom the
// certificate was issued, which is the client's cost alone.
#include "load.h"

static SSL_CTX *context;

void start_tls(const struct options *o) {
  context = SSL_CTX_new(TLS_client_method());
  if (context == NULL) die("SSL_CTX_new");
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (o->cert != NULL && (SSL_CTX_use_certificate_file(context, o->cert, SSL_FILETYPE_PEM) != 1 || SSL_CTX_use_PrivateKey_file(context, o->key, SSL_FILETYPE_PEM) != 1)) die(o->cert);
}

SSL *new_tls(int fd) {
  SSL *ssl = SSL_new(context);
  if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, "bench.test") != 1) die("SSL_new");
  SSL_set_connect_state(ssl);
  return ssl;
}

size_t make_hello(uint8_t *into, size_t room) {
  SSL_CTX *once = SSL_CTX_new(TLS_client_method());
  SSL *ssl = SSL_new(once);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);
  SSL_set_tlsext_host_name(ssl, "bench.test");
  SSL_set_connect_state(ssl);
  SSL_do_handshake(ssl);
  int n = BIO_read(out, into, (int)room);
  if (n < 64) die("ClientHello");
  SSL_free(ssl);
  SSL_CTX_free(once);
  return (size_t)n;
}
