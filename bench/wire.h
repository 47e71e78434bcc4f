/*
 * The wire of the sink: reading from and writing to a connection, in clear or under TLS, and replies that are held
 * back for as long as a round trip would take. Knows nothing of SMTP. Compiled with -DWITH_TLS it needs OpenSSL.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
static SSL_CTX *tls_context;
#endif

enum { chunk_octets = 262144, most_replies_octets = 65536 };

/* The first member of whatever the sink keeps of a connection. */
typedef struct {
  int fd, closed;
  int offers_tls, secure; /* secure: after the handshake */
#ifdef WITH_TLS
  SSL *tls;
#endif
} Wire;

/* Replies that wait for their time, in order, since all wait equally long. */
typedef struct Delayed {
  struct Delayed *next;
  Wire *wire;
  double due;
  size_t length;
  char octets[];
} Delayed;

static int poller, timer;
static double delay_seconds;
static Delayed *delayed_first, **delayed_end = &delayed_first;
static char replies[most_replies_octets];
static size_t replies_length;

static void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("sink: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void watch(int fd, void *whose) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = whose};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll: %s", strerror(errno));
}

/* Delayed replies may still point at it, so that a delaying sink frees none. */
static void close_wire(Wire *wire) {
  wire->closed = 1;
#ifdef WITH_TLS
  if (wire->tls) SSL_free(wire->tls);
#endif
  close(wire->fd);
  if (delay_seconds == 0) free(wire);
}

/* Replies are small and read at once; a client that does not read is not provided for. */
static void transmit(Wire *wire, const char *octets, size_t length) {
  ssize_t sent;
#ifdef WITH_TLS
  if (wire->tls) sent = SSL_write(wire->tls, octets, (int)length);
  else
#endif
    sent = send(wire->fd, octets, length, MSG_NOSIGNAL);
  if (sent != (ssize_t)length && errno == EAGAIN) die("a client does not read its replies");
}

static void set_timer(void) {
  struct itimerspec when = {{0, 0}, {0, 0}};
  if (delayed_first) {
    when.it_value.tv_sec = (time_t)delayed_first->due;
    when.it_value.tv_nsec = (long)((delayed_first->due - (double)when.it_value.tv_sec) * 1e9);
  }
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void send_due(void) {
  while (delayed_first && delayed_first->due <= now()) {
    Delayed *due = delayed_first;
    delayed_first = due->next;
    if (!delayed_first) delayed_end = &delayed_first;
    if (!due->wire->closed) transmit(due->wire, due->octets, due->length);
    free(due);
  }
  set_timer();
}

/* All replies to what came in one piece leave in one piece. */
static void send_replies(Wire *wire) {
  size_t length = replies_length;
  replies_length = 0;
  if (length == 0) return;
  if (delay_seconds == 0) return transmit(wire, replies, length);
  Delayed *delayed = malloc(sizeof *delayed + length);
  *delayed = (Delayed){NULL, wire, now() + delay_seconds, length};
  memcpy(delayed->octets, replies, length);
  *delayed_end = delayed;
  delayed_end = &delayed->next;
  set_timer();
}

static void reply(const char *text) {
  size_t length = strlen(text);
  if (replies_length + length > sizeof replies) die("too many commands at once");
  memcpy(replies + replies_length, text, length);
  replies_length += length;
}

/* Octets read; 0 when there are none now, below 0 when there will be none. */
static ssize_t read_chunk(Wire *wire, char *chunk) {
#ifdef WITH_TLS
  if (wire->tls) {
    int length = SSL_read(wire->tls, chunk, chunk_octets);
    wire->secure = SSL_is_init_finished(wire->tls);
    if (length > 0) return length;
    int why = SSL_get_error(wire->tls, length);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ ? 0 : -1;
  }
#endif
  ssize_t length = recv(wire->fd, chunk, chunk_octets, 0);
  if (length > 0) return length;
  return length < 0 && errno == EAGAIN ? 0 : -1;
}

/* What comes next is the handshake. */
static void begin_tls(Wire *wire) {
#ifdef WITH_TLS
  wire->tls = SSL_new(tls_context);
  SSL_set_fd(wire->tls, wire->fd);
  SSL_set_accept_state(wire->tls);
#else
  (void)wire;
#endif
}

static void use_certificate(const char *certificate, const char *key) {
#ifdef WITH_TLS
  tls_context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1)
    die("cannot use %s with %s", certificate, key);
#else
  die("compiled without TLS: no use for %s and %s", certificate, key);
#endif
}
