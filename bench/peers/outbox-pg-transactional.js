// node outbox-pg-transactional.js BROKER DATABASE-URL BROKER-URL COUNT: what relay-main.ts does, with pg-transactional-outbox
import { jetstream } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Client } from 'pg'
import { DatabaseSetup, getDisabledLogger, initializePollingMessageListener } from 'pg-transactional-outbox'

const [broker, databaseUrl, brokerUrl, count] = process.argv.slice(2)
const { username, password, host } = new URL(brokerUrl === '' ? 'nats://none' : brokerUrl)
const js = broker === 'nats' ?
  jetstream(await connect({ servers: host, user: username, pass: password })) :
  undefined
const delaysMs = []
const done = Promise.withResolvers()

const setup = {
  outboxOrInbox: 'outbox',
  database: 'postgres',
  schema: 'public',
  table: 'outbox',
  listenerRole: 'none',
  nextMessagesName: 'next_outbox_messages',
}
const client = new Client({ connectionString: databaseUrl })
await client.connect()
await client.query(DatabaseSetup.dropAndCreateTable(setup))
await client.query(DatabaseSetup.createPollingFunction(setup))
await client.query(DatabaseSetup.setupPollingIndexes(setup))
await client.end()

process.stdout.write('ready\n')
await once(createInterface(process.stdin), 'line')
const startedMs = performance.now()
// Batch and pause are tuned; by default 5 messages each 500 ms, so at most 10 a second for each free place.
initializePollingMessageListener(
  {
    outboxOrInbox: 'outbox',
    dbListenerConfig: { connectionString: databaseUrl, max: 20 },
    settings: {
      dbSchema: 'public',
      dbTable: 'outbox',
      enableMaxAttemptsProtection: false,
      enablePoisonousMessageProtection: false,
      nextMessagesFunctionName: 'next_outbox_messages',
      nextMessagesBatchSize: 100,
      nextMessagesPollingIntervalInMs: 10,
    },
  },
  {
    async handle (message) {
      await js?.publish(`events.${message.messageType}`, JSON.stringify(message.payload), {
        msgID: message.id,
      })
      delaysMs.push(Date.now() - new Date(message.createdAt).getTime())
      if (delaysMs.length >= Number(count)) done.resolve()
    },
  },
  getDisabledLogger()
)
await done.promise
process.stdout.write(
  `${JSON.stringify({ ms: performance.now() - startedMs, delaysMs })}\n`,
  () => process.exit()
)
