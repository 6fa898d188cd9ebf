import { paymentService } from './payment-service.ts'

/**
 * Where nobody names a bank (`PAYMENTS_URL`), the shop brings one that says yes to everything, in its own process: enough
 * to try it out. It ends with the process, and forgets all.
 */
export async function openBank (): Promise<void> {
  if (process.env['PAYMENTS_URL'] !== undefined) return
  const bank = paymentService()
  process.env['PAYMENTS_URL'] = await bank.listen({ host: '127.0.0.1', port: 0 })
  bank.server.unref()
}
