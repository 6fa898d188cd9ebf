/** How names are written on the wire. */
export type WireNaming = 'snake_case' | 'camelCase'

/**
 * `orderId` becomes `order_id`, `URLPath` becomes `url_path`; digits stay with the word before them. Names that
 * begin with an underscore or hold other signs keep them.
 */
export function toSnakeCase (name: string): string {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
}

/** `order_id` becomes `orderId`; underscores at the beginning and the end stay. */
export function toCamelCase (name: string): string {
  return name.replaceAll(/(?<=[A-Za-z\d])_+([A-Za-z\d])/g, (_match, after: string) => after.toUpperCase())
}

export const wireNameOf: Readonly<Record<WireNaming, (name: string) => string>> = {
  snake_case: toSnakeCase,
  camelCase: toCamelCase,
}
