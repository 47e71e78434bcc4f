/**
 * A desktop's keyring of one's own: gnome-keyring in a private D-Bus session, with files in a directory of the test. It
 * asks nobody: what is locked stays locked. Its secrets are looked at with secret-tool, as a person would.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { eventually, type RunningProgram, startProgram, temporaryDirectory } from './process.js';

export interface TestKeyring {
  /** What a command needs to find it. */
  readonly env: NodeJS.ProcessEnv;
  /** What is kept for a token file; undefined when nothing is. */
  secretsOf(tokenFile: string): Promise<Record<string, unknown> | undefined>;
  /** The paths of all token files that something is kept for. */
  names(): Promise<readonly string[]>;
  /** As after a reboot, until somebody logs in. */
  lock(): Promise<void>;
  unlock(): Promise<void>;
  stop(): Promise<void>;
}

const busConfiguration = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>`;

/** Unlocked. */
export async function startKeyring(): Promise<TestKeyring> {
  const directory = await temporaryDirectory();
  const [home, runtime] = [join(directory.path, 'home'), join(directory.path, 'run')];
  await Promise.all([home, runtime].map((path) => mkdir(path, { mode: 0o700 })));
  const configuration = join(directory.path, 'bus.conf');
  await writeFile(configuration, busConfiguration);
  const bus = startProgram('dbus-daemon', [`--config-file=${configuration}`, '--nofork', '--print-address']);
  const [address] = await bus.waitForOutput(/^unix:\S+/m);
  const env = { HOME: home, XDG_RUNTIME_DIR: runtime, DBUS_SESSION_BUS_ADDRESS: address };
  const inSession = { PATH: process.env['PATH'], ...env };

  const tool = async (command: string, args: readonly string[], input = '') => {
    const child = spawn(command, args, { env: inSession, stdio: ['pipe', 'pipe', 'pipe'] });
    // A tool that reads nothing may have ended by now.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      child.exitCode ?? once(child, 'exit'),
    ]);
    return { stdout, stderr };
  };
  const isThere = async (wanted: boolean) => {
    const question = ['org.freedesktop.DBus', '/', 'org.freedesktop.DBus.NameHasOwner'];
    const { stdout } = await tool('dbus-send', [
      '--session',
      '--print-reply=literal',
      `--dest=${question[0]}`,
      ...question.slice(1),
      'string:org.freedesktop.secrets',
    ]);
    return stdout.includes(String(wanted)) || undefined;
  };
  let daemon: RunningProgram | undefined;
  const restart = async (input: string, ...options: string[]) => {
    await daemon?.stop();
    await eventually('the old keyring to go', () => isThere(false));
    const script = `printf %s "$0" | exec gnome-keyring-daemon --foreground --components=secrets "$@"`;
    daemon = startProgram('sh', ['-c', script, input, ...options], { env: inSession });
    await eventually('gnome-keyring to come', () => isThere(true), daemon.output);
  };
  await restart('password', '--unlock');

  return {
    env,
    async secretsOf(tokenFile) {
      const { stdout } = await tool('secret-tool', [
        'lookup',
        'service',
        'mailbearer',
        'username',
        tokenFile,
      ]);
      return stdout === '' ? undefined : (JSON.parse(stdout) as Record<string, unknown>);
    },
    async names() {
      const { stdout, stderr } = await tool('secret-tool', ['search', '--all', 'service', 'mailbearer']);
      return [...(stdout + stderr).matchAll(/^attribute\.username = (.*)$/gm)].map((match) => match[1]!);
    },
    lock: () => restart(''),
    unlock: () => restart('password', '--unlock'),
    async stop() {
      await daemon?.stop();
      await bus.stop();
      await directory.remove();
    },
  };
}
