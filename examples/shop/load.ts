// A load test of the shop: people who look around, and some who order.
//   npx plimsoll load examples/shop/load.ts
import { between, defineLoad, get, hold, pick, post, ramp } from 'plimsoll/load'

interface Page {
  readonly items: readonly { readonly id: number }[]
}

export default defineLoad({
  target: 'http://127.0.0.1:3000',
  arrivals: [ramp(5, 20, '5s'), hold(20, '10s')],
  warmUp: '2s',
  journeys: [
    {
      name: 'browse',
      weight: 4,
      think: { mean: '500ms' },
      steps: [
        get(({ random }) => `/products?limit=20&categoryId=${between(random, 1, 50)}`, { name: 'page' }),
        get(({ previous, random }) => `/products/${pick(random, previous.json<Page>().items).id}`, {
          name: 'product',
        }),
      ],
    },
    {
      name: 'order',
      think: { from: '200ms', to: '800ms' },
      steps: [
        // Sold out is an answer that a shop may give.
        post(
          '/orders',
          ({ random }) => ({ items: [{ productId: between(random, 1, 100_000), quantity: 1 }] }),
          {
            name: 'place',
            expect: [202, 409],
          }
        ),
        get(({ previous }) => previous.headers['location'], { name: 'look it up' }),
      ],
    },
  ],
  thresholds: ['error_rate < 1%', 'good(1s) >= 95%', 'p99[place] < 3s'],
})
