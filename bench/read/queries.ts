/** What is read. Each has one parameter, an id of {@link rows} rows. */
export const queries = {
  'point read': 'SELECT id, name, price, made FROM product WHERE id = $1',
  'page of 20': 'SELECT p.id, p.name, p.price, p.made, c.name AS category FROM product p ' +
    'JOIN category c ON c.id = p.category_id WHERE p.id > $1 ORDER BY p.id LIMIT 20',
} as const

export type QueryName = keyof typeof queries

export const queryNames: readonly QueryName[] = ['point read', 'page of 20']

export const rows = 100_000

export const schema = `
  CREATE TABLE category (id int PRIMARY KEY, name text NOT NULL);
  INSERT INTO category SELECT n, 'category ' || n FROM generate_series(1, 50) AS n;
  CREATE TABLE product (
    id int PRIMARY KEY, name text NOT NULL, price int NOT NULL, made timestamptz NOT NULL,
    category_id int NOT NULL REFERENCES category
  );
  INSERT INTO product SELECT n, 'product ' || n, n * 7 % 1000, now() - n * interval '1 s', 1 + n % 50
    FROM generate_series(1, ${rows}) AS n;
  VACUUM ANALYZE category;
  VACUUM ANALYZE product`

/** How many rows a read of the query must answer, from any id that {@link idAt} gives. */
export const rowsOf: Readonly<Record<QueryName, number>> = { 'point read': 1, 'page of 20': 20 }

/** Spread over the table, the same for each subject. */
export function idAt (read: number): number {
  return 1 + (read * 7_919) % (rows - 20)
}
