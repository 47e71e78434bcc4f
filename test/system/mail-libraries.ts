/**
 * Libraries by which programs send mail, each behind the same function: messages in, what the library says of each
 * out. Nothing is added and nothing is judged.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTransport, type Transporter } from 'nodemailer';
import { run } from '../support/process.js';

export interface Submission {
  readonly from: string;
  readonly to: readonly string[];
  readonly message: Buffer;
}

/** Replies are as the library reports them: code and text. */
export type Outcome =
  /** Sent to the recipients that were not refused. */
  | { readonly refused: Readonly<Record<string, string>> }
  /** Sent to nobody. */
  | { readonly failed: string };

export interface Library {
  /** All messages of one call go through one session; else each has its own. */
  readonly keepsSession: boolean;
  /** Hands the messages, in their order, to a port of 127.0.0.1. `directory` is there for files. */
  readonly submit: (
    port: number,
    messages: readonly Submission[],
    directory: string,
  ) => Promise<readonly Outcome[]>;
}

export const libraries: Readonly<Record<string, Library>> = {
  nodemailer: {
    keepsSession: false,
    submit: (port, messages) => byNodemailer(messages, createTransport({ host: '127.0.0.1', port })),
  },
  "nodemailer's pool": {
    keepsSession: true,
    submit: (port, messages) =>
      byNodemailer(messages, createTransport({ host: '127.0.0.1', port, pool: true, maxConnections: 1 })),
  },
  "Python's smtplib": {
    keepsSession: true,
    submit: bySmtplib,
  },
};

async function byNodemailer(
  messages: readonly Submission[],
  transport: Transporter<{ readonly rejectedErrors?: readonly (Error & { recipient?: string })[] }>,
): Promise<Outcome[]> {
  const submit = async ({ from, to, message }: Submission): Promise<Outcome> => {
    const envelope = { from, to: [...to], use8BitMime: true };
    try {
      const { rejectedErrors = [] } = await transport.sendMail({ envelope, raw: message });
      return {
        refused: Object.fromEntries(rejectedErrors.map((error) => [error.recipient, replyIn(error)])),
      };
    } catch (error) {
      return { failed: replyIn(error) };
    }
  };
  try {
    return await Promise.all(messages.map(submit));
  } finally {
    transport.close();
  }
}

/** The server's, or what kept nodemailer from getting one. */
function replyIn(error: unknown): string {
  return (error as { response?: string }).response ?? String(error);
}

async function bySmtplib(
  port: number,
  messages: readonly Submission[],
  directory: string,
): Promise<Outcome[]> {
  const script = fileURLToPath(new URL('smtplib-client.py', import.meta.url));
  const jobFile = join(directory, 'smtplib-job.json');
  const job = {
    port,
    messages: messages.map(({ from, to, message }) => ({
      from,
      to,
      message: message.toString('base64'),
      options: ['BODY=8BITMIME', ...(to.every((address) => /^[ -~]*$/.test(address)) ? [] : ['SMTPUTF8'])],
    })),
  };
  await writeFile(jobFile, JSON.stringify(job));
  return JSON.parse(await run('python3', [script, jobFile])) as Outcome[];
}
