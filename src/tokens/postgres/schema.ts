/**
 * What stands in the database, and how it came to be: one step for each version, in order, each applied once. Only `store
 * init` changes the schema; everything else asks at its start whether the version is the one that it knows.
 */
import { AppError } from '../../core/errors.js';
import type { Database } from './database.js';

/** Notices of changed accounts; the payload is the name. */
export const changeChannel = 'mailbearer_account';

/**
 * `version` changes with the content and is used once in the whole database, so that a row which was removed and came back
 * is another. `lease_*` say who asks a token endpoint, and until when, by the clock of the server.
 */
const steps: readonly string[] = [
  `
CREATE SEQUENCE mailbearer.account_version;
CREATE TABLE mailbearer.account (
  name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 255 AND name !~ '[/[:cntrl:]]'),
  version bigint NOT NULL DEFAULT nextval('mailbearer.account_version'),
  key_id text NOT NULL,
  sealed bytea NOT NULL,
  written_at bigint NOT NULL,
  lease_owner text,
  lease_until timestamptz
);
COMMENT ON COLUMN mailbearer.account.sealed IS 'the token file, AES-256-GCM: nonce, ciphertext, tag';
COMMENT ON COLUMN mailbearer.account.written_at IS 'milliseconds since the epoch';
CREATE FUNCTION mailbearer.tell_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('${changeChannel}', coalesce(NEW.name, OLD.name));
  RETURN NULL;
END $$;
CREATE TRIGGER tell_of_account AFTER INSERT OR DELETE OR UPDATE OF version ON mailbearer.account
  FOR EACH ROW EXECUTE FUNCTION mailbearer.tell_of_account();
`,
];

export const schemaVersion = steps.length;

/** As `setUpScript`, whole: in a transaction of its own. */
export function setUpStatement(role: string): string {
  return `BEGIN;\n${setUpScript(role)};\nCOMMIT;`;
}

/** SQL that brings a database of any earlier version, or an empty one, to this one, and gives `role` what it needs. */
export function setUpScript(role: string): string {
  const applied = steps.map((step, index) => {
    const version = index + 1;
    return `DO $mailbearer$ BEGIN
IF NOT EXISTS (SELECT FROM mailbearer.schema_version WHERE version >= ${version}) THEN
${step.trim()}
INSERT INTO mailbearer.schema_version (version) VALUES (${version});
END IF;
END $mailbearer$`;
  });
  return [
    // Two at once: the second waits, and finds nothing to do.
    `SELECT pg_advisory_xact_lock(hashtext('mailbearer.schema'))`,
    'CREATE SCHEMA IF NOT EXISTS mailbearer',
    `CREATE TABLE IF NOT EXISTS mailbearer.schema_version (
  version integer PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
)`,
    ...applied,
    ...grants(quoted(role)),
  ].join(';\n');
}

/** All that a relay does with it. */
function grants(role: string): string[] {
  return [
    `GRANT USAGE ON SCHEMA mailbearer TO ${role}`,
    `GRANT SELECT ON mailbearer.schema_version TO ${role}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON mailbearer.account TO ${role}`,
    `GRANT USAGE ON SEQUENCE mailbearer.account_version TO ${role}`,
  ];
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Throws AppError store-mismatch, with what brings program and database together, store-unavailable or store-refused. */
export async function checkSchema(database: Database): Promise<void> {
  const [row] = await database.query<{ version: number | null }>(
    'SELECT max(version) AS version FROM mailbearer.schema_version',
  );
  const version = row?.version ?? 0;
  if (version === schemaVersion) return;
  throw new AppError(
    'store-mismatch',
    `${database.name} has version ${version} of the schema, and this mailbearer needs ${schemaVersion}`,
    {
      hint:
        version < schemaVersion
          ? 'bring it up to date: mailbearer store init'
          : 'install the version of mailbearer that the other machines have',
    },
  );
}
