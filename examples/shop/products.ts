import type { ServiceApp } from 'plimsoll'
import { defineResource, many, one, type Resource, resource } from 'plimsoll/resource'
import { Type } from 'typebox'

const categories: Resource = defineResource({
  name: 'category',
  path: '/categories',
  schema: Type.Object({ id: Type.Integer(), name: Type.String() }),
  from: 'category',
  key: 'id',
  columns: { id: { type: 'int' } },
  expand: { products: many(() => products, { by: 'categoryId', limit: 5 }) },
})

const products: Resource = defineResource({
  name: 'product',
  path: '/products',
  schema: Type.Object({
    id: Type.Integer(),
    sku: Type.String(),
    name: Type.String(),
    description: Type.String(),
    priceCents: Type.Integer(),
    currency: Type.String({ description: 'ISO 4217' }),
    stock: Type.Integer(),
    category: Type.String(),
    updatedAt: Type.Unsafe<Date>({ type: 'string', format: 'date-time' }),
  }),
  from: 'product join category on category.id = product.category_id',
  key: 'id',
  revision: 'product.updated_at',
  columns: {
    id: { sql: 'product.id', type: 'int' },
    name: 'product.name',
    category: 'category.name',
    categoryId: { sql: 'product.category_id', type: 'int', nullable: false },
    currency: { type: 'char(3)' },
    priceCents: { type: 'int' },
    stock: { type: 'int' },
  },
  list: {
    sort: ['id', 'priceCents'],
    filter: { categoryId: ['eq', 'in'], priceCents: ['gte', 'lte'], stock: ['gt'] },
    page: { default: 20, max: 100 },
  },
  expand: { group: one(() => categories, { by: 'categoryId' }) },
})

/** What an order changes of a product; purged when it does. */
export function tagOf (productId: number): string {
  return `product:${productId}`
}

export async function productRoutes (app: ServiceApp): Promise<void> {
  const { data, cursors } = app
  await app.register(resource(categories, { data, cursors }))
  await app.register(resource(products, {
    data,
    cursors,
    config: {
      one: {
        criticality: 'critical',
        cache: { ttl: '30s', staleWhileRevalidate: '5m', scope: 'public', tags: ['product:{id}'] },
      },
    },
  }))
}
