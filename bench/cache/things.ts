/** How many things there are; all of them fit into every cache here. */
export const thingCount = 1_000

/** A thing as JSON, 466 bytes or a few less. */
export function thingJson (id: number): string {
  return JSON.stringify({
    id,
    sku: `SKU-${String(id).padStart(6, '0')}`,
    name: `A thing with the number ${id}`,
    description: 'What a product page shows of a thing: '.repeat(8),
    priceCents: 100 + id,
    currency: 'EUR',
    stock: id % 50,
    updatedAt: '2026-01-01T00:00:00.000Z',
  })
}
