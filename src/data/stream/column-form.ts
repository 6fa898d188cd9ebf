/** How a column's text becomes JSON. */
export type ColumnForm =
  /** Its text is a JSON number. */
  | 'integer'
  /** Its text is a JSON number, or NaN and Infinity, which JSON does not have. */
  | 'number'
  | 'boolean'
  /** Its text is JSON. */
  | 'json'
  /** ISO 8601 wants a T and minutes of the zone. */
  | 'timestamp'
  | 'text'

const forms: ReadonlyMap<number, ColumnForm> = new Map([
  [16, 'boolean'],
  [20, 'integer'],
  [21, 'integer'],
  [23, 'integer'],
  [26, 'integer'],
  [700, 'number'],
  [701, 'number'],
  [1700, 'number'],
  [114, 'json'],
  [3802, 'json'],
  [1114, 'timestamp'],
  [1184, 'timestamp'],
])

/** Arrays of the built-in types, by the ids that PostgreSQL gives them for good. */
const arrays: ReadonlySet<number> = new Set([
  143,
  199,
  271,
  629,
  651,
  719,
  775,
  791,
  1000,
  1001,
  1002,
  1003,
  1005,
  1006,
  1007,
  1008,
  1009,
  1010,
  1011,
  1012,
  1013,
  1014,
  1015,
  1016,
  1017,
  1018,
  1019,
  1020,
  1021,
  1022,
  1027,
  1028,
  1034,
  1040,
  1041,
  1115,
  1182,
  1183,
  1185,
  1187,
  1231,
  1263,
  1270,
  1561,
  1563,
  2201,
  2207,
  2208,
  2209,
  2210,
  2211,
  2949,
  2951,
  3221,
  3643,
  3644,
  3645,
  3735,
  3770,
  3807,
])

/** The first id of a type that is not built in: an enum, a composite, an array of either. */
const firstOwn = 16_384

/** @param oid of a column's type */
export function formOf (oid: number): ColumnForm {
  return isNested(oid) ? 'json' : forms.get(oid) ?? 'text'
}

/** Whether PostgreSQL has to make the JSON, because the text is of a form of its own. */
export function isNested (oid: number): boolean {
  return arrays.has(oid) || oid >= firstOwn || oid === 2249
}
