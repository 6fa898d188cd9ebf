import { once } from 'node:events'
import pg from 'pg'

/** How often the watch looks, within the time that it waits. */
const looks = 6

/**
 * Makes the server stop itself when nobody has been connected to it for `idleMs`, as after `kill -9` of all
 * who used it. The watch is a statement in the server, so it needs no process of its own; the connection
 * that sent it is closed once it runs, and the statement goes on, since it writes nothing more to its
 * client. A tidy `close` does not wait for it. On Windows there is no such watch.
 */
export async function watchForIdleness (url: string, idleMs: number): Promise<void> {
  if (process.platform === 'win32') return
  const client = new pg.Client({ connectionString: url, application_name: 'plimsoll idle watch' })
  client.on('error', () => {})
  await client.connect()
  const watching = once(client, 'notice')
  const statement = client.query(watchSql(idleMs / looks / 1_000))
  try {
    await Promise.race([watching, statement])
  } finally {
    // Cut by the end, as it must be.
    statement.catch(() => {})
    await client.end()
  }
}

/**
 * It runs in the database `postgres`, where its snapshots hold up nobody's VACUUM or CREATE INDEX
 * CONCURRENTLY. SIGINT is PostgreSQL's fast shutdown; the server works in its data directory, where its pid
 * file is.
 */
function watchSql (seconds: number): string {
  return `DO $watch$
    DECLARE
      idle int := 0;
    BEGIN
      RAISE NOTICE 'watching';
      WHILE idle < ${looks} LOOP
        PERFORM pg_sleep(${seconds});
        IF EXISTS (SELECT FROM pg_stat_activity
          WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())
        THEN idle := 0;
        ELSE idle := idle + 1;
        END IF;
        COMMIT;
      END LOOP;
      COPY (SELECT WHERE false) TO PROGRAM 'read pid < postmaster.pid && kill -INT "$pid"';
    END $watch$`
}
