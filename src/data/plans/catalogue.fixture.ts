import pg from 'pg'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'

export interface CatalogueDatabase extends AsyncDisposable {
  readonly pool: pg.Pool
  /** Runs `work` with a pool whose sessions have other settings. */
  withSettings<Result>(
    settings: Readonly<Record<string, string>>,
    work: (pool: pg.Pool) => Promise<Result>
  ): Promise<Result>
}

/** A shop with 30,000 products, analysed. */
export async function catalogueDatabase (): Promise<CatalogueDatabase> {
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 3 })
  await pool.query(`
    CREATE TABLE category (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO category SELECT n, 'c' || n FROM generate_series(1, 20) n;
    CREATE TABLE product (
      id int PRIMARY KEY, sku varchar(20) NOT NULL, name text NOT NULL, price_cents int NOT NULL, code char(6) NOT NULL,
      tenant int NOT NULL, category_id int NOT NULL REFERENCES category, deleted_at timestamptz
    );
    INSERT INTO product SELECT n, 's' || n, 'p' || n, n * 7 % 10000, n, n % 100, 1 + n % 20, NULL
      FROM generate_series(1, 30000) n;
    CREATE INDEX product_code ON product (code);
    CREATE TABLE review (id int PRIMARY KEY, product_id int NOT NULL, stars int NOT NULL);
    INSERT INTO review SELECT n, n % 30000, n % 5 FROM generate_series(1, 30000) n;
  `)
  // Outside of that one transaction, so that autovacuum has nothing left to do while a test runs.
  await pool.query('VACUUM ANALYZE category, product, review')
  return {
    pool,
    async withSettings (settings, work) {
      const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`).join(' ')
      const other = new pg.Pool({ connectionString: database.url, max: 1, options })
      try {
        return await work(other)
      } finally {
        await other.end()
      }
    },
    async [Symbol.asyncDispose] () {
      await pool.end()
      await database.close()
    },
  }
}
