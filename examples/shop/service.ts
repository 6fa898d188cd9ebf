// The reference service: a shop on PostgreSQL. `npm start` runs it.
import { defineService } from 'plimsoll'
import { openBank } from './bank.ts'
import { bestSellerRoutes, bestSellers, orderPlaced } from './best-sellers.ts'
import { checkout, shipmentBooked, shipmentRefused, shipmentRequested, warehouse } from './checkout.ts'
import { orderHistory, orderHistoryRoutes } from './order-history.ts'
import { orderRoutes } from './orders.ts'
import { productRoutes } from './products.ts'
import { refreshWindow } from './shop-window.ts'

export default defineService({
  name: 'shop',
  version: '1.0.0',
  database: {
    schema: 'shop',
    migrations: new URL('./migrations/', import.meta.url),
    seed: new URL('./seed.sql', import.meta.url),
  },
  jobs: [refreshWindow],
  events: [orderPlaced, shipmentRequested, shipmentBooked, shipmentRefused],
  consumers: [warehouse],
  projections: [bestSellers],
  sagas: [checkout],
  exports: [orderHistory],
  async routes (app) {
    await productRoutes(app)
    orderRoutes(app)
    bestSellerRoutes(app)
    orderHistoryRoutes(app)
  },
  // The bank; then a connection, and what PostgreSQL reads of its catalogue before the first customer waits for it.
  async warm (app) {
    await openBank()
    await app.data.query('select 1 from product join category on category.id = category_id limit 1')
  },
})
