export const streamSubjects = [
  'COPY, piped',
  'Plimsoll, CSV',
  'Plimsoll, NDJSON',
  'Plimsoll, row by row',
  'pg-cursor, JSON.stringify',
] as const

export type StreamSubject = (typeof streamSubjects)[number]

export const rowCount = 1_000_000

export const allRows = 'select id, sku, name, price, made from item'

export const schema = `
  CREATE TABLE item (id int PRIMARY KEY, sku text NOT NULL, name text NOT NULL, price int NOT NULL, made timestamptz NOT NULL);
  INSERT INTO item SELECT n, 'SKU-' || n, 'A thing with the number ' || n, n % 1000, now() - n * interval '1 s'
    FROM generate_series(1, ${rowCount}) AS n;
  VACUUM ANALYZE item`
