/*
 * What the load generator sends, made once before the clock starts: the commands of an envelope, and a message as
 * it goes over the wire, dot-stuffed and with its end mark.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { prose_octets = 4096, smallest_message = 256 };

typedef struct {
  const char *octets;
  size_t length;
} Text;

static const char header[] = "From: <a@bench.test>\r\nTo: <r0@bench.test>\r\nSubject: load\r\n\r\n";
static const char prose[] = "Not all that is sent arrives. What was acknowledged has arrived, or someone lied.\r\n";
static const char attachment[] =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4\r\n";
static const char lone_dot[] = "..\r\n";

/* `size` octets and the end mark. With `dots` nothing but lines of one dot (RFC 5321, 4.5.2). */
static Text compose_message(size_t size, int dots) {
  char *octets = malloc(size + 4);
  size_t length = 0;
  if (!dots) length = (size_t)sprintf(octets, "%s", header);
  while (length < size) {
    const char *line = dots ? lone_dot : length < prose_octets ? prose : attachment;
    size_t whole = strlen(line), room = size - length, taken = whole < room ? whole : room;
    memcpy(octets + length, line, taken);
    length += taken;
  }
  memcpy(octets + size - 2, "\r\n.\r\n", 5);
  return (Text){octets, size + 3};
}

static Text compose_envelope(const char *sender, long recipients) {
  char *octets = malloc(strlen(sender) + 32 + (size_t)recipients * 48);
  size_t length = (size_t)sprintf(octets, "MAIL FROM:<%s>\r\n", sender);
  for (long i = 0; i < recipients; i++)
    length += (size_t)sprintf(octets + length, "RCPT TO:<r%ld@bench.test>\r\n", i);
  length += (size_t)sprintf(octets + length, "DATA\r\n");
  return (Text){octets, length};
}
