/** The tables of docs/providers.md, from the presets. */
import { presets, type Provider } from '../../src/providers/index.js';
import { table } from './manual-tables.js';

export function providerTables(): ReadonlyMap<string, string> {
  const all = [...presets.values()];
  return new Map([
    ['presets', table(['name', 'for', 'SMTP server', 'what one mailbox may do'], all.map(overview))],
    ['endpoints', table(['name', 'sign-in', 'device flow', 'token endpoint'], all.map(endpoints))],
    ['scopes', table(['name', 'scope of a sign-in', 'scope of an application'], all.map(scopes))],
    [
      'behaviour',
      table(
        ['name', 'refreshed when', 'unused sign-in ends', 'sign-in on a device', 'redirect'],
        all.map(behaviour),
      ),
    ],
  ]);
}

function overview({ name, pace, smtp, title }: Provider): string[] {
  const server = smtp === undefined ? '' : `${smtp.host}:${smtp.port}, ${smtp.tls}`;
  const limits = [
    `${pace.sessions} sessions`,
    ...(pace.messagesPerMinute === undefined ? [] : [`${pace.messagesPerMinute} messages a minute`]),
    ...(pace.loginsPerMinute === undefined ? [] : [`${pace.loginsPerMinute} logins a minute`]),
  ];
  return [code(name), title, server, limits.join(', ')];
}

function endpoints(provider: Provider): string[] {
  const { authorizationEndpoint, deviceAuthorizationEndpoint, name, tokenEndpoint } = provider;
  return [code(name), code(authorizationEndpoint), code(deviceAuthorizationEndpoint), code(tokenEndpoint)];
}

function scopes({ applicationScope, name, scope }: Provider): string[] {
  return [code(name), code(scope), code(applicationScope)];
}

function behaviour(provider: Provider): string[] {
  const { deviceAuthorizationEndpoint, deviceFlowAllowsMail, loopbackRedirectHost, name } = provider;
  const onDevice = deviceAuthorizationEndpoint !== undefined && deviceFlowAllowsMail ? 'yes' : 'no';
  const minutes = `${provider.refreshWindowSeconds / 60} minutes are left`;
  const { idleDays } = provider.signInLife;
  const unused = idleDays === undefined ? '–' : `after ${idleDays} days`;
  return [code(name), minutes, unused, onDevice, code(`http://${loopbackRedirectHost}`)];
}

function code(text: string | undefined): string {
  return text === undefined ? '–' : `\`${text}\``;
}
