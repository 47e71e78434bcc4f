/*
 * The load generator: sends messages to one SMTP server from N sessions as fast as the server lets it, and prints
 * one line of JSON about it. One thread, epoll, all sessions send the same octets from one buffer. Any reply but
 * the expected one ends it with status 1, so that no figure ever counts a message that was not accepted.
 *
 *   load port=2525 [sender=a@bench.test] [sessions=10] [messages=1000] [size=1024] [recipients=1] [warmup=1]
 *        [kept=1] [pipelined=1] [dots=0] [idle=0]
 *
 * size         octets of a message: header and prose, from 4 KiB on lines as of a base64 attachment
 * warmup       small messages of each session before the clock starts, which it does for all sessions at once
 * kept=0       a new session for each message, `sessions` of them at a time, and no warm-up
 * pipelined=0  waits for the reply to each command; else MAIL, RCPT and DATA leave as one (RFC 2920)
 * dots=1       messages of nothing but lines of one dot
 * idle=1       opens the sessions, says EHLO, prints "ready" and holds them until it is ended
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "text.h"

enum { small_octets = 1024, longest_line = 1024, most_opening = 100 };

static const char *sender = "a@bench.test";
static long port, session_count = 10, messages = 1000, size = 1024, recipients = 1, warmup = 1, kept = 1,
                  pipelined = 1, dots, idle;

/* What the awaited replies answer. */
typedef enum { GREETING, HELLO, READY, ENVELOPE, BODY, QUIT } Stage;

typedef struct {
  int fd;
  Stage stage;
  long awaited;       /* replies to come before the stage is over */
  long warmups;       /* still to be sent */
  Text commands;      /* of the envelope, not sent yet */
  Text out;           /* not taken by the socket yet */
  int waits_for_room; /* what epoll was told */
  double began;
  char line[longest_line];
  size_t line_length;
} Session;

static int poller;
static Session *sessions;
static Text envelope, message, small_message;
static double *latencies, started;
static long begun, done, warmups_done, opened, opening, ready, octets_sent;

static void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void flush(Session *session) {
  while (session->out.length > 0) {
    ssize_t sent = send(session->fd, session->out.octets, session->out.length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) die("the server takes no more: %s", strerror(errno));
    session->out.octets += sent;
    session->out.length -= (size_t)sent;
  }
  int waits_for_room = session->out.length > 0;
  if (waits_for_room == session->waits_for_room) return;
  session->waits_for_room = waits_for_room;
  struct epoll_event event = {.events = waits_for_room ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = session};
  epoll_ctl(poller, EPOLL_CTL_MOD, session->fd, &event);
}

static void say(Session *session, Stage stage, long awaited, Text text) {
  session->stage = stage;
  session->awaited = awaited;
  session->out = text;
  flush(session);
}

/* The next command of the envelope, or with PIPELINING all of them. */
static void send_commands(Session *session) {
  Text text = session->commands;
  if (!pipelined) text.length = (size_t)((char *)memchr(text.octets, '\n', text.length) + 1 - text.octets);
  session->commands.octets += text.length;
  session->commands.length -= text.length;
  say(session, ENVELOPE, pipelined ? recipients + 2 : 1, text);
}

static void begin_message(Session *session) {
  session->commands = envelope;
  if (kept) session->began = now();
  send_commands(session);
}

static void begin_next(Session *session) {
  if (begun == messages) return;
  begun++;
  begin_message(session);
}

static void open_session(Session *session) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) die("no socket: %s", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  *session = (Session){
      .fd = fd, .stage = GREETING, .awaited = 1, .warmups = kept && !idle ? warmup : 0, .began = now()};
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
    die("cannot connect to port %ld: %s", port, strerror(errno));
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = session};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  opening++;
}

/* No more than a hundred at a time: a listener's backlog is finite. */
static void open_more(void) {
  while (opened < session_count && opening < most_opening) open_session(&sessions[opened++]);
}

/* The session is warm; when all are, the clock starts. */
static void be_ready(Session *session) {
  session->stage = READY;
  if (++ready < session_count) return;
  if (idle) {
    puts("ready");
    fflush(stdout);
    return;
  }
  started = now();
  for (long i = 0; i < session_count; i++) begin_next(&sessions[i]);
}

static void greeted(Session *session) {
  opening--;
  open_more();
  if (!kept || session->warmups > 0) begin_message(session);
  else be_ready(session);
}

static void accepted(Session *session) {
  if (session->warmups > 0) {
    warmups_done++;
    if (--session->warmups > 0) begin_message(session);
    else be_ready(session);
    return;
  }
  latencies[done++] = now() - session->began;
  if (kept) begin_next(session);
  else say(session, QUIT, 1, (Text){"QUIT\r\n", 6});
}

