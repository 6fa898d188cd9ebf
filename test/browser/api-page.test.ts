import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { Type } from 'typebox'
import { testEnvironment } from '../../src/serve/service/environment.fixture.ts'
import { buildApp, defineService } from '../../src/serve/service/index.ts'
import { requireEngine } from '../engines.fixture.ts'

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
]

const service = defineService({
  name: 'things',
  version: '2.1.0',
  routes (app) {
    app.get('/things/:id', {
      schema: {
        summary: 'One thing',
        params: Type.Object({ id: Type.Integer() }),
        response: { 200: Type.Object({ id: Type.Integer() }) },
      },
    }, async ({ params }) => ({ id: params.id }))
  },
})

test('the API page lists the routes in a browser, tries one out, and needs nothing from elsewhere', async (t) => {
  const executablePath = requireEngine(t, 'chromium', 'apt-get install chromium')
  if (executablePath === undefined) return
  await using environment = await testEnvironment({ PLIMSOLL_OPENAPI_PAGE: 'true' })
  const app = await buildApp(service, environment)
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const browser = await chromium.launch({ executablePath, args: flags })
  try {
    const page = await browser.newPage()
    const troubles: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') troubles.push(message.text())
    })
    page.on('request', (request) => {
      if (!request.url().startsWith(address) && !request.url().startsWith('data:'))
        troubles.push(request.url())
    })
    await page.goto(`${address}/docs/`)
    await page.getByText('One thing').click()
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByPlaceholder('id').fill('7')
    await page.getByRole('button', { name: 'Execute' }).click()
    await page.locator('.live-responses-table .response-col_status').getByText('200').first().waitFor()
    assert.match(await page.locator('.live-responses-table').innerText(), /"id": 7/)
    assert.deepEqual(troubles, [])
  } finally {
    await browser.close()
  }
})
