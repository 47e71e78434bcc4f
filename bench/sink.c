/*
 * The sink: an SMTP server that takes everything, offers what Gmail and Exchange offer, and counts. One thread,
 * epoll; a message is searched for its end (CR LF "." CR LF) and forgotten. On SIGUSR1 it prints what it has
 * counted since the last time as one line of JSON. It checks no token: what counts is that AUTH took place.
 *
 *   sink [delay-ms=0] [cert=FILE key=FILE]
 *
 * Prints "listening PORT". delay-ms holds each reply back for so long, as a round trip would. With a certificate
 * it offers STARTTLS, when it was compiled with -DWITH_TLS -lssl -lcrypto.
 */
#include "wire.h"

enum { longest_line = 16384 };

typedef struct {
  Wire wire;
  enum { COMMANDS, AUTH_RESPONSE, MESSAGE } phase;
  char line[longest_line];
  size_t line_length;
  char tail[4]; /* the last octets of the message so far */
} Connection;

static struct {
  long connections, handshakes, auths, messages, octets, recipients;
  double first_at, last_at; /* of the messages' ends, seconds of CLOCK_MONOTONIC */
} counted;

static volatile sig_atomic_t asked;

static void ask(int signal) {
  (void)signal;
  asked = 1;
}

static void print_counted(void) {
  asked = 0;
  printf("{\"connections\":%ld,\"handshakes\":%ld,\"auths\":%ld,\"messages\":%ld,\"octets\":%ld,"
         "\"recipients\":%ld,\"firstAt\":%.6f,\"lastAt\":%.6f}\n",
         counted.connections, counted.handshakes, counted.auths, counted.messages, counted.octets,
         counted.recipients, counted.first_at, counted.last_at);
  fflush(stdout);
  memset(&counted, 0, sizeof counted);
}

static void hello(const Connection *connection) {
  reply("250-sink.bench.test\r\n250-PIPELINING\r\n250-SIZE 157286400\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n");
  if (connection->wire.offers_tls && !connection->wire.secure) reply("250-STARTTLS\r\n");
  reply("250-AUTH XOAUTH2 OAUTHBEARER\r\n250 ENHANCEDSTATUSCODES\r\n");
}

static void authenticated(Connection *connection) {
  connection->phase = COMMANDS;
  counted.auths++;
  reply("235 2.7.0 Accepted\r\n");
}

static int is(const char *line, const char *verb) { return strncasecmp(line, verb, strlen(verb)) == 0; }

static void take_command(Connection *connection) {
  const char *line = connection->line;
  if (connection->phase == AUTH_RESPONSE) return authenticated(connection);
  if (is(line, "RCPT")) counted.recipients++;
  if (is(line, "MAIL") || is(line, "RCPT") || is(line, "RSET") || is(line, "NOOP")) return reply("250 2.0.0 Ok\r\n");
  if (is(line, "EHLO")) return hello(connection);
  if (is(line, "HELO")) return reply("250 sink.bench.test\r\n");
  if (is(line, "STARTTLS") && connection->wire.offers_tls) {
    reply("220 2.0.0 Go ahead\r\n");
    send_replies(&connection->wire);
    return begin_tls(&connection->wire);
  }
  if (is(line, "AUTH ")) {
    if (strchr(line + 5, ' ')) return authenticated(connection);
    connection->phase = AUTH_RESPONSE;
    return reply("334 \r\n");
  }
  if (is(line, "DATA")) {
    connection->phase = MESSAGE;
    memcpy(connection->tail, "..\r\n", 4); /* a message may end with its first line */
    return reply("354 Go ahead\r\n");
  }
  reply(is(line, "QUIT") ? "221 2.0.0 Bye\r\n" : "502 5.5.1 Not here\r\n");
  if (!is(line, "QUIT")) return;
  send_replies(&connection->wire);
  /* The client closes next; one whose reply is held back does so of its own accord. */
  if (delay_seconds == 0) shutdown(connection->wire.fd, SHUT_WR);
}

static void message_ended(Connection *connection) {
  connection->phase = COMMANDS;
  counted.messages++;
  counted.last_at = now();
  if (counted.messages == 1) counted.first_at = counted.last_at;
  reply("250 2.0.0 Ok: queued\r\n");
}

/* Octet `at` of the chunk; those before it are the tail's. */
static char octet(const Connection *connection, const char *chunk, ssize_t at) {
  return at < 0 ? connection->tail[4 + at] : chunk[at];
}