/* All replies of the stage are there. */
static void advance(Session *session) {
  switch (session->stage) {
    case GREETING:
      return say(session, HELLO, 1, (Text){"EHLO load.bench.test\r\n", 22});
    case HELLO:
      return greeted(session);
    case ENVELOPE: {
      if (session->commands.length > 0) return send_commands(session);
      Text text = session->warmups > 0 ? small_message : message;
      octets_sent += (long)text.length;
      return say(session, BODY, 1, text);
    }
    case BODY:
      return accepted(session);
    case READY:
    case QUIT:
      return;
  }
}

/* The last line of a reply: 2yz, and 3yz to DATA. */
static void take_reply(Session *session) {
  int to_data = session->stage == ENVELOPE && session->awaited == 1 && session->commands.length == 0;
  if (session->awaited == 0 || session->line[0] != (to_data ? '3' : '2'))
    die("unexpected reply: %s", session->line);
  if (--session->awaited == 0) advance(session);
}

static void ended(Session *session) {
  if (session->stage != QUIT || session->awaited > 0) die("the server closed a connection in mid-session");
  close(session->fd);
  if (begun == messages) return;
  begun++;
  open_session(session);
}

static void receive(Session *session) {
  char chunk[65536];
  ssize_t length = recv(session->fd, chunk, sizeof chunk, 0);
  if (length < 0 && errno == EAGAIN) return;
  if (length < 0) die("connection lost: %s", strerror(errno));
  if (length == 0) return ended(session);
  for (ssize_t i = 0; i < length; i++) {
    if (session->line_length == longest_line - 1) die("a reply line of more than %d octets", longest_line);
    session->line[session->line_length++] = chunk[i];
    if (chunk[i] != '\n') continue;
    session->line[session->line_length - 1] = '\0';
    int last = session->line_length > 4 && session->line[3] != '-';
    session->line_length = 0;
    if (last) take_reply(session);
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double percentile_ms(double part) { return latencies[(long)(part * (double)(done - 1))] * 1000; }

static void report(double seconds) {
  qsort(latencies, (size_t)done, sizeof *latencies, ascending);
  printf("{\"messages\":%ld,\"seconds\":%.6f,\"octets\":%ld,\"allMessages\":%ld,\"allOctets\":%ld,"
         "\"p50Ms\":%.4f,\"p90Ms\":%.4f,\"p99Ms\":%.4f,\"maxMs\":%.4f}\n",
         done, seconds, done * size, done + warmups_done, octets_sent, percentile_ms(0.5), percentile_ms(0.9),
         percentile_ms(0.99), percentile_ms(1));
}

static void read_options(int count, char **arguments) {
  const struct { const char *name; long *value; } numbers[] = {
      {"port", &port}, {"sessions", &session_count}, {"messages", &messages}, {"size", &size},
      {"recipients", &recipients}, {"warmup", &warmup}, {"kept", &kept}, {"pipelined", &pipelined},
      {"dots", &dots}, {"idle", &idle}};
  for (int i = 1; i < count; i++) {
    char *value = strchr(arguments[i], '=');
    if (value == NULL) die("expected name=value, not %s", arguments[i]);
    *value++ = '\0';
    size_t at = 0, all = sizeof numbers / sizeof *numbers;
    while (at < all && strcmp(arguments[i], numbers[at].name) != 0) at++;
    if (at < all) *numbers[at].value = atol(value);
    else if (strcmp(arguments[i], "sender") == 0) sender = value;
    else die("unknown option %s", arguments[i]);
  }
  if (port < 1 || session_count < 1 || messages < 1 || recipients < 1) die("port, and counts above 0, please");
  if (size < smallest_message || size % 4 != 0) die("size: a multiple of 4, at least %d", smallest_message);
  if (session_count > messages && !idle) session_count = messages;
}

int main(int count, char **arguments) {
  read_options(count, arguments);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  envelope = compose_envelope(sender, recipients);
  message = compose_message((size_t)size, (int)dots);
  small_message = compose_message((size_t)(size < small_octets ? size : small_octets), (int)dots);
  latencies = calloc((size_t)messages, sizeof *latencies);
  sessions = calloc((size_t)session_count, sizeof *sessions);
  poller = epoll_create1(0);
  if (!kept) begun = session_count;
  started = now();
  open_more();
  while (idle || done < messages) {
    struct epoll_event events[256];
    int happened = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < happened; i++) {
      Session *session = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) flush(session);
      if (events[i].events & ~(unsigned)EPOLLOUT) receive(session);
    }
  }
  report(now() - started);
  return 0;
}
