// A bank, for trying out what a checkout does when it is slow, says no, or says nothing.
//   node examples/shop/payment-service.ts
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * What the bank does with a charge. `fails`: answers 500 and does nothing; `slow`: does it, late; `silent`: does it, and
 * breaks the connection before it answers.
 */
export const moods = ['fine', 'declines', 'fails', 'slow', 'silent'] as const
export type Mood = typeof moods[number]

export interface PaymentOptions {
  /** For requests that ask for none by `?mood=` or `x-mood`. @default always 'fine' */
  readonly mood?: () => Mood
  /** How long a slow one takes, in milliseconds. @default 2000 */
  readonly slowMs?: number
}

/** Money that has moved: above 0 from the customer to the shop. */
export interface Move {
  readonly orderId: string
  readonly cents: number
}

interface Charge {
  readonly state: 'charged' | 'declined' | 'refunded' | 'void'
  readonly orderId: string
  readonly cents: number
}

/**
 * A payment service over HTTP. It knows each charge by its `Idempotency-Key`: the same key again is answered the same, and
 * no money moves. A refund names the key of its charge; where there is no such charge, a later one is refused.
 */
export function paymentService (
  { mood = () => 'fine', slowMs = 2_000 }: PaymentOptions = {}
): FastifyInstance {
  const app = Fastify()
  const charges = new Map<string, Charge>()
  const underWay = new Map<string, Promise<Charge>>()
  const moves: Move[] = []

  async function charge (key: string, { orderId, cents }: Move, how: Mood): Promise<Charge> {
    if (how === 'slow') await pause(slowMs)
    const known = charges.get(key)
    if (known !== undefined) return known
    const made: Charge = { state: how === 'declines' ? 'declined' : 'charged', orderId, cents }
    if (made.state === 'charged') moves.push({ orderId, cents })
    charges.set(key, made)
    return made
  }

  app.post<{ Body: Move }>('/charges', {
    schema: {
      body: {
        type: 'object',
        required: ['orderId', 'cents'],
        properties: { orderId: { type: 'string' }, cents: { type: 'integer', minimum: 0 } },
      },
    },
  }, async (request, reply) => {
    const key = keyOf(request)
    if (key === undefined) return problem(reply, 400, 'KEY_MISSING', 'A charge needs an Idempotency-Key')
    const how = moodOf(request) ?? mood()
    if (how === 'fails') return problem(reply, 500, 'BANK_FAILED', 'The bank has failed')
    let charging = underWay.get(key)
    if (charging === undefined) {
      charging = charge(key, request.body, how).finally(() => underWay.delete(key))
      underWay.set(key, charging)
    }
    const { state } = await charging
    if (how === 'silent') {
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    }
    if (state === 'declined') return problem(reply, 402, 'CARD_DECLINED', 'The card was declined')
    if (state !== 'charged') return problem(reply, 409, 'CHARGE_VOID', 'The charge was taken back')
    return reply.code(201).send({ id: `payment-of-${key}` })
  })

  app.post<{ Body: { charge: string } }>('/refunds', {
    schema: { body: { type: 'object', required: ['charge'], properties: { charge: { type: 'string' } } } },
  }, async (request, reply) => {
    const how = moodOf(request) ?? mood()
    if (how === 'fails') return problem(reply, 500, 'BANK_FAILED', 'The bank has failed')
    const key = request.body.charge
    const found = charges.get(key)
    if (found?.state === 'charged') {
      moves.push({ orderId: found.orderId, cents: -found.cents })
      charges.set(key, { ...found, state: 'refunded' })
    } else if (found === undefined) charges.set(key, { state: 'void', orderId: '', cents: 0 })
    if (how === 'silent') {
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    }
    return { charge: key, state: charges.get(key)?.state }
  })

  app.get('/ledger', async () => ({ moves }))
  return app
}

/** Without the quotes that the header's draft asks for, when there are any. */
function keyOf ({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  return typeof key === 'string' ? key.replace(/^"(.*)"$/, '$1') : undefined
}

function moodOf ({ headers, query }: FastifyRequest): Mood | undefined {
  const asked = (query as { mood?: unknown }).mood ?? headers['x-mood']
  return moods.find((mood) => mood === asked)
}

function problem (reply: FastifyReply, status: number, code: string, title: string): FastifyReply {
  return reply.code(status).type('application/problem+json').send({ status, code, title })
}

if (import.meta.main) {
  const address = await paymentService({ mood: () => moods[Math.floor(Math.random() * 8)] ?? 'fine' })
    .listen({ port: 3100 })
  console.log(`a bank with moods at ${address}; PAYMENTS_URL=${address} is where the shop looks for it`)
}
