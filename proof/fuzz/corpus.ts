/** Dialogues as well-behaved programs have them, for the fuzzer to spoil. Latin1, a character an octet. */

const envelope = 'MAIL FROM:<a0@fuzz.test>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n';

/** What stands between DATA's reply and the end of the message, the end mark included. */
export const bodies: readonly string[] = [
  '.\r\n',
  'Subject: hi\r\n\r\nhello\r\n.\r\n',
  'a\r\n..\r\n..b\r\n\r\n.\r\n',
  '..\r\n.\r\n',
  'f\xfcnf \xff\r\n\0\r\nno newline before the dot.\r\n.\r\n',
  `${'x'.repeat(998)}\r\n\r\n\r\n.\r\n`,
  'a\nb\rc\r\n.\r\n',
];

/** What clients send. */
export const clientDialogues: readonly string[] = [
  ...bodies.map((body) => `EHLO c.test\r\n${envelope}${body}QUIT\r\n`),
  'EHLO c.test\r\nMAIL FROM:<a1@fuzz.test> SIZE=1000 BODY=8BITMIME\r\nRCPT TO:<x@example.net>\r\nRCPT TO:<y@example.net>\r\nDATA\r\nm\r\n.\r\n' +
    'MAIL FROM:<a2@fuzz.test> SMTPUTF8\r\nRCPT TO:<\xc3\xa4@example.net>\r\nDATA\r\nn\r\n.\r\nQUIT\r\n',
  'HELO c\r\nMAIL FROM: <>\r\nRCPT TO:<"a \\" b"@example.net>\r\nRSET\r\nNOOP\r\nVRFY x\r\nHELP\r\nQUIT\r\n',
  `EHLO [127.0.0.1]\r\nRSET\r\n${envelope}one\r\n.\r\n${envelope}two\r\n.\r\nRSET\r\n`,
  'ehlo c\r\nmail from:a3@fuzz.test\r\nrcpt to:<@relay.test:u@example.net>\r\ndata\r\nlower case\r\n.\r\nquit\r\n',
  'EHLO c\r\nAUTH PLAIN AGEAYg==\r\nSTARTTLS\r\nBDAT 3 LAST\r\nabcRCPT TO:<early@example.net>\r\nDATA\r\n',
  'POST / HTTP/1.1\r\nHost: 127.0.0.1:2525\r\n\r\nEHLO c\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03EHLO c\r\n',
];

const hello =
  '250-up.test\r\n250-PIPELINING\r\n250-SIZE 35882577\r\n250-STARTTLS\r\n250-8BITMIME\r\n250 AUTH XOAUTH2 OAUTHBEARER\r\n';
const challenge = Buffer.from('{"status":"401","schemes":"Bearer"}').toString('base64');

/** What servers send, from the greeting on. */
export const serverDialogues: readonly string[] = [
  `220 up.test ESMTP\r\n${hello}235 2.7.0 Accepted\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go ahead\r\n250 2.0.0 Ok\r\n221 Bye\r\n`,
  `220 up.test ESMTP\r\n${hello}220 Go ahead\r\n`,
  `220-up.test\r\n220 ESMTP\r\n${hello}334 ${challenge}\r\n535 5.7.8 No\r\n`,
  `220 up.test\r\n${hello}334 \r\n334 ${challenge}\r\n535-5.7.8 Username and\r\n535 5.7.8 Password not accepted\r\n`,
  '220 up.test\r\n250-x\r\n250-AUTH=LOGIN PLAIN\r\n250 AUTH LOGIN XOAUTH2\r\n454 4.7.0 Later\r\n421 4.3.2 Leaving\r\n',
  '554 5.3.2 Go away\r\n',
  '220\r\n250\r\n',
];

/** Single replies. */
export const serverReplies: readonly string[] = [
  '250 2.1.0 Ok\r\n',
  '250-2.1.5 Ok\r\n250 2.1.5 And more\r\n',
  '354 Go ahead\r\n',
  '421 4.3.2 Leaving\r\n',
  '450 4.2.1 Not now\r\n',
  '452-4.3.1 Full\r\n452 4.3.1 Try later\r\n',
  '535 5.7.8 Authentication failed\r\n',
  '550 5.4.5 Daily limit\r\n',
  '554 5.7.1 Spam \xe4\r\n',
];