/* Whether the dot at `at`, perhaps in the tail, stands in CR LF "." CR LF. */
static int ends_at(const Connection *connection, const char *chunk, ssize_t length, ssize_t at) {
  static const char mark[] = "\r\n.\r\n";
  if (at + 2 >= length) return 0;
  for (ssize_t i = 0; i < 5; i++)
    if (octet(connection, chunk, at - 2 + i) != mark[i]) return 0;
  return 1;
}

/* Octets of the chunk that belong to the message. */
static ssize_t take_message(Connection *connection, const char *chunk, ssize_t length) {
  ssize_t end = -1;
  for (ssize_t at = -2; at < 0 && end < 0; at++)
    if (ends_at(connection, chunk, length, at)) end = at + 3;
  for (const char *dot = chunk; end < 0 && (dot = memchr(dot, '.', (size_t)(chunk + length - dot))); dot++)
    if (ends_at(connection, chunk, length, dot - chunk)) end = dot - chunk + 3;
  ssize_t used = end < 0 ? length : end;
  counted.octets += used;
  char tail[4];
  for (ssize_t i = 0; i < 4; i++) tail[i] = octet(connection, chunk, used - 4 + i);
  memcpy(connection->tail, tail, 4);
  if (end >= 0) message_ended(connection);
  return used;
}

static ssize_t take_line(Connection *connection, const char *chunk, ssize_t length) {
  const char *newline = memchr(chunk, '\n', (size_t)length);
  ssize_t used = newline ? newline + 1 - chunk : length;
  if (connection->line_length + (size_t)used >= longest_line) die("a command of more than %d octets", longest_line);
  memcpy(connection->line + connection->line_length, chunk, (size_t)used);
  connection->line_length += (size_t)used;
  if (!newline) return used;
  connection->line[connection->line_length - 2] = '\0';
  connection->line_length = 0;
  take_command(connection);
  return used;
}

static void receive(Connection *connection) {
  static char chunk[chunk_octets];
  Wire *wire = &connection->wire;
  for (;;) {
    int was_secure = wire->secure;
    ssize_t length = read_chunk(wire, chunk);
    if (wire->secure && !was_secure) counted.handshakes++;
    if (length < 0) return close_wire(wire);
    if (length == 0) return;
    for (ssize_t at = 0; at < length;)
      at += connection->phase == MESSAGE ? take_message(connection, chunk + at, length - at)
                                         : take_line(connection, chunk + at, length - at);
    send_replies(wire);
    /* A short read has emptied the socket; under TLS there may be another record. */
    if (length < chunk_octets && !wire->secure) return;
  }
}

static void accept_connections(int listener, int offers_tls) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connection *connection = calloc(1, sizeof *connection);
    connection->wire = (Wire){.fd = fd, .offers_tls = offers_tls};
    counted.connections++;
    watch(fd, connection);
    reply("220 sink.bench.test ESMTP\r\n");
    send_replies(&connection->wire);
  }
}

int main(int count, char **arguments) {
  const char *certificate = NULL, *key = NULL;
  for (int i = 1; i < count; i++) {
    char *value = strchr(arguments[i], '=');
    if (value == NULL) die("expected name=value, not %s", arguments[i]);
    *value++ = '\0';
    if (strcmp(arguments[i], "delay-ms") == 0) delay_seconds = atof(value) / 1000;
    else if (strcmp(arguments[i], "cert") == 0) certificate = value;
    else if (strcmp(arguments[i], "key") == 0) key = value;
    else die("unknown option %s", arguments[i]);
  }
  if (certificate && key) use_certificate(certificate, key);

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t address_length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0)
    die("cannot listen: %s", strerror(errno));
  getsockname(listener, (struct sockaddr *)&address, &address_length);
  poller = epoll_create1(0);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  watch(listener, &listener);
  watch(timer, &timer);
  struct sigaction on_ask = {.sa_handler = ask};
  sigaction(SIGUSR1, &on_ask, NULL);
  signal(SIGPIPE, SIG_IGN);
  /* Delivered only while waiting, so that no question is missed in between. */
  sigset_t question, usual;
  sigemptyset(&question);
  sigaddset(&question, SIGUSR1);
  sigprocmask(SIG_BLOCK, &question, &usual);
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);

  for (;;) {
    struct epoll_event events[256];
    int happened = epoll_pwait(poller, events, 256, -1, &usual);
    if (asked) print_counted();
    for (int i = 0; i < happened; i++) {
      void *whose = events[i].data.ptr;
      if (whose == &listener) accept_connections(listener, certificate != NULL);
      else if (whose == &timer) send_due();
      else receive(whose);
    }
  }
}
