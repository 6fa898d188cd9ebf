import { Problem } from 'plimsoll'
import type { ServiceApp } from 'plimsoll'
import { Type } from 'typebox'

const largestId = 2 ** 31 - 1

const Product = Type.Object({
  id: Type.Integer(),
  sku: Type.String(),
  name: Type.String(),
  description: Type.String(),
  priceCents: Type.Integer(),
  currency: Type.String({ description: 'ISO 4217' }),
  stock: Type.Integer(),
  category: Type.String(),
  updatedAt: Type.Unsafe<Date>({ type: 'string', format: 'date-time' }),
})
type Product = Type.Static<typeof Product>

const ProductId = Type.Object({ id: Type.Integer({ minimum: 1, maximum: largestId }) })

const PageQuery = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
  after: Type.Integer({
    minimum: 0,
    maximum: largestId,
    default: 0,
    description: '`next` of the page before',
  }),
})

const ProductPage = Type.Object({
  items: Type.Array(Product),
  next: Type.Union([Type.Integer(), Type.Null()], { description: 'Pass as `after`; null on the last page' }),
})

const columns = `product.id, sku, product.name, description, price_cents as "priceCents", currency, stock,
  category.name as category, updated_at as "updatedAt"`
const source = 'product join category on category.id = product.category_id'

export function productRoutes (app: ServiceApp): void {
  app.get('/products/:id', {
    schema: { summary: 'One product', params: ProductId, response: { 200: Product } },
    config: { criticality: 'critical' },
  }, async ({ params }) => {
    const { rows } = await app.data.query<Product>({
      name: 'product-by-id',
      text: `select ${columns} from ${source} where product.id = $1`,
      values: [params.id],
    })
    const [product] = rows
    if (product === undefined) {
      throw new Problem({ code: 'PRODUCT_NOT_FOUND', status: 404, title: 'There is no such product' }, {
        detail: `no product has the id ${params.id}`,
      })
    }
    return product
  })

  app.get('/products', {
    schema: {
      summary: 'Products by id, a page at a time',
      querystring: PageQuery,
      response: { 200: ProductPage },
    },
  }, async ({ query: { limit, after } }) => {
    // One row more than asked for tells whether there is a next page.
    const { rows } = await app.data.query<Product>({
      name: 'product-page',
      text: `select ${columns} from ${source} where product.id > $1 order by product.id limit $2`,
      values: [after, limit + 1],
    })
    const items = rows.slice(0, limit)
    return { items, next: rows.length > limit ? items.at(-1)?.id ?? null : null }
  })
}
