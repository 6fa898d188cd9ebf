import type { ServiceApp } from 'plimsoll'
import { paymentService } from './payment-service.ts'

/**
 * Where nobody names a bank (`PAYMENTS_URL`), the shop brings one that says yes to everything, in its own process: enough
 * to try it out. It forgets all when the process ends.
 */
export async function openBank (app: ServiceApp): Promise<void> {
  if (process.env['PAYMENTS_URL'] !== undefined) return
  const bank = paymentService()
  process.env['PAYMENTS_URL'] = await bank.listen({ host: '127.0.0.1', port: 0 })
  app.addHook('onClose', async () => {
    delete process.env['PAYMENTS_URL']
    await bank.close()
  })
}
