import { createPrivateKey, createPublicKey, generateKeyPairSync, type webcrypto } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { generate } from 'selfsigned'
import { type ManualClock, manualClock } from '../../../kernel/index.ts'
import { type SignedRequest, type SigningKey, signingKey, signRequest } from '../signature/index.ts'
import { AgentDirectory, type AgentDirectoryOptions, type DirectoryOutcome } from './agent-directory.ts'
import { directoryType } from './fetch-directory.ts'

/** A directory server on the loopback interface, under the names of agents, and what looks into it. */
export interface DirectoryWorld extends AsyncDisposable {
  readonly clock: ManualClock
  readonly port: number
  readonly ca: string
  /** How each request is answered; at first with the keys of `jwks`. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
  jwks: unknown
  readonly requests: string[]
  readonly outcomes: DirectoryOutcome[]
  open(options?: AgentDirectoryOptions): AgentDirectory
}

const pems = await generate([{ name: 'commonName', value: 'agent.example' }], {
  keyType: 'ec',
  extensions: [{
    name: 'subjectAltName',
    altNames: ['agent.example', '*.agents.example', 'signature-agent.test'].map((value) => ({
      type: 2,
      value,
    })),
  }],
})

export async function directoryWorld (): Promise<DirectoryWorld> {
  const clock = manualClock(1_700_000_000_000)
  const server = createServer({ key: pems.private, cert: pems.cert }, (request, response) => {
    world.requests.push(`${request.headers.host} ${request.url}`)
    world.answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a TCP address')
  const world: DirectoryWorld = {
    clock,
    port: address.port,
    ca: pems.cert,
    answer: (_request, response) => sendKeys(response, world.jwks),
    jwks: { keys: [] },
    requests: [],
    outcomes: [],
    open: (options) =>
      new AgentDirectory({
        clock,
        random: () => 0,
        onFetch: (outcome) => world.outcomes.push(outcome),
        ...options,
        network: {
          port: address.port,
          ca: pems.cert,
          resolve: async () => [{ address: '127.0.0.1', family: 4 }],
          isAllowed: () => true,
          ...options?.network,
        },
      }),
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return world
}

export function sendKeys (
  response: ServerResponse,
  jwks: unknown,
  headers: Record<string, string> = {}
): void {
  response.writeHead(200, { 'content-type': directoryType, ...headers })
  response.end(JSON.stringify(jwks))
}

/** A new key of an agent: to sign with, and as it is published. */
export function agentKey (): { readonly signer: SigningKey; readonly jwk: webcrypto.JsonWebKey } {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const jwk = createPublicKey(createPrivateKey(pem)).export({ format: 'jwk' })
  return { signer: signingKey({ pem }), jwk }
}

/** A request as an agent signs it. */
export function agentRequest (
  clock: ManualClock,
  signer: SigningKey,
  { header = 'sig1="https://agent.example"', label = 'sig1', components }: {
    readonly header?: string
    readonly label?: string
    readonly components?: readonly string[]
  } = {}
): SignedRequest {
  const headers = {
    'signature-agent': header,
  }
  const signed = signRequest({
    method: 'GET',
    url: 'https://shop.example/products',
    headers,
    key: signer,
    label,
    tag: 'web-bot-auth',
    expiresInSeconds: 3_600,
    components: components ?? ['@authority', `"signature-agent";key="${label}"`],
    clock,
  })
  return {
    method: 'GET',
    target: '/products',
    scheme: 'https',
    authority: 'shop.example',
    rawHeaders: Object.entries({ ...headers, ...signed }).flat(),
    hasBody: false,
  }
}
